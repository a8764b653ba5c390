// What if: a few numbers of a network changed, and what becomes of the labels. Say what will happen before you run it; the
// answers are in include/segface/EXERCISES.md.
// Usage: 07_what_if WEIGHTS.safetensors PHOTO
//
// Each change is a function of a tensor's name and numbers, made while the weights are read. Columns: the share of pixels
// that get another label; of the other pixels, by how much the probability of their label changes at most; pixels that are
// hair now; pixels of an eye that are now the other eye's. For networks of CelebAMask-HQ.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/segface.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/safetensors.hpp"

// What is inside is no API: it may change with any version.
namespace core = segface::core;

namespace {

using segface::Index;
using segface::cpu::Backend;
using Numbers = std::vector<float>;

// What a change makes of the tensor of this name.
using Change = std::function<void(std::string_view name, Numbers& numbers)>;

// A weight file whose tensors are changed while they are read.
class Changed final : public core::TensorSource {
 public:
  Changed(const core::TensorSource& source, const Change& change) : source_(source), change_(change) {
    for (std::size_t i = 0; i < source.size(); ++i) {
      infos_.push_back(source.info(i));
      infos_.back().dtype = segface::DType::f32;
    }
  }

  const std::string& name() const noexcept override { return source_.name(); }
  std::size_t size() const noexcept override { return infos_.size(); }
  const core::TensorInfo& info(std::size_t index) const noexcept override { return infos_[index]; }
  segface::Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    SEGFACE_ASSIGN(values, (core::Weight{&source_, index}.read()));
    Numbers numbers(values.begin(), values.end());
    change_(infos_[index].name, numbers);
    std::memcpy(out, numbers.data(), numbers.size() * sizeof(float));
    return {};
  }

 private:
  const core::TensorSource& source_;
  const Change& change_;
  std::vector<core::TensorInfo> infos_;
};

// Labels and their probabilities, pixel by pixel, at the network's size.
struct Found {
  std::vector<Index> labels;
  Numbers shares;
};

Found look(const core::WeightFile& file, const core::TensorSource& source, const segface::Image& picture) {
  core::SegFaceWeights weights(file.info().backbone, file.info().dataset);
  core::bind(weights, source).or_throw();
  const auto network = core::SegFace<Backend>::prepare(Backend(), weights).value();
  const auto executor = segface::make_executor(0).value();
  const Index side = file.info().resolution;
  const auto plan = core::Plan<core::SegFace, Backend>::make(network, 1, side, side, *executor).value();
  Found found;
  const auto fill = [&](const core::Map<float>& input) {
    core::normalize(picture.data(), input.rows(), input.data, input.stride);
  };
  const auto use = [&](const core::Map<float>& logits) {
    for (Index row = 0; row < logits.rows(); ++row) {
      const float *const begin = logits.row(row), *const end = begin + logits.channels;
      const float* const most = std::max_element(begin, end);
      float sum = 0;
      for (const float* logit = begin; logit < end; ++logit) sum += std::exp(*logit - *most);
      found.labels.push_back(most - begin);
      found.shares.push_back(1 / sum);
    }
  };
  core::pass_once(network, plan, *executor, nullptr, fill, use).or_throw();
  return found;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

void scale(Numbers& numbers, float factor) {
  for (float& number : numbers) number *= factor;
}

// The columns of linear_fuse [256, 4 x 256] that meet a level of the pyramid; the coarsest comes first.
void forget_level(std::size_t level, std::string_view name, Numbers& numbers) {
  if (name != "linear_fuse.weight") return;
  constexpr std::size_t kWidth = core::kDecoderWidth;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i % (4 * kWidth) / kWidth == 3 - level) numbers[i] = 0;
  }
}

void compare(const char* what, const Found& before, const Found& after) {
  constexpr Index kEyes[] = {8, 9}, kHair = 14;  // labels of CelebAMask-HQ
  std::size_t different = 0, hair = 0, exchanged = 0, eyes = 0;
  float largest = 0;
  const auto count = before.labels.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Index old = before.labels[i], now = after.labels[i];
    different += old != now;
    hair += now == kHair;
    eyes += old == kEyes[0] || old == kEyes[1];
    exchanged += (old == kEyes[0] && now == kEyes[1]) || (old == kEyes[1] && now == kEyes[0]);
    if (old == now) largest = std::max(largest, std::fabs(before.shares[i] - after.shares[i]));
  }
  std::printf("%-50s  %7.2f  %11.4f  %6zu  %4zu of %zu\n", what,
              100.0 * static_cast<double>(different) / static_cast<double>(count), static_cast<double>(largest), hair,
              exchanged, eyes);
}

void run(const char* weights, const char* photo_path) {
  const auto file = core::WeightFile::open(weights).value();
  if (file.info().dataset != segface::Dataset::celeb) {
    segface::error(segface::Errc::invalid_argument, weights, ": expected a network of celeb, whose labels these are")
        .or_throw();
  }
  const auto source = core::SafetensorsFile::open(weights).value();
  const Index side = file.info().resolution;
  const segface::Image photo = segface::load_image(photo_path).value();
  const segface::Image picture = segface::resize_bicubic(photo.view(), side, side).value();
  const Found before = look(file, source, picture);

  Numbers background, left_eye, right_eye;  // tokens, as official names call them
  const Change note = [&](std::string_view name, Numbers& numbers) {
    if (ends_with(name, "background_token.weight")) background = numbers;
    if (ends_with(name, "lefteye_token.weight")) left_eye = numbers;
    if (ends_with(name, "righteye_token.weight")) right_eye = numbers;
  };
  std::printf("%-50s  %7s  %11s  %6s  %s\n", "", "labels%", "probability", "hair", "eyes");
  compare("nothing is changed", before, look(file, Changed(source, note), picture));

  const std::pair<const char*, Change> changes[] = {
      {"1. the last layer of the tokens' MLP is doubled",
       [](std::string_view name, Numbers& numbers) {
         if (name.find("output_hypernetwork_mlps.layers.2.") != name.npos) scale(numbers, 2);
       }},
      {"2. 5 is added to the last bias of the tokens' MLP",
       [](std::string_view name, Numbers& numbers) {
         if (!ends_with(name, "output_hypernetwork_mlps.layers.2.bias")) return;
         for (float& number : numbers) number += 5;
       }},
      {"3. the tokens of the two eyes are exchanged",
       [&](std::string_view name, Numbers& numbers) {
         if (ends_with(name, "lefteye_token.weight")) numbers = right_eye;
         if (ends_with(name, "righteye_token.weight")) numbers = left_eye;
       }},
      {"4. hair gets the token of background",
       [&](std::string_view name, Numbers& numbers) {
         if (ends_with(name, "hair_token.weight")) numbers = background;
       }},
      {"5. the fusion is not given the finest map",
       [](std::string_view name, Numbers& numbers) { forget_level(0, name, numbers); }},
      {"   the fusion is not given the coarsest map",
       [](std::string_view name, Numbers& numbers) { forget_level(3, name, numbers); }},
  };
  for (const auto& [what, change] : changes) compare(what, before, look(file, Changed(source, change), picture));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: 07_what_if WEIGHTS.safetensors PHOTO\n", stderr);
    return 2;
  }
  try {
    run(argv[1], argv[2]);
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
