// The first example on a GPU: a photo in, a mask out. Usage: 04_cuda WEIGHTS.safetensors PHOTO MASK.png
//
//   nvcc -std=c++17 -O2 -arch=native -Iinclude examples/04_cuda.cu -o 04_cuda
//
// With CMake: SEGFACE_CUDA, or find_package(segface COMPONENTS cuda), and link segface::cuda.
#include <cstdio>

#include "segface/cuda.cuh"
#include "segface/faces/label_png.hpp"
#include "segface/image/file.hpp"
#include "segface/parser_definitions.hpp"

using Parser = segface::BasicParser<segface::cuda::Backend>;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: 04_cuda WEIGHTS.safetensors PHOTO MASK.png\n", stderr);
    return 2;
  }
  try {
    const Parser parser = Parser::load(argv[1]).value();
    const segface::Image photo = segface::load_image(argv[2]).value();
    const segface::Mask mask = parser.parse(photo.view()).value();
    segface::save_label_png(argv[3], mask.view(), mask.dataset()).or_throw();
    std::printf("%s: hair on %td pixels, eyes on %td\n", argv[3], mask.count(segface::LabelGroup::hair),
                mask.count(segface::LabelGroup::eyes));
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.code() == segface::Errc::no_device ? 7 : 1;
  }
  return 0;
}
