// Weight file: the network's tensors under their official names, and what no tensor tells.
//
// A safetensors file with the metadata format ("segface"), format_version ("1"), backbone, dataset, resolution,
// source_digest, and a self-test: the network's logits at a few places for a seeded input, so that a damaged file, a
// wrong build or a broken processor shows before a photo does. Where it was quantised, precision.recipe (see
// layers/precision_recipe.hpp), and, where that was tried on photos, precision.photos, how many these were, and
// precision.agreement, the percentage of their labels that stayed: "99.93". Tensors may be of bytes with scales, see
// tensors/scaled_tensors.hpp.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/nearest_name.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/engine/network_info.hpp"
#include "segface/engine/plan.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/networks/segface/variant.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/safetensors.hpp"
#include "segface/tensors/scaled_tensors.hpp"
#include "segface/tensors/visit.hpp"

SEGFACE_BEGIN_CORE

// A seeded input and some of its logits, as stored in a weight file.
struct SelfTest {
  static constexpr Index kSide = 64;          // the input is 1 x 64 x 64 x 3
  static constexpr std::size_t kCount = 16;   // logits kept, spread over the output
  static constexpr double kTolerance = 1e-3;  // of their root mean square

  std::uint64_t seed = 1;
  std::vector<float> logits;

  // Runs the network on the seeded input. Errors: those of Plan::make.
  template <class B>
  static Result<SelfTest> run(const SegFace<B>& network, std::uint64_t seed, Executor& executor) noexcept {
    return guarded([&]() -> Result<SelfTest> {
      SEGFACE_ASSIGN(plan, (Plan<SegFace, B>::make(network, 1, kSide, kSide, executor)));
      const UniformSequence sequence("self_test", seed);
      const auto fill = [&](const HostMapOf<B>& input) {
        for (Index r = 0; r < input.rows(); ++r) {
          for (Index c = 0; c < 3; ++c) {
            const double uniform = sequence[static_cast<std::size_t>(r * 3 + c)];  // [-1, 1)
            input.row(r)[c] = static_cast<HostScalarOf<B>>(2 * uniform);
          }
        }
      };
      SelfTest result;
      result.seed = seed;
      result.logits.resize(kCount);
      const auto pick = [&](const HostMapOf<B>& output) {
        const auto total = static_cast<std::size_t>(output.rows() * output.channels);
        for (std::size_t i = 0; i < kCount; ++i) {
          const auto at = static_cast<Index>((2 * i + 1) * total / (2 * kCount));
          result.logits[i] = static_cast<float>(output.row(at / output.channels)[at % output.channels]);
        }
      };
      SEGFACE_RETURN_IF_ERROR(pass_once(network, plan, executor, nullptr, fill, pick));
      return Result<SelfTest>(std::move(result));
    });
  }

  // Largest difference between the two, in parts of this one's root mean square; infinity where the other is not
  // finite.
  double difference(const SelfTest& other) const noexcept {
    double squares = 0, largest = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (!is_finite(other.logits[i])) return std::numeric_limits<double>::infinity();
      const auto expected = static_cast<double>(logits[i]);
      squares += expected * expected;
      largest = std::fmax(largest, std::fabs(expected - static_cast<double>(other.logits[i])));
    }
    return largest / std::sqrt(squares / static_cast<double>(logits.size()));
  }

  // As metadata text: the bits of each logit, eight hexadecimal digits each.
  std::string text() const {
    std::string digits;
    for (const float logit : logits) digits += hexadecimal(bits_of(logit), 8);
    return digits;
  }
  static bool parse(std::string_view text, std::vector<float>& logits) {
    if (text.size() != 8 * kCount) return false;
    for (std::size_t i = 0; i < kCount; ++i) {
      std::uint64_t bits = 0;
      if (!parse_hexadecimal(text.substr(8 * i, 8), bits)) return false;
      logits.push_back(float_from_bits(static_cast<std::uint32_t>(bits)));
      if (!is_finite(logits.back())) return false;
    }
    return true;
  }
};

