// The smallest user of the library, built by the scripts beside it in every way a user may build it.
//   parse WEIGHTS
#include <cstdio>
#include <vector>
#if defined(DECLARED_ONLY)  // the code is in the target segface::compiled
#include <segface/compiled.hpp>
#elif defined(ANY_PHOTO)
#include <segface/photo.hpp>
#else
#include <segface/segface.hpp>
#endif

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::vector<unsigned char> gray(64 * 48 * 3, 128);
#if SEGFACE_EXCEPTIONS
  try {
    segface::Parser::load("no such file").value();
    return 1;
  } catch (const segface::Error&) {
  }
#endif
  const auto parser = segface::Parser::load(argv[1]);
  if (!parser.ok()) return std::fputs(parser.error().message(), stderr), 1;
  const auto mask = parser->parse({gray.data(), 64, 48, segface::PixelOrder::rgb});
  if (!mask.ok()) return std::fputs(mask.error().message(), stderr), 1;
#if defined(ANY_PHOTO)
  const auto photos = segface::PhotoParser::load("no such finder", argv[1]);
  if (photos.ok()) return 1;
#endif
  return mask->width() == 64 && mask->height() == 48 ? 0 : 1;
}
