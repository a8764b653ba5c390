// The finder: every face of a photo, with five points each.
//
//   #include <segface/finder.hpp>
//   #include <segface/image/file.hpp>  // optional: reads JPEG and PNG
//
//   int main() {
//     const auto finder = segface::Finder::load("finder.safetensors").value();
//     const auto photo = segface::load_image("photo.jpg").value();
//     const segface::Faces faces = finder.find(photo.view()).value();
//     for (const segface::Face& face : faces.found) { ... face.box, face.landmarks, face.score ... }
//   }
//
// A header of its own: segface.hpp, which parses one face, does without. See faces/face.hpp for what is told and asked.
#pragma once

#include "segface/backends/cpu.hpp"
#include "segface/faces/finder.hpp"
#include "segface/faces/finder_definitions.hpp"
