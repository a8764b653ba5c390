// Golden: what the official code computed at each stage, and the comparison with what a backend computes.
//
// A golden is a safetensors file: for a stage X the values X [C, rows, cols] at the positions X.rows, X.cols; whole
// `tokens` and `hyper`, the `mask` either way; metadata data set, backbone, seed, logits_std, `image` (a path beside
// the golden's) or `resized` (the same at its size), the size as `resolution` or as `height` and `width`. A stage
// agrees where its largest difference is within 2e-4 of the golden's standard deviation, the logits within 1e-3 of
// logits_std (with LaPa, where the rounding of the warp's grids dominates, every stage within 2e-3 and the
// probabilities within 4e-3 of their deviation), and the mask wherever the two largest logits differ by more than 4e-3
// of logits_std.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/image/file.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/networks/segface/dataset.hpp"
#include "segface/tensors/safetensors.hpp"
#include "segface/tensors/visit.hpp"

SEGFACE_BEGIN_NAMESPACE

// One stage compared.
struct StageComparison {
  std::string stage;
  double largest = 0;                    // largest difference
  double bound = 0;                      // largest that counts as equal
  std::size_t compared = 0, beyond = 0;  // values looked at, values beyond the bound
  std::size_t different = 0;             // of labels: how many are not the golden's
  std::string first_beyond;              // where the first of those is, with both values' difference

  bool agrees() const noexcept { return beyond == 0 && compared != 0; }
};

class Golden {
 public:
  // Errors: those of SafetensorsFile, bad_format (metadata missing).
  static Result<Golden> open(const std::string& path) noexcept {
    return guarded([&]() -> Result<Golden> {
      SEGFACE_ASSIGN(file, SafetensorsFile::open(path));
      Golden golden(std::move(file));
      const bool resized = golden.has("resized"), sides = golden.has("height");
      for (const char* key : {"dataset", "backbone", "seed", "logits_std", resized ? "resized" : "image",
                              sides ? "width" : "resolution"}) {
        if (!golden.has(key)) {
          return error(Errc::bad_format, path, ": the metadata lacks '", key, "'; this is not a golden");
        }
      }
      SEGFACE_ASSIGN(dataset, parse_dataset(golden.text("dataset")));
      golden.dataset_ = dataset;
      golden.picture_ =
          path.substr(0, path.find_last_of(kPathSeparators) + 1) + golden.text(resized ? "resized" : "image");
      golden.height_ = static_cast<Index>(golden.number(sides ? "height" : "resolution"));
      golden.width_ = static_cast<Index>(golden.number(sides ? "width" : "resolution"));
      golden.logits_std_ = golden.number("logits_std");
      const auto plausible = [](Index side) { return side >= 1 && side <= 4096; };
      if (!plausible(golden.height_) || !plausible(golden.width_) || !(golden.logits_std_ > 0)) {
        return error(Errc::bad_format, path, ": a size of ", golden.width_, " x ", golden.height_, " or logits_std '",
                     golden.text("logits_std"), "' makes no sense; this is not a golden");
      }
      return Result<Golden>(std::move(golden));
    });
  }

  const std::string& text(std::string_view key) const noexcept { return *file_.metadata(key); }
  Dataset dataset() const noexcept { return dataset_; }
  Index height() const noexcept { return height_; }
  Index width() const noexcept { return width_; }
  std::uint64_t seed() const noexcept { return static_cast<std::uint64_t>(number("seed")); }
  double logits_std() const noexcept { return logits_std_; }

  // The picture it was computed from, RGB, width() x height(). Errors: those of load_image, out_of_memory.
  Result<Image> picture() const noexcept {
    SEGFACE_ASSIGN(image, load_image(picture_));
    return resize_bicubic(image.view(), width_, height_);
  }

  // x and y of the face's five points, in pixels of the R x R picture, where the data set needs them (LaPa). Errors:
  // bad_format.
  Result<std::array<double, 10>> landmarks() const noexcept {
    const std::size_t at = find("landmarks");
    if (at == file_.size() || file_.info(at).shape.count() != 10) {
      return error(Errc::bad_format, file_.name(), ": 'landmarks' is missing or not five points");
    }
    SEGFACE_ASSIGN(numbers, values(at));
    std::array<double, 10> points = {};
    std::copy(numbers.begin(), numbers.end(), points.begin());
    return points;
  }

  // Whether the official code's output of a stage is in the golden.
  bool holds(std::string_view stage) const noexcept { return find(stage) != file_.size(); }

