// Without CMake and without any library: a photo as PPM from standard input, its labels as PGM to standard output.
//
//   g++ -std=c++17 -O2 -Iinclude examples/02_no_cmake.cpp -pthread -o no_cmake
//   djpeg photo.jpg | ./no_cmake weights/demo.safetensors > labels.pgm
#include <cstdio>
#include <vector>

#include "segface/segface.hpp"

int main(int argc, char** argv) {
  int width = 0, height = 0;
  // "P6", the sides, the largest value, one space, then red, green and blue of each pixel.
  if (argc != 2 || std::scanf("P6 %d %d 255", &width, &height) != 2 || std::getchar() == EOF || width < 1 ||
      height < 1 || width > 10000 || height > 10000) {
    std::fputs("usage: no_cmake WEIGHTS.safetensors < photo.ppm > labels.pgm\n", stderr);
    return 2;
  }
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<unsigned char> rgb(3 * pixels);
  if (std::fread(rgb.data(), 1, rgb.size(), stdin) != rgb.size()) {
    std::fputs("the photo ends too early\n", stderr);
    return 1;
  }
  const auto parser = segface::Parser::load(argv[1]);
  if (!parser.ok()) {
    std::fprintf(stderr, "%s\n", parser.error().message());
    return 1;
  }
  auto mask = parser->parse({rgb.data(), width, height, segface::PixelOrder::rgb});
  if (!mask.ok()) {
    std::fprintf(stderr, "%s\n", mask.error().message());
    return 1;
  }
  std::printf("P5\n%d %d\n255\n", width, height);
  std::fwrite(mask->data(), 1, pixels, stdout);
  return 0;
}
