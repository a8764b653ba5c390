// Any photo: every face found, parsed, and put back.
//
//   #include <segface/faces/label_png.hpp>
//   #include <segface/image/file.hpp>  // optional: reads JPEG and PNG
//   #include <segface/photo.hpp>
//
//   int main() {
//     const auto parser = segface::PhotoParser::load("finder.safetensors", "demo.safetensors").value();
//     const auto photo = segface::load_image("photo.jpg").value();
//     const segface::ParsedPhoto parsed = parser.parse(photo.view()).value();
//     segface::save_label_png("mask.png", parsed.mask.view(), parsed.mask.dataset()).or_throw();
//   }
//
// A header of its own, so that who parses single faces does without a finder: segface.hpp and finder.hpp are its parts.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include "segface/finder.hpp"
#include "segface/photo_parser_definitions.hpp"
#include "segface/segface.hpp"
//
#include "segface/base/host_macros_end.hpp"
