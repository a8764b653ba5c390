// Video: faces and labels of frames, one after the other.
//
//   #include <segface/video.hpp>
//
//   int main() {
//     const auto parser = segface::PhotoParser::load("finder.safetensors", "demo.safetensors").value();
//     auto tracker = segface::Tracker::make(parser).value();
//     while (... pixels of the next frame ...) {
//       tracker.next({pixels, width, height, segface::PixelOrder::bgr}).or_throw();
//       ... tracker.parsed().mask, a label for every pixel ...
//     }
//   }
//
// A header of its own, so that who parses photos does without: photo.hpp is its part.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include "segface/photo.hpp"
#include "segface/tracker_definitions.hpp"
//
#include "segface/base/host_macros_end.hpp"
