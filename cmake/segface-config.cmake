# The installed package: segface::segface, and segface::compiled where the language is C++.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/segface-targets.cmake)
if(CMAKE_CXX_COMPILER_LOADED AND NOT TARGET segface::compiled)
  get_target_property(segface_include segface::segface INTERFACE_INCLUDE_DIRECTORIES)
  include(${CMAKE_CURRENT_LIST_DIR}/segface-compiled.cmake)
  unset(segface_include)
endif()