  // Compares the output of a stage that the golden holds().
  template <class Scalar>
  Result<StageComparison> compare(std::string_view stage, const Map<const Scalar>& output) const noexcept {
    return guarded([&]() -> Result<StageComparison> {
      StageComparison result;
      result.stage = stage;
      const std::size_t at = find(result.stage);
      SEGFACE_ASSIGN(expected, values(at));
      SEGFACE_ASSIGN(rows, positions(result.stage + ".rows", output.height));
      SEGFACE_ASSIGN(columns, positions(result.stage + ".cols", output.width));
      // Whole tensors (tokens, hyper) are [N, C]; sampled ones [C, rows, cols].
      const bool sampled = !rows.empty();
      const std::size_t count = sampled ? rows.size() * columns.size() : static_cast<std::size_t>(output.width);
      if (expected.size() != count * static_cast<std::size_t>(output.channels)) {
        return error(Errc::shape_mismatch, file_.name(), ": stage '", stage, "' has ", expected.size(),
                     " values, expected ", count, " positions of ", output.channels, " channels");
      }
      result.bound = bound(stage, expected);
      for (Index c = 0; c < output.channels; ++c) {
        for (std::size_t i = 0; i < count; ++i) {
          const Index y = sampled ? rows[i / columns.size()] : 0;
          const Index x = sampled ? columns[i % columns.size()] : static_cast<Index>(i);
          const auto channel = static_cast<std::size_t>(c);
          const float wanted =
              expected[sampled ? channel * count + i : i * static_cast<std::size_t>(output.channels) + channel];
          add(result, static_cast<double>(output.pixel(0, y, x)[c]), static_cast<double>(wanted), c, y, x);
        }
      }
      return Result<StageComparison>(std::move(result));
    });
  }

  // Compares probabilities and labels at the picture's size. logits [1, h, w, K]; the labels must agree where the
  // decision is clear, and on 99.9 % of all pixels compared.
  template <class Scalar>
  Status compare_output(const Map<const Scalar>& logits, std::vector<StageComparison>& results) const noexcept {
    return guarded([&]() -> Status {
      std::vector<Scalar> resized(static_cast<std::size_t>(height_ * width_ * logits.channels));
      const Map<Scalar> pixels = {resized.data(), 1, height_, width_, logits.channels, logits.channels};
      for (Index y = 0; y < height_; ++y) {
        for (Index x = 0; x < width_; ++x) interpolate(logits, y, x, pixels.pixel(0, y, x));
      }
      SEGFACE_ASSIGN(mask, compare_mask<Scalar>(pixels));
      for (Index r = 0; r < pixels.rows(); ++r) softmax(pixels.row(r), pixels.channels);
      if (holds("probability")) {
        SEGFACE_ASSIGN(probability, compare<Scalar>("probability", pixels));
        results.push_back(std::move(probability));
      }
      results.push_back(std::move(mask));
      return {};
    });
  }

  // Adds the golden's stages that are not among `results`: they agree with nothing.
  void add_unseen(std::vector<StageComparison>& results) const {
    for (std::size_t i = 0; i < file_.size(); ++i) {
      const std::string& name = file_.info(i).name;
      const bool stage = name.find('.') == std::string::npos && name != "landmarks";
      const auto seen = [&](const StageComparison& result) { return result.stage == name; };
      if (!stage || std::any_of(results.begin(), results.end(), seen)) continue;
      results.emplace_back();
      results.back().stage = name;
    }
  }

 private:
  explicit Golden(SafetensorsFile file) noexcept : file_(std::move(file)) {}

  double bound(std::string_view stage, const Buffer<float>& expected) const noexcept {
    if (dataset_ == Dataset::lapa) return (stage == "probability" ? 4e-3 : 2e-3) * deviation(expected);
    return stage == "logits" ? 1e-3 * logits_std_ : 2e-4 * deviation(expected);
  }

  std::size_t find(std::string_view name) const noexcept {
    std::size_t i = 0;
    while (i < file_.size() && file_.info(i).name != name) ++i;
    return i;
  }
  Result<Buffer<float>> values(std::size_t index) const noexcept { return Weight{&file_, index}.read(); }

  // The positions of a sampled stage, all below `size`; empty for a whole one.
  Result<std::vector<Index>> positions(const std::string& name, Index size) const {
    std::vector<Index> list;
    const std::size_t at = find(name);
    if (at == file_.size()) return Result<std::vector<Index>>(std::move(list));
    if (file_.info(at).dtype != DType::i64) {
      return error(Errc::unsupported_dtype, file_.name(), ": tensor '", name, "' must hold I64");
    }
    std::vector<std::int64_t> raw(file_.info(at).shape.count());
    SEGFACE_RETURN_IF_ERROR(file_.read(at, reinterpret_cast<std::uint8_t*>(raw.data())));
    for (const std::int64_t position : raw) {
      if (position < 0 || position >= size) {
        return error(Errc::shape_mismatch, file_.name(), ": tensor '", name, "' looks at position ", position,
                     ", but the stage has a side of ", size);
      }
      list.push_back(static_cast<Index>(position));
    }
    return Result<std::vector<Index>>(std::move(list));
  }

