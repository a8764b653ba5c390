// What segface.hpp, finder.hpp, photo.hpp and video.hpp offer to programs of many files: declarations, quick to include.
// The code is compiled once, with compiled.cpp: link the CMake target segface::compiled, or add that file to the program.
//
//   #include <segface/compiled.hpp>
//   ...
//   const auto parser = segface::PhotoParser::load("finder.safetensors", "demo.safetensors").value();
//
// Parser::plan() and backend(), and executors, want networks/segface/model.hpp, networks/segface/cpu.hpp and
// base/threads/executor.hpp besides. Where this is included, compiled.cpp must be linked, even if segface.hpp is included
// too. A progress callback may throw only if compiled.cpp was built with exceptions.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include "segface/faces/finder.hpp"
#include "segface/parser.hpp"
#include "segface/photo_parser.hpp"
#include "segface/tracker.hpp"

SEGFACE_BEGIN_NAMESPACE

extern template class BasicParser<cpu::Backend>;
extern template class BasicWorkspace<cpu::Backend>;
extern template class BasicFinder<cpu::Backend>;
extern template class BasicPhotoParser<cpu::Backend>;
extern template class BasicTracker<cpu::Backend>;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
