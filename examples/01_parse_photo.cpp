// The smallest program: a photo in, a mask out. Usage: 01_parse_photo WEIGHTS.safetensors PHOTO MASK.png
#include <cstdio>

#include "segface/faces/label_png.hpp"
#include "segface/image/file.hpp"
#include "segface/segface.hpp"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: 01_parse_photo WEIGHTS.safetensors PHOTO MASK.png\n", stderr);
    return 2;
  }
  try {
    const segface::Parser parser = segface::Parser::load(argv[1]).value();
    const segface::Image photo = segface::load_image(argv[2]).value();
    const segface::Mask mask = parser.parse(photo.view()).value();
    segface::save_label_png(argv[3], mask.view(), mask.dataset()).or_throw();
    std::printf("%s: hair on %td pixels, eyes on %td\n", argv[3], mask.count(segface::LabelGroup::hair),
                mask.count(segface::LabelGroup::eyes));
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
