// Mask: a label for every pixel, with what users ask of it next: names, counts, boxes, groups, confidence.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/image.hpp"
#include "segface/image/runs.hpp"

SEGFACE_BEGIN_NAMESPACE

// Labels [height, width] of one photo. Move-only; moved-from is empty. A mask that is filled again reuses its memory.
class Mask {
 public:
  Mask() noexcept { boxes_.fill(Box{0, 0, 0, 0}); }
  // Empty, with memory for labels to come.
  explicit Mask(Buffer<std::uint8_t> memory) noexcept : Mask() { labels_ = std::move(memory); }
  Mask(Mask&& other) noexcept : Mask() { swap(other); }
  Mask& operator=(Mask&& other) noexcept {
    Mask moved(std::move(other));
    swap(moved);
    return *this;
  }

  Dataset dataset() const noexcept { return dataset_; }
  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }
  bool empty() const noexcept { return width_ == 0; }
  // The label of a pixel inside the mask; classes(dataset())[label] tells what it means.
  std::uint8_t at(Index x, Index y) const noexcept { return labels_.data()[y * width_ + x]; }
  // Row by row without padding.
  Span<const std::uint8_t> labels() const noexcept {
    return {labels_.data(), static_cast<std::size_t>(width_ * height_)};
  }
  // The labels as a grey picture, for encode_label_png, colorize and overlay.
  ImageView view() const noexcept { return {labels_.data(), width_, height_, PixelOrder::gray}; }

  // What a label means, in full words with the picture's sides; empty for what is no label.
  std::string_view name(std::uint8_t label) const noexcept {
    const Span<const ClassInfo> known = classes(dataset_);
    return label < known.size() ? known[label].name : std::string_view();
  }
  // Pixels of a label, 0 where there are none or no such label.
  Index count(std::uint8_t label) const noexcept { return label < kMaxClasses ? counts_[label] : 0; }
  // Smallest box around a label's pixels; 0 x 0 where there are none.
  Box box(std::uint8_t label) const noexcept { return label < kMaxClasses ? boxes_[label] : Box{0, 0, 0, 0}; }
  // Share of the pixels that are not background, 0 to 1.
  double coverage() const noexcept {
    return empty() ? 0 : 1 - static_cast<double>(counts_[0]) / static_cast<double>(width_ * height_);
  }
  // Mean of the winning class's probability, 0 to 1, over the pixels of the network's logits: of what it said before
  // that was interpolated to the photo's size.
  double mean_confidence() const noexcept { return confidence_; }

  // 255 where the label is in the group, 0 elsewhere: a grey picture of the mask's size. Errors: out_of_memory,
  // invalid_argument (an empty mask).
  Result<Image> group(LabelGroup which) const noexcept {
    SEGFACE_ASSIGN(picture, Image::make(width_, height_, PixelOrder::gray));
    const std::uint32_t members = label_mask(dataset_, which);
    std::transform(labels().begin(), labels().end(), picture.data(), [&](std::uint8_t label) {
      return label < kMaxClasses && (members >> label & 1u) != 0 ? std::uint8_t{255} : std::uint8_t{0};
    });
    return std::move(picture);
  }
  // Pixels of the group.
  Index count(LabelGroup which) const noexcept {
    Index sum = 0;
    for (Index label = 0; label < kMaxClasses; ++label) {
      if ((label_mask(dataset_, which) >> label & 1u) != 0) sum += counts_[static_cast<std::size_t>(label)];
    }
    return sum;
  }

  // Room for width x height labels; what they are, the caller writes before finish(). Errors: invalid_argument,
  // overflow, out_of_memory; then the mask is as it was.
  Status resize(Dataset dataset, Index width, Index height) noexcept {
    if (static_cast<std::size_t>(dataset) >= std::size(core::kDatasets) || width < 1 || height < 1) {
      return error(Errc::invalid_argument, "a mask of ", width, " x ", height, " pixels of data set ",
                   static_cast<int>(dataset));
    }
    std::size_t pixels = 0;
    if (!core::multiply_fits(static_cast<std::size_t>(width), static_cast<std::size_t>(height), pixels)) {
      return error(Errc::overflow, "a mask of ", width, " x ", height, " pixels does not fit in memory");
    }
    if (pixels > labels_.size()) {
      SEGFACE_ASSIGN(labels, Buffer<std::uint8_t>::make(pixels));
      labels_ = std::move(labels);
    }
    dataset_ = dataset;
    width_ = width;
    height_ = height;
    return {};
  }
  std::uint8_t* data() noexcept { return labels_.data(); }
  // Counts labels and boxes once all labels are written. What is no label is counted nowhere.
  void finish(double mean_confidence) noexcept {
    confidence_ = mean_confidence;
    std::array<Index, 256> counts = {}, left, right, top, bottom;  // for any byte
    left.fill(width_);
    right.fill(-1);
    top.fill(height_);
    bottom.fill(-1);
    for (Index y = 0; y < height_; ++y) {
      core::for_each_run(labels_.data() + y * width_, width_, [&](Index first, Index last, std::size_t label) {
        counts[label] += last - first;
        left[label] = std::min(left[label], first);
        right[label] = std::max(right[label], last - 1);
        top[label] = std::min(top[label], y);
        bottom[label] = y;
      });
    }
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      counts_[i] = counts[i];
      boxes_[i] =
          counts_[i] == 0 ? Box{0, 0, 0, 0} : Box{left[i], top[i], right[i] - left[i] + 1, bottom[i] - top[i] + 1};
    }
  }

 private:
  void swap(Mask& other) noexcept {
    std::swap(dataset_, other.dataset_);
    std::swap(width_, other.width_);
    std::swap(height_, other.height_);
    std::swap(labels_, other.labels_);
    std::swap(counts_, other.counts_);
    std::swap(boxes_, other.boxes_);
    std::swap(confidence_, other.confidence_);
  }

  Dataset dataset_ = Dataset::celeb;
  Index width_ = 0, height_ = 0;
  Buffer<std::uint8_t> labels_;
  std::array<Index, kMaxClasses> counts_ = {};
  std::array<Box, kMaxClasses> boxes_;
  double confidence_ = 0;
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
