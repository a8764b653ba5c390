// A host with its own Eigen and stb_image in the same file, before and after ours.
#include <Eigen/Dense>
#if defined(OURS_FIRST)
#include <segface/backends/reference.hpp>
#include <segface/image/file.hpp>
#include <segface/segface.hpp>
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_BMP
#include <stb/stb_image.h>
#if !defined(OURS_FIRST)
#include <segface/backends/reference.hpp>
#include <segface/image/file.hpp>
#include <segface/segface.hpp>
#endif

int main() {
  const Eigen::Matrix2d one = Eigen::Matrix2d::Identity();
  const unsigned char no_image[4] = {};
  int width, height, channels;
  if (stbi_load_from_memory(no_image, 4, &width, &height, &channels, 3) != nullptr) return 1;
  if (segface::load_image("no such file").ok()) return 1;
  if (segface::Parser::load("no such file").ok()) return 1;
  return one.trace() == 2 ? 0 : 1;
}
