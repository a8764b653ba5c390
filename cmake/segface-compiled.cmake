# segface::compiled: the library compiled once, for programs of many files, which then include segface/compiled.hpp.
# Built where it is linked. The build and the installed package include this; segface_include is the headers' folder.
add_library(segface_compiled STATIC EXCLUDE_FROM_ALL ${segface_include}/segface/compiled.cpp)
add_library(segface::compiled ALIAS segface_compiled)
target_link_libraries(segface_compiled PUBLIC segface::segface)
target_compile_options(segface_compiled PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-O2>)  # in any build type
set_target_properties(segface_compiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
