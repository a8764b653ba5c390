# segface::c, libsegface: the C interface for programs of any language. It shows its functions and nothing else, and brings
# what it needs of C++ along, so that neither another copy of it nor another C++ library in a process disturbs it.
add_library(segface_c SHARED ${segface_include}/segface/c/parsing.cpp ${segface_include}/segface/c/pictures.cpp
            ${segface_include}/segface/c/tracking.cpp)
add_library(segface::c ALIAS segface_c)
target_compile_definitions(segface_c PRIVATE SEGFACE_C_BUILD)
target_link_libraries(segface_c PRIVATE segface_networks)
target_include_directories(segface_c INTERFACE $<BUILD_INTERFACE:${segface_include}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Before 1.0 a minor version may change the interface, see CHANGELOG.md.
set_target_properties(segface_c PROPERTIES
  OUTPUT_NAME segface EXPORT_NAME c SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
if(UNIX AND NOT APPLE)
  set(map ${CMAKE_CURRENT_LIST_DIR}/segface-c.map)
  target_link_options(segface_c PRIVATE -Wl,--version-script=${map} -Wl,--no-undefined -static-libstdc++ -static-libgcc)
  set_target_properties(segface_c PROPERTIES LINK_DEPENDS ${map})
elseif(MINGW)
  target_link_options(segface_c PRIVATE -static)
endif()
