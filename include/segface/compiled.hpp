// What segface.hpp offers to programs of many files: declarations, quick to include. The code is compiled once, with
// compiled.cpp: link the CMake target segface::compiled, or add that file to the program.
//
//   #include <segface/compiled.hpp>
//   ...
//   const auto parser = segface::Parser::load("demo.safetensors");
#pragma once

#include "segface/parser.hpp"

SEGFACE_BEGIN_NAMESPACE

extern template class BasicParser<cpu::Backend>;
extern template class BasicWorkspace<cpu::Backend>;

SEGFACE_END_NAMESPACE
