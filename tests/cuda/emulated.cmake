# The cuda backend under emulation, a program of its own: other headers stand in for CUDA's.
file(GLOB emulator CONFIGURE_DEPENDS cuda_emulation/*.cpp)
list(FILTER emulator EXCLUDE REGEX /instrumentation\\.cpp$)
file(GLOB cuda_tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} cuda/*_test.cpp)
add_library(segface_cuda_emulation OBJECT ${emulator})  # compiled once for the programs below
target_link_libraries(segface_cuda_emulation PRIVATE segface_developer)
target_include_directories(segface_cuda_emulation PRIVATE cuda_emulation)
set(emulator $<TARGET_OBJECTS:segface_cuda_emulation>)
list(FILTER cuda_tests EXCLUDE REGEX "^cuda/(access|traffic)_")
if(CMAKE_CXX_FLAGS MATCHES sanitize)  # the others would take many minutes
  list(FILTER cuda_tests INCLUDE REGEX "^cuda/(emulation|ends|graph)_")
endif()
add_executable(segface_cuda_tests main.cpp ${emulator} ${cuda_tests})
target_link_libraries(segface_cuda_tests PRIVATE segface_networks)
target_include_directories(segface_cuda_tests PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} cuda_emulation)
target_compile_definitions(segface_cuda_tests PRIVATE SEGFACE_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data")
foreach(test IN LISTS cuda_tests)
  string(REPLACE _test.cpp "" name ${test})
  add_test(NAME ${name} COMMAND segface_cuda_tests --no-version --source-file=*/${test})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 COST 60)
endforeach()

# What GPUs could reach at most, counted on the same emulated one.
if(SEGFACE_BUILD_TOOLS AND NOT CMAKE_CXX_FLAGS MATCHES sanitize)
  add_executable(cuda_roofline ${PROJECT_SOURCE_DIR}/tools/bench/cuda_roofline.cpp ${emulator})
  target_link_libraries(cuda_roofline PRIVATE segface_developer)
  target_include_directories(cuda_roofline PRIVATE cuda_emulation)
  add_test(NAME tools/cuda_roofline COMMAND cuda_roofline mobilenet)
endif()

# The same with each access of a kernel to memory seen: g++ puts a call before it, which the emulator answers. Options are
# off that would split, merge or copy an access of the source.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT CMAKE_CXX_FLAGS MATCHES sanitize)
  add_library(segface_cuda_seen OBJECT cuda/access_test.cpp cuda/primitive_test.cpp cuda/traffic_test.cpp)
  target_compile_options(segface_cuda_seen PRIVATE
    -O2 -g1 -fsanitize=thread --param=tsan-instrument-func-entry-exit=0 -fno-tree-sra -fno-tree-vectorize
    -fno-tree-slp-vectorize -fno-thread-jumps -fno-optimize-sibling-calls)
  add_executable(segface_cuda_traffic main.cpp cuda_emulation/instrumentation.cpp ${emulator})
  target_link_libraries(segface_cuda_traffic PRIVATE segface_cuda_seen)
  foreach(target segface_cuda_seen segface_cuda_traffic)
    target_link_libraries(${target} PRIVATE segface_networks)
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} cuda_emulation)
  endforeach()
  target_compile_definitions(segface_cuda_seen PRIVATE SEGFACE_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data")
  foreach(test access primitive traffic)
    add_test(NAME cuda/seen_${test} COMMAND segface_cuda_traffic --no-version --source-file=*/cuda/${test}_test.cpp)
    set_tests_properties(cuda/seen_${test} PROPERTIES TIMEOUT 600 COST 60)
  endforeach()
endif()
