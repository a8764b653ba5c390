// Any bytes, decoded as a photo by each JPEG decoder that is built, and as labels: as they are and, where they are a
// PNG, with the checksums of its chunks made right.
#include <algorithm>

#include "segface/base/crc32.hpp"
#include "segface/image/decode.hpp"
#include "segface/image/png_write.hpp"
#include "segface/image/stb.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

// What one picture may cost here.
ImageOptions options() {
  ImageOptions narrow;
  narrow.limits.max_pixels = Index{1} << 20;
  narrow.limits.max_decode_bytes = std::size_t{64} << 20;
  narrow.limits.max_scan_pixels = Index{1} << 24;
  return narrow;
}

volatile unsigned sink;

// Every byte is looked at, so that what was never written shows.
void demand_pixels(const Image& image) {
  demand(image.width() > 0 && image.height() > 0 && image.height() <= options().limits.max_pixels / image.width(),
         "a picture within the limits");
  unsigned sum = 0;
  for (std::size_t i = 0; i < image.size_bytes(); ++i) sum += image.data()[i];
  sink = sum;
}

template <class Decoder>
Result<Image> decode(Bytes file) {
  auto image = decode_image<Decoder>(file, "fuzz", options());
  if (image.ok()) {
    demand(image->order() == PixelOrder::rgb, "RGB");
    demand_pixels(*image);
  } else {
    demand_reason(image.error());
  }
  return image;
}

void check(Bytes file) {
  const auto by_stb = decode<StbJpeg>(file);
#if defined(SEGFACE_WITH_LIBJPEG)
  const auto by_libjpeg = decode<LibJpeg>(file);
  if (by_stb.ok() && !by_libjpeg.ok()) {
    const Status refusal = by_libjpeg.error();
    const bool too_dear = refusal.code() == Errc::limit_exceeded || refusal.code() == Errc::out_of_memory;
    demand(too_dear, "that libjpeg-turbo reads what stb_image does", refusal.message());
  }
  if (by_stb.ok() && by_libjpeg.ok()) {
    demand(by_stb->width() == by_libjpeg->width() && by_stb->height() == by_libjpeg->height(), "one size");
  }
#else
  (void)by_stb;
#endif
  const auto labels = decode_label_png(file, options().limits);
  if (labels.ok()) demand_pixels(*labels);
  if (!labels.ok()) demand_reason(labels.error());
}

// The file with each chunk's checksum made right.
std::vector<std::uint8_t> repaired(Bytes png) {
  std::vector<std::uint8_t> file(png.begin(), png.end());
  constexpr std::size_t kAround = 12;  // bytes of a chunk beside its body
  for (std::size_t at = 8; file.size() - at >= kAround;) {
    const std::size_t body = std::size_t{file[at]} << 24 | std::size_t{file[at + 1]} << 16 |
                             std::size_t{file[at + 2]} << 8 | std::size_t{file[at + 3]};
    if (body > file.size() - at - kAround) break;
    png_detail::put_big(&file[at + 8 + body], crc32(0, &file[at + 4], body + 4));
    at += kAround + body;
  }
  return file;
}

}  // namespace

SEGFACE_FUZZ_TARGET(pictures, 100) {
  check(input);
  if (input.size() > 8 && std::equal(std::begin(kPngSignature), std::end(kPngSignature), input.begin())) {
    const std::vector<std::uint8_t> file = repaired(input);
    check({file.data(), file.size()});
  }
  const int turn = exif_orientation(input), named = xmp_orientation(text_of(input));
  demand(turn >= 0 && turn <= 8 && named >= 0 && named <= 8, "an orientation");
}
