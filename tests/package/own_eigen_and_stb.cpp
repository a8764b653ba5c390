// A host with an Eigen and an stb_image of its own beside ours.
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#include <Eigen/Dense>
#include <segface/backends/reference.hpp>
#include <segface/image/file.hpp>
#include <segface/segface.hpp>

int main() {
  int width = 0, height = 0, channels = 0;
  const unsigned char no_image[4] = {};
  const bool theirs = stbi_info_from_memory(no_image, 4, &width, &height, &channels) != 0;
  const bool ours = segface::decode_image({no_image, 4}, "nothing").ok();
  const Eigen::Matrix2d identity = Eigen::Matrix2d::Identity();
  return theirs || ours || identity.determinant() != 1.0 ? 1 : 0;
}
