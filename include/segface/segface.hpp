// segface: parses faces. A photo in, a label for every pixel out.
//
//   #include <segface/segface.hpp>
//   #include <segface/faces/label_png.hpp>
//   #include <segface/image/file.hpp>  // optional: reads JPEG and PNG
//
//   int main() {
//     const auto parser = segface::Parser::load("demo.safetensors").value();
//     const auto photo = segface::load_image("photo.jpg").value();
//     const segface::Mask mask = parser.parse(photo.view()).value();
//     segface::save_label_png("mask.png", mask.view(), mask.dataset()).or_throw();
//   }
//
// Needs C++17 and nothing else. Three levels: Parser::parse (photo to mask), Workspace::parse (the same without an
// allocation after the first one), Workspace::logits (normalised tensor to raw logits). Functions that can fail return
// Status or Result and never throw; value() and or_throw() do, see base/status.hpp.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include "segface/networks/segface/cpu.hpp"
#include "segface/parser.hpp"
#include "segface/parser_definitions.hpp"
//
#include "segface/base/host_macros_end.hpp"