// The backbone of an official name, of "convnext_tiny", which in the official code is convnext_small, or of the
// spelling of the released folders. Errors: bad_format, with the nearest name and all that are known.
inline Result<Backbone> parse_backbone(std::string_view name) noexcept {
  return guarded([&]() -> Result<Backbone> {
    std::vector<std::string_view> names;
    Message known;
    for (const BackboneRow& row : kBackbones) {
      if (name == row.name || (!row.folder.empty() && name == row.folder)) return row.backbone;
      append_parts(known, names.empty() ? "" : ", ", row.name);
      names.emplace_back(row.name);
    }
    if (name == "convnext_tiny") return Backbone::convnext_small;
    return error(Errc::bad_format, "backbone '", name, "' is unknown; did you mean ", nearest_name(name, names),
                 "? Known are: ", known.view());
  });
}

// What a weight file says of the precision of its layers' products, which are in SegFaceWeights.
struct RecipeProof {
  std::uint64_t photos = 0;  // that it was tried on
  std::string agreement;     // percent of their labels that were float32's; empty without photos
};

// An opened weight file: its network's description, with every tensor found and of the right shape. Move-only.
class WeightFile {
 public:
  // Errors: those of SafetensorsFile, bind, and bad_format where the metadata is missing or makes no sense.
  static Result<WeightFile> open(const std::string& path, const SafetensorsLimits& limits = {}) noexcept {
    return guarded([&]() -> Result<WeightFile> {
      if (path.empty()) return error(Errc::io, "the path of the weight file is empty");
      return make(SafetensorsFile::open(path, limits));
    });
  }
  // The same from memory, which must outlive the file.
  static Result<WeightFile> from_memory(Bytes bytes, const std::string& name = "memory",
                                        const SafetensorsLimits& limits = {}) noexcept {
    return guarded([&]() -> Result<WeightFile> { return make(SafetensorsFile::from_memory(bytes, name, limits)); });
  }

  const NetworkInfo& info() const noexcept { return info_; }
  const SelfTest& self_test() const noexcept { return self_test_; }
  // As floats, whatever they are stored as.
  const TensorSource& tensors() const noexcept { return *tensors_; }
  const SafetensorsFile& stored() const noexcept { return *file_; }
  // The network's weights, bound to tensors(): as long as the file lives.
  const SegFaceWeights& weights() const noexcept { return *weights_; }
  // With another recipe than the file's, for trying.
  void set_recipe(PrecisionRecipe recipe) noexcept { weights_->recipe = std::move(recipe); }
  // Null where the file has no recipe, so that the layers' names decide.
  const RecipeProof* recipe_proof() const noexcept { return proof_ ? &*proof_ : nullptr; }

 private:
  static Result<WeightFile> make(Result<SafetensorsFile> opened) {
    if (!opened.ok()) return opened.error();
    WeightFile result;
    result.file_ = std::make_unique<SafetensorsFile>(std::move(*opened));
    SEGFACE_RETURN_IF_ERROR(in_context(result.read_metadata(), result.file_->name()));
    SEGFACE_ASSIGN(floats, ScaledTensors::make(*result.file_));
    result.tensors_ = std::make_unique<ScaledTensors>(std::move(floats));
    result.weights_ = std::make_unique<SegFaceWeights>(result.info_.backbone, result.info_.dataset);
    SegFaceWeights& weights = *result.weights_;
    const Status bound = bind(weights, *result.tensors_);
    if (!bound.ok()) {
      const auto variant = detect_variant(*result.tensors_);
      if (!variant.ok()) return bound;
      return in_context(bound, "the metadata says ", backbone_name(result.info_.backbone), " with ",
                        result.info_.classes(), " classes, the tensors are those of ", backbone_name(variant->backbone),
                        " with ", class_count(variant->dataset));
    }
    SEGFACE_RETURN_IF_ERROR(in_context(result.read_recipe(), result.file_->name()));
    result.info_.dtype = result.tensors_->any() ? DType::i8 : result.file_->info(0).dtype;
    return Result<WeightFile>(std::move(result));
  }

