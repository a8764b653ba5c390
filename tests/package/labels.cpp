// The labels of a photo, computed by segface.hpp alone, to compare compilers, flags and platforms with each other.
//   labels WEIGHTS PHOTO.png OUT [THREADS]     OUT: a byte a pixel
#include <cstdio>
#include <cstdlib>
#include <segface/image/png_read.hpp>
#include <segface/segface.hpp>
#include <vector>

namespace {

std::vector<unsigned char> bytes_of(const char* path) {
  std::vector<unsigned char> bytes;
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return bytes;
  unsigned char block[4096];
  while (const std::size_t got = std::fread(block, 1, sizeof block, file))
    bytes.insert(bytes.end(), block, block + got);
  std::fclose(file);
  return bytes;
}

int failed(const segface::Status& status) {
  return std::fprintf(stderr, "%s\n", status.message()), 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  const std::vector<unsigned char> weights = bytes_of(argv[1]), file = bytes_of(argv[2]);
  segface::Options options;
  options.threads = argc == 5 ? std::atoi(argv[4]) : 1;
  options.self_test = true;
  const auto parser = segface::Parser::from_memory({weights.data(), weights.size()}, options);
  if (!parser.ok()) return failed(parser.error());
  const auto png = segface::core::PngFile::open({file.data(), file.size()}, segface::ImageLimits());
  if (!png.ok()) return failed(png.error());
  const auto photo = png->photo();
  if (!photo.ok()) return failed(photo.error());
  const auto mask = parser->parse(photo->view());
  if (!mask.ok()) return failed(mask.error());
  std::printf("%s kernels, %d threads\n", parser->backend().isa_name(), static_cast<int>(parser->threads()));

  std::FILE* const out = std::fopen(argv[3], "wb");
  if (out == nullptr) return 1;
  const auto labels = mask->labels();
  const bool written = std::fwrite(labels.data(), 1, labels.size(), out) == labels.size();
  return std::fclose(out) == 0 && written ? 0 : 1;
}
