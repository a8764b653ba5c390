// segface: parses faces. A photo in, a label for every pixel out.
//
//   #include <segface/segface.hpp>
//   #include <segface/image/file.hpp>  // optional: reads JPEG and PNG
//
//   int main() {
//     const auto parser = segface::Parser::load("demo.safetensors");
//     const auto photo = segface::load_image("photo.jpg").value_or_throw();
//     const segface::Mask mask = parser.parse(photo.view());
//     throw_if_error(segface::save_label_png("mask.png", mask.view(), mask.dataset(),
//     segface::OutputFile::Existing::replace));
//   }
//
// Needs C++17 and nothing else. Three levels: Parser::parse (photo to mask), Workspace::parse (the same without an
// allocation after the first one), Workspace::logits (normalised tensor to raw logits). Every function has a form
// that returns Status or Result and never throws; names without try_ throw segface::Error.
#pragma once

#include "segface/backends/cpu.hpp"
#include "segface/facade/definitions.hpp"
#include "segface/parser.hpp"