  Status read_metadata() {
    constexpr const char* kAdvice = "; convert the checkpoint to a weight file";
    const auto value = [&](std::string_view key) {
      const std::string* text = file_->metadata(key);
      return text != nullptr ? std::string_view(*text) : std::string_view();
    };
    if (file_->size() == 0) return bind_nothing(value("backbone"));
    if (value("format") != "segface") {
      return error(Errc::bad_format, "the metadata has no format 'segface', so data set and resolution are unknown",
                   kAdvice);
    }
    if (!value("network").empty()) {
      return error(Errc::bad_format, "these are the weights of a ", value("network"),
                   "; expected those of a network that parses faces");
    }
    if (value("format_version") != "1") {
      return error(Errc::bad_format, "format_version is '", value("format_version"),
                   "', expected 1; this file needs a ", "newer segface than " SEGFACE_VERSION_STRING);
    }
    SEGFACE_ASSIGN(backbone, parse_backbone(value("backbone")));
    SEGFACE_ASSIGN(dataset, parse_dataset(value("dataset")));
    std::uint64_t resolution = 0;
    constexpr std::uint64_t kMostResolution = 4096;
    if (!parse_decimal(value("resolution"), resolution) || resolution < static_cast<std::uint64_t>(kMinSide) ||
        resolution > kMostResolution) {
      return error(Errc::bad_format, "resolution is '", value("resolution"), "', expected a number from ", kMinSide,
                   " to ", kMostResolution, kAdvice);
    }
    if (!parse_decimal(value("self_test.seed"), self_test_.seed) ||
        !SelfTest::parse(value("self_test.logits"), self_test_.logits)) {
      return error(Errc::bad_format, "the self-test is missing or malformed", kAdvice);
    }
    info_.backbone = backbone;
    info_.dataset = dataset;
    info_.resolution = static_cast<Index>(resolution);
    info_.source_digest = value("source_digest");
    return {};
  }

  Status read_recipe() {
    const std::string* const text = file_->metadata("precision.recipe");
    if (text == nullptr) return {};
    constexpr const char* kAdvice = "; quantise the network anew";
    auto recipe = PrecisionRecipe::parse(*text);
    if (!recipe.ok())
      return error(recipe.error().code(), "the recipe of precisions: ", recipe.error().message(), kAdvice);
    const NameIndex names(*tensors_);
    for (const PrecisionRecipe::Layer& layer : recipe->layers()) {
      if (names.find(layer.name + ".weight")) continue;
      return error(Errc::bad_format, "the recipe of precisions names a layer '", layer.name, "', which ",
                   backbone_name(info_.backbone), " has not: it is of another network", kAdvice);
    }
    RecipeProof proof;
    if (const std::string* const photos = file_->metadata("precision.photos")) {
      const std::string* const agreement = file_->metadata("precision.agreement");
      if (!parse_decimal(*photos, proof.photos) || agreement == nullptr || !is_percentage(*agreement)) {
        return error(Errc::bad_format, "the recipe of precisions: precision.photos is '", *photos,
                     "' and precision.agreement '", agreement == nullptr ? std::string_view() : *agreement,
                     "', expected a number of photos and a percentage as 99.93", kAdvice);
      }
      proof.agreement = *agreement;
    }
    weights_->recipe = std::move(*recipe);
    proof_ = std::move(proof);
    return {};
  }
  static bool is_percentage(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 8 && text.find_first_not_of("0123456789.") == std::string_view::npos;
  }

  // A file without tensors names what it lacks, whatever its metadata.
  Status bind_nothing(std::string_view backbone) const {
    const auto named = parse_backbone(backbone);
    SegFaceWeights weights(named.ok() ? *named : kBackbones[0].backbone, Dataset::celeb);
    return error(Errc::missing_tensor, "the file holds no tensors; ", match(weights, *file_));
  }

  std::unique_ptr<SafetensorsFile> file_;  // at a fixed address, as tensors_: the weights point to them
  std::unique_ptr<ScaledTensors> tensors_;
  std::unique_ptr<SegFaceWeights> weights_;
  NetworkInfo info_;
  SelfTest self_test_;
  std::optional<RecipeProof> proof_;
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::parse_backbone;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
