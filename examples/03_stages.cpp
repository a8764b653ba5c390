// What happens inside: the maps between photo and labels, as pictures on one sheet.
// Usage: 03_stages WEIGHTS.safetensors PHOTO STAGES.png
//
// Tiles, row by row: the network's input, the four maps of the pyramid, their fusion, the image after the transformer,
// the upscaled image, then the logits of each class in label order. A map's tile shows the length of each pixel's
// vector, a class's tile its logit; each from its least value, black, to its largest, white.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/segface.hpp"

namespace {

using Scalar = segface::cpu::Backend::Scalar;
constexpr segface::Index kTile = 192, kColumns = 8;

// Draws every stage as it is computed.
class Sheet final : public segface::Observer<Scalar> {
 public:
  explicit Sheet(segface::Image image) : image_(std::move(image)) {}

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const segface::Map<const Scalar>& output, const segface::Cost&) noexcept override {
    if (output.height == 1) return;  // tokens, not pixels
    if (std::string(name) == "logits") {
      for (segface::Index label = 0; label < output.channels; ++label) add(output.slice(label, 1));
    } else {
      add(output);
    }
  }

  // The next tile: the one value of each pixel, or the length of its vector.
  void add(const segface::Map<const Scalar>& map) noexcept {
    const auto value = [&](segface::Index y, segface::Index x) {
      const Scalar* pixel = map.pixel(0, y * map.height / kTile, x * map.width / kTile);
      if (map.channels == 1) return pixel[0];
      Scalar squares = 0;
      for (segface::Index c = 0; c < map.channels; ++c) squares += pixel[c] * pixel[c];
      return std::sqrt(squares);
    };
    Scalar least = value(0, 0), most = least;
    for (segface::Index y = 0; y < kTile; ++y) {
      for (segface::Index x = 0; x < kTile; ++x) {
        least = std::min(least, value(y, x));
        most = std::max(most, value(y, x));
      }
    }
    const segface::Index top = next_ / kColumns * kTile, left = next_ % kColumns * kTile;
    ++next_;
    if (top + kTile > image_.height()) return;
    for (segface::Index y = 0; y < kTile; ++y) {
      for (segface::Index x = 0; x < kTile; ++x) {
        const Scalar share = (value(y, x) - least) / std::max(most - least, Scalar(1e-12));
        image_.row(top + y)[left + x] = static_cast<std::uint8_t>(std::lround(255 * share));
      }
    }
  }

  const segface::Image& image() const { return image_; }

 private:
  segface::Image image_;
  segface::Index next_ = 0;
};

void run(const char* weights, const char* photo_path, const char* out) {
  using segface::cpu::Backend;
  const auto file = segface::WeightFile::open(weights).value_or_throw();
  const auto network = segface::SegFace<Backend>::prepare(Backend(), file.weights()).value_or_throw();
  const segface::Index side = file.info().resolution;
  const auto executor = segface::make_executor(0).value_or_throw();
  const auto plan = segface::Plan<Backend>::make(network, 1, side, side, *executor).value_or_throw();

  const segface::Image photo = segface::load_image(photo_path).value_or_throw();
  const auto resize = segface::BicubicResize::make(photo.width(), photo.height(), side, side).value_or_throw();
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(3 * side * side)), scratch(resize.scratch_bytes());
  resize.rgb(photo.view(), rgb.data(), scratch.data(), *executor);

  const segface::Index tiles = 8 + file.info().classes(), rows = (tiles + kColumns - 1) / kColumns;
  segface::Image blank =
      segface::Image::make(kColumns * kTile, rows * kTile, segface::PixelOrder::gray).value_or_throw();
  std::fill_n(blank.data(), blank.size_bytes(), std::uint8_t{0});
  Sheet sheet(std::move(blank));
  const auto fill = [&](const segface::Map<Scalar>& input) {
    segface::normalize(rgb.data(), input.rows(), input.data, input.stride);
    sheet.add(input);
  };
  segface::throw_if_error(
      segface::pass_once(network, plan, *executor, &sheet, fill, [](const segface::Map<Scalar>&) {}));
  segface::throw_if_error(segface::save_png(out, sheet.image().view(), segface::OutputFile::Existing::replace));
  std::printf("%s: %td tiles of %td x %td\n", out, tiles, kTile, kTile);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: 03_stages WEIGHTS.safetensors PHOTO STAGES.png\n", stderr);
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3]);
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