  // The labels of logits at the picture's size against the golden's.
  template <class Scalar>
  Result<StageComparison> compare_mask(const Map<const Scalar>& logits) const {
    StageComparison mask;
    mask.stage = "mask";
    mask.bound = 4e-3 * logits_std_;
    SEGFACE_ASSIGN(rows, positions("mask.rows", height_));
    SEGFACE_ASSIGN(columns, positions("mask.cols", width_));
    if (rows.empty()) rows = all_positions(height_);
    if (columns.empty()) columns = all_positions(width_);
    const std::size_t at = find("mask"), count = rows.size() * columns.size();
    if (at == file_.size() || file_.info(at).bytes() != count) {
      return error(Errc::bad_format, file_.name(), ": 'mask' is missing or not of ", rows.size(), " x ", columns.size(),
                   " labels");
    }
    std::vector<std::uint8_t> wanted(count);
    SEGFACE_RETURN_IF_ERROR(file_.read(at, wanted.data()));
    for (std::size_t i = 0; i < count; ++i) {
      const Index y = rows[i / columns.size()], x = columns[i % columns.size()];
      const Scalar* pixel = logits.pixel(0, y, x);
      const auto label = std::max_element(pixel, pixel + logits.channels) - pixel;
      if (label == wanted[i]) continue;
      ++mask.different;
      const double margin =
          wanted[i] < logits.channels ? static_cast<double>(pixel[label] - pixel[wanted[i]]) : 2 * mask.bound;
      add(mask, margin, 0, label, y, x);
    }
    mask.compared = count;
    if (mask.different * 1000 > count) mask.beyond = mask.different;
    return Result<StageComparison>(std::move(mask));
  }

  static std::vector<Index> all_positions(Index size) {
    std::vector<Index> list(static_cast<std::size_t>(size));
    std::iota(list.begin(), list.end(), Index(0));
    return list;
  }

  bool has(std::string_view key) const noexcept { return file_.metadata(key) != nullptr; }

  // A decimal number of the metadata, read without asking the locale; 0 where it is none.
  double number(std::string_view key) const noexcept {
    double value = 0, unit = 0;
    for (const char c : text(key)) {
      if (c == '.') {
        unit = 1;
      } else if (c >= '0' && c <= '9') {
        value = value * 10 + (c - '0');
        unit *= 10;
      } else {
        return 0;
      }
    }
    return unit > 0 ? value / unit : value;
  }

  static double deviation(const Buffer<float>& values) noexcept {
    double sum = 0, squares = 0;
    for (const float value : values) sum += static_cast<double>(value);
    const double mean = sum / static_cast<double>(values.size());
    for (const float value : values)
      squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    return std::sqrt(squares / static_cast<double>(values.size()));
  }

  template <class Scalar>
  void interpolate(const Map<const Scalar>& logits, Index y, Index x, Scalar* out) const noexcept {
    const BilinearTap<Scalar> down(y, logits.height, height_), across(x, logits.width, width_);
    for (Index c = 0; c < logits.channels; ++c) {
      const auto row = [&](Index at) {
        return (1 - across.fraction) * logits.pixel(0, at, across.first)[c] +
               across.fraction * logits.pixel(0, at, across.second)[c];
      };
      out[c] = (1 - down.fraction) * row(down.first) + down.fraction * row(down.second);
    }
  }

  template <class Scalar>
  static void softmax(Scalar* values, Index count) noexcept {
    const Scalar largest = *std::max_element(values, values + count);
    Scalar sum = 0;
    for (Index c = 0; c < count; ++c) sum += values[c] = std::exp(values[c] - largest);
    for (Index c = 0; c < count; ++c) values[c] /= sum;
  }

  static void add(StageComparison& result, double got, double wanted, Index c, Index y, Index x) {
    const double difference = std::abs(got - wanted);
    ++result.compared;
    if (!(difference <= result.largest)) result.largest = difference;
    if (!(difference <= result.bound) && ++result.beyond == 1) {
      Message place;
      append_parts(place, "channel ", c, ", row ", y, ", column ", x);
      result.first_beyond = place.view();
    }
  }

  SafetensorsFile file_;
  Dataset dataset_ = Dataset::celeb;
  std::string picture_;
  Index height_ = 0, width_ = 0;
  double logits_std_ = 0;
};

// Compares every stage of a pass with a golden as it is computed: of a batch, those of picture `image`.
template <class Scalar>
class GoldenObserver final : public Observer<Scalar> {
 public:
  explicit GoldenObserver(const Golden& golden, Index image = 0) noexcept : golden_(golden), image_(image) {}

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const Map<const Scalar>& batch, const Cost&) noexcept override {
    const Status status = guarded([&]() -> Status {
      const Map<const Scalar> output = batch.image(image_);
      if (golden_.holds(name)) {
        SEGFACE_ASSIGN(result, golden_.template compare<Scalar>(name, output));
        results_.push_back(std::move(result));
      }
      if (std::string_view(name) != "logits") return {};
      SEGFACE_RETURN_IF_ERROR(golden_.compare_output(output, results_));
      golden_.add_unseen(results_);
      return {};
    });
    if (status_.ok()) status_ = status;
  }

  const Status& status() const noexcept { return status_; }
  const std::vector<StageComparison>& results() const noexcept { return results_; }

 private:
  const Golden& golden_;
  Index image_;
  Status status_;
  std::vector<StageComparison> results_;
};

SEGFACE_END_NAMESPACE
