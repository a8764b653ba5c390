// Calls in any order on one picture: crop, align, paste, resize, probabilities, drawing. Each step is named by a byte,
// and takes its numbers from those that follow.
#include <algorithm>
#include <utility>

#include "segface/faces/align.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/metrics.hpp"
#include "segface/faces/probability.hpp"
#include "segface/faces/render.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/resize.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

constexpr Index kMostPixels = 20000;

class Calls {
 public:
  explicit Calls(Bytes input) : numbers_(input), photo_(nullptr, 0, 0, PixelOrder::rgb) {
    const Index width = 1 + numbers_.byte(), height = 1 + numbers_.byte() % 64, gap = numbers_.byte() % 20;
    const auto order = static_cast<PixelOrder>(numbers_.byte() % 5);
    const Index stride = width * channels_of(order) + gap;
    pixels_.resize(static_cast<std::size_t>(stride * height - gap));  // the last row has no gap
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<std::uint8_t>(i * 37 >> 2);
    photo_ = ImageView(pixels_.data(), width, height, stride, order);
    label();
  }

  void run() {
    for (int step = 0; step < 12 && numbers_.more(); ++step) {
      switch (numbers_.byte() % 8) {
        case 0:
          crop_some();
          break;
        case 1:
          align();
          break;
        case 2:
          paste();
          break;
        case 3:
          resize();
          break;
        case 4:
          draw();
          break;
        case 5:
          refuse();
          break;
        case 6:
          weigh();
          break;
        default:
          label();
      }
    }
  }

 private:
  // Goes on with another picture, where it is small enough.
  void take(Image&& image) {
    if (image.width() * image.height() > kMostPixels) return;
    photo_ = image.view();
    held_ = std::move(image);  // whose pixels stay where they are
  }

  // Labels of the photo's size, or of another, in and out of range.
  void label() {
    const bool same = numbers_.byte() % 4 != 0;
    const Index width = same ? photo_.width : 1 + numbers_.byte(), height = same ? photo_.height : 1 + numbers_.byte();
    const int values = numbers_.flag() ? 11 : 256, step = numbers_.byte();
    labels_ = Image::make(width, height, PixelOrder::gray).value();
    for (std::size_t i = 0; i < labels_.size_bytes(); ++i) {
      labels_.data()[i] = static_cast<std::uint8_t>(static_cast<int>(i) * step / 8 % values);
    }
  }

  Box box() {
    const Index x = numbers_.number(), y = numbers_.number(), width = numbers_.number();
    return {x, y, width, numbers_.number()};
  }

  void crop_some() {
    Box part = box();
    const auto square = square_box(part, numbers_.real());
    if (square.ok()) demand(square->width == square->height && square->width >= 1, "a square");
    part.width = std::min<Index>(part.width, 1000), part.height = std::min<Index>(part.height, 1000);
    auto cut = crop(photo_, part);
    if (!cut.ok()) return demand_reason(cut.error());
    demand(cut->width() == part.width && cut->height() == part.height, "the box's size");
    take(std::move(*cut));
  }

  void align() {
    const Landmarks landmarks = numbers_.landmarks(photo_.width, photo_.height);
    const Status status = check_landmarks(landmarks, photo_.width, photo_.height);
    if (!status.ok()) return demand_reason(status);
    const AlignedSquare square(landmarks);
    const Index side = square.side();
    if (side > 300) return;
    auto cut = square.cut(photo_);
    demand(cut.ok() && cut->width() == side && cut->height() == side, "the square");
    const Image filled = [&] {
      Image image = Image::make(side, side, PixelOrder::gray).value();
      std::fill_n(image.data(), image.size_bytes(), std::uint8_t{7});
      return image;
    }();
    demand(square.paste_labels(filled.view(), photo_.width, photo_.height).ok(), "to paste labels");
    const std::vector<float> ones(6, 1.0f);
    std::vector<float> plane(static_cast<std::size_t>(photo_.width * photo_.height));
    const PlaneView view = {ones.data(), 3, 2};
    demand(square.paste_plane(view, -1, photo_.width, photo_.height, {plane.data(), plane.size()}).ok(), "to paste");
    for (const float value : plane) demand(value == 1.0f || value == -1.0f, "the plane's values");
    take(std::move(*cut));
  }

  void paste() {
    const Index x = numbers_.number(), y = numbers_.number(), width = 1 + numbers_.byte(), height = 1 + numbers_.byte();
    const auto pasted = paste_labels(labels_.view(), {x, y, labels_.width(), labels_.height()}, width, height);
    demand(pasted.ok(), "to paste labels anywhere");
    const std::vector<float> halves(6, 0.5f);
    std::vector<float> plane(static_cast<std::size_t>(width * height));
    const Status status = paste_plane({halves.data(), 2, 3}, box(), 9, width, height, {plane.data(), plane.size()});
    if (!status.ok()) return demand_reason(status);
    for (const float value : plane) demand(value == 0.5f || value == 9.0f, "the plane's values");
  }

  void resize() {
    const Index width = numbers_.flag() ? 1 + numbers_.byte() : numbers_.number() % 3000, height = 1 + numbers_.byte();
    auto resized = resize_bicubic(photo_, width, height);
    if (!resized.ok()) return demand_reason(resized.error());
    demand(resized->width() == width && resized->height() == height, "the size");
    const auto labels = resize_labels(labels_.view(), width, height);
    demand(labels.ok() && labels->width() == width, "labels of that size");
    if (numbers_.flag()) take(std::move(*resized));
  }

  void draw() {
    const auto dataset = static_cast<Dataset>(numbers_.byte() % 3);
    const auto mixed = overlay(photo_, labels_.view(), dataset, static_cast<float>(numbers_.real()));
    if (mixed.ok()) demand(shrink(mixed->view(), 1 + numbers_.byte()).ok(), "to shrink");
    if (!mixed.ok()) demand_reason(mixed.error());
    demand(colorize(labels_.view(), dataset).ok(), "colours for any labels");
    const bool fits = labels_.width() == photo_.width && labels_.height() == photo_.height;
    demand(overlay_with_legend(photo_, labels_.view(), dataset).ok() == fits, "a legend where the sizes agree");
    const auto drawn = legend(labels_.view(), dataset, numbers_.byte() % 8);
    if (!drawn.ok()) demand_reason(drawn.error());
    const auto file = encode_label_png(labels_.view(), dataset);
    if (!file.ok()) demand_reason(file.error());
    demand(encode_png(photo_).ok(), "a PNG of any photo");
  }

  // A view that is not valid is refused by all.
  void refuse() {
    const std::uint8_t* at = numbers_.flag() ? pixels_.data() : nullptr;
    const Index width = numbers_.number(), height = numbers_.number(), stride = numbers_.number();
    const ImageView bad(at, width, height, stride, static_cast<PixelOrder>(numbers_.byte()));
    if (bad.validate().ok()) return;
    demand(!crop(bad, {0, 0, 1, 1}).ok() && !encode_png(bad).ok() && !resize_bicubic(bad, 2, 2).ok(), "refusals");
    demand(!overlay(bad, bad, Dataset::celeb).ok() && !colorize(bad, Dataset::celeb).ok(), "refusals");
    demand(!legend(bad, Dataset::celeb).ok() && !paste_labels(bad, {0, 0, 1, 1}, 2, 2).ok(), "refusals");
  }

  void weigh() {
    constexpr Index kClasses = 11, kWidth = 6, kHeight = 5;
    std::vector<float> logits(static_cast<std::size_t>(kClasses * kWidth * kHeight));
    for (float& logit : logits) logit = static_cast<float>(numbers_.byte() - 128);
    const auto view = LogitsView<float>::planes(logits.data(), kClasses, kWidth, kHeight);
    const auto maps = ProbabilityMaps::make(view, photo_.width, photo_.height);
    demand(maps.ok(), "probabilities");
    std::vector<float> plane(static_cast<std::size_t>(photo_.width * photo_.height));
    demand(maps->of_winner({plane.data(), plane.size()}).ok(), "the winner's");
    for (const float share : plane) demand(share > 0 && share < 1.001f, "a share");
    const Status status = maps->of(numbers_.number(), {plane.data(), plane.size()});
    if (!status.ok()) demand_reason(status);
    demand(gray_of_shares({plane.data(), plane.size()}, photo_.width, photo_.height).ok(), "gray of shares");
  }

  Numbers numbers_;
  std::vector<std::uint8_t> pixels_;
  Image held_, labels_;
  ImageView photo_;
};

}  // namespace

SEGFACE_FUZZ_TARGET(geometry, 40) {
  Calls(input).run();
}
