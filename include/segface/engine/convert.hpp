// Converter: an official checkpoint (.pt, or safetensors with the official names) to a weight file.
//
// The network is told from the tensors. Data set and resolution are not in a checkpoint: they come from the caller,
// else from the released folder's name (mobilenet_celeba_512/model_299.pt). Tensors are read one at a time: first
// to build the network for the self-test, which is then freed, then to write. No Python, no code is run.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/tensors/plain_names.hpp"
#include "segface/tensors/scaled_tensors.hpp"
#include "segface/tensors/torch_checkpoint.hpp"

SEGFACE_BEGIN_NAMESPACE

struct ConvertOptions {
  std::optional<Dataset> dataset;
  std::optional<Index> resolution;
  DType dtype = DType::f32;  // f32, f16, bf16, or i8: matrices as bytes with scales, all else f32
  bool strict = false;       // refuse checkpoints that mention code anywhere, even where it is ignored
  bool replace = false;      // an existing output may be replaced
  // Called with the share done, 0 to 1; false cancels.
  std::function<bool(double)> progress;
};

// What was written, for the caller to tell.
struct Converted {
  NetworkInfo info;
  bool resolution_assumed = false;         // neither the caller nor the folder's name said it
  std::optional<Backbone> named_backbone;  // what the folder's name says, where the tensors are another's
  std::size_t parameters = 0;
  std::size_t dropped = 0;  // tensors of the checkpoint that the network does not compute with
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Opens a checkpoint of either format; prefixes that training puts in front of names are taken off, see PlainNames.
// Errors: those of TorchCheckpoint, SafetensorsFile and PlainNames.
inline Result<std::unique_ptr<TensorSource>> open_checkpoint(const std::string& path, bool strict) noexcept {
  return guarded([&]() -> Result<std::unique_ptr<TensorSource>> {
    SEGFACE_ASSIGN(file, InputFile::open(path));
    std::array<std::uint8_t, 9> front = {};
    if (file.size() >= front.size()) SEGFACE_RETURN_IF_ERROR(file.read_at(0, front.data(), front.size()));
    if (front[8] == '{') {  // after the length of its header, a safetensors file begins with a brace
      SEGFACE_ASSIGN(tensors, SafetensorsFile::open(path));
      return PlainNames::make(std::make_unique<SafetensorsFile>(std::move(tensors)));
    }
    TorchCheckpoint::Options options;
    options.strict = strict;
    SEGFACE_ASSIGN(checkpoint, TorchCheckpoint::open(path, options));
    return PlainNames::make(std::make_unique<TorchCheckpoint>(std::move(checkpoint)));
  });
}

// What the name of a released folder says: "swinb_lapa_224/model_299.pt" -> swin_base, lapa, 224.
struct NameHints {
  std::optional<Dataset> dataset;
  std::optional<Index> resolution;
  std::optional<Backbone> backbone;

  explicit NameHints(const std::string& path) {
    // Directory and file name without ending, split where the released names are.
    const std::string_view all = std::string_view(path).substr(0, path.rfind('.'));
    const std::size_t slash = all.find_last_of(kPathSeparators);
    const std::size_t folder =
        slash == std::string_view::npos || slash == 0 ? 0 : all.find_last_of(kPathSeparators, slash - 1) + 1;
    for (std::size_t begin = folder; begin < all.size();) {
      const std::size_t end = std::min(all.find_first_of("_-/\\", begin), all.size());
      const std::string_view word = all.substr(begin, end - begin);
      const auto named = parse_dataset(word);
      if (named.ok()) {
        dataset = *named;
        const std::string_view before_it = all.substr(folder, begin > folder ? begin - 1 - folder : 0);
        const auto before = parse_backbone(before_it.substr(before_it.find_last_of(kPathSeparators) + 1));
        if (before.ok()) backbone = *before;
      }
      begin = end + 1;
      std::uint64_t side = 0;
      if (parse_decimal(word, side) && (side == 224 || side == 256 || side == 448 || side == 512)) {
        resolution = static_cast<Index>(side);
      }
    }
  }
};

// The needed tensors of a network in another number format, values rounded to nearest.
class RoundedTensors final : public TensorSource {
 public:
  RoundedTensors(const TensorSource& source, SegFaceWeights& weights, DType dtype) : source_(source), dtype_(dtype) {
    for_each_tensor(weights, [&](const std::string& name, const Shape& shape, Use use, Weight* weight) {
      if (use != Use::needed) return;
      const bool bytes = dtype == DType::i8 && stored_in_bytes(name, shape);
      weights_.push_back(*weight);
      infos_.push_back({name, dtype != DType::i8 || bytes ? dtype : DType::f32, shape});
      if (!bytes) return;
      weights_.push_back(*weight);
      infos_.push_back({scale_name(name), DType::f32, {shape.dims[0]}});
    });
  }

  const std::string& name() const noexcept override { return source_.name(); }
  std::size_t size() const noexcept override { return infos_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return infos_[index]; }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    SEGFACE_ASSIGN(values, weights_[index].read());
    const TensorInfo& tensor = infos_[index];
    const bool scales = tensor.shape.count() != values.size();
    if (tensor.dtype == DType::i8 || scales) {
      const std::size_t rows = static_cast<std::size_t>(tensor.shape.dims[0]);
      SEGFACE_ASSIGN(others, Buffer<std::uint8_t>::make(scales ? values.size() : rows * sizeof(float)));
      std::uint8_t* const bytes = scales ? others.data() : out;
      scale_to_bytes(values.data(), rows, values.size() / rows, reinterpret_cast<std::int8_t*>(bytes),
                     reinterpret_cast<float*>(scales ? out : others.data()));
      return {};
    }
    SEGFACE_RETURN_IF_ERROR(check_range(index, values.span()));
    from_float(values.data(), values.size(), tensor.dtype, out);
    return {};
  }
  const std::vector<TensorInfo>& infos() const noexcept { return infos_; }

 private:
  // Numbers that would become infinite, which nobody would understand later.
  Status check_range(std::size_t index, Span<const float> values) const noexcept {
    if (dtype_ == DType::f32 || dtype_ == DType::i8) return {};
    const bool half = dtype_ == DType::f16;
    const float beyond = half ? 65520.0f : 3.3961775e38f;  // rounds to infinity
    const auto at = std::find_if(values.begin(), values.end(), [&](float v) { return !(std::fabs(v) < beyond); });
    if (at == values.end()) return {};
    return error(Errc::overflow, name(), ": tensor '", infos_[index].name, "' has a number beyond ",
                 half ? "65504, where F16 ends," : "3.39e38, where BF16 ends,", " at index ", at - values.begin(),
                 "; take ", half ? "BF16 or F32" : "F32");
  }

  const TensorSource& source_;
  DType dtype_;
  std::vector<Weight> weights_;
  std::vector<TensorInfo> infos_;
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Converts the checkpoint at `from` into a weight file at `to`; the backend computes the self-test.
// Errors: those of the reader; invalid_argument (the data set cannot be told, or contradicts the tensors); output.
template <class B>
Result<Converted> convert(const B& backend, const std::string& from, const std::string& to,
                          const ConvertOptions& options, Executor& executor) noexcept {
  using namespace core;
  return guarded([&]() -> Result<Converted> {
    SEGFACE_ASSIGN(checkpoint, open_checkpoint(from, options.strict));
    SEGFACE_ASSIGN(variant, detect_variant(*checkpoint));

    const NameHints hints(from);
    Converted result;
    result.info.backbone = variant.backbone;
    if (hints.backbone && *hints.backbone != variant.backbone) result.named_backbone = hints.backbone;
    result.info.dtype = options.dtype;
    std::optional<Dataset> dataset = options.dataset;
    const Index classes = class_count(variant.dataset);
    if (!dataset && hints.dataset && class_count(*hints.dataset) == classes) dataset = hints.dataset;
    if (!dataset && variant.dataset == Dataset::celeb) dataset = Dataset::celeb;
    if (!dataset) {
      return error(Errc::invalid_argument, from, ": ", classes,
                   " classes are those of LaPa and of Helen, which no tensor tells apart; say which it is");
    }
    if (class_count(*dataset) != classes) {
      return error(Errc::invalid_argument, from, ": the checkpoint has ", classes, " classes, but ",
                   dataset_name(*dataset), " has ", class_count(*dataset), "; name the data set it was trained on");
    }
    result.info.dataset = *dataset;
    result.resolution_assumed = !options.resolution && !hints.resolution;
    result.info.resolution = options.resolution.value_or(hints.resolution.value_or(512));
    if (result.info.resolution < kMinSide || result.info.resolution > 4096) {
      return error(Errc::invalid_argument, "resolution ", result.info.resolution, " is outside ", kMinSide, " to 4096");
    }

    SegFaceWeights weights(variant.backbone, variant.dataset);
    SEGFACE_RETURN_IF_ERROR(bind(weights, *checkpoint));
    const RoundedTensors rounded(*checkpoint, weights, options.dtype);
    result.parameters = count_parameters(weights);
    result.dropped = checkpoint->size() - list_tensors(weights).size();
    std::size_t most = 0, total = 0, done = 0;
    for (const TensorInfo& info : rounded.infos()) {
      most = std::max(most, info.bytes());
      total += 2 * info.bytes();
    }
    const auto proceed = [&](std::size_t bytes) -> Status {
      done += bytes;
      const bool on = !options.progress || options.progress(static_cast<double>(done) / static_cast<double>(total));
      return on ? Status() : error(Errc::cancelled, "cancelled by the caller's callback");
    };

    // The self-test, computed from the values as they are stored.
    SelfTest self_test;
    {
      SegFaceWeights stored(variant.backbone, variant.dataset);
      SEGFACE_ASSIGN(floats, ScaledTensors::make(rounded));
      SEGFACE_RETURN_IF_ERROR(bind(stored, floats));
      SEGFACE_ASSIGN(network, SegFace<B>::prepare(backend, stored));
      SEGFACE_ASSIGN(computed, SelfTest::run(network, self_test.seed, executor));
      self_test = std::move(computed);
    }

    SEGFACE_ASSIGN(bytes, Buffer<std::uint8_t>::make(most));
    std::uint64_t digest = fnv1a("");
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      const std::size_t size = rounded.info(i).bytes();
      SEGFACE_RETURN_IF_ERROR(rounded.read(i, bytes.data()));
      digest = fnv1a({reinterpret_cast<const char*>(bytes.data()), size}, fnv1a(rounded.info(i).name, digest));
      SEGFACE_RETURN_IF_ERROR(proceed(size));
    }
    result.info.source_digest = "fnv1a64:" + hexadecimal(digest, 16);

    const Metadata metadata = {{"format", "segface"},
                               {"format_version", "1"},
                               {"backbone", backbone_name(result.info.backbone)},
                               {"dataset", std::string(dataset_name(result.info.dataset))},
                               {"resolution", decimal(static_cast<std::uint64_t>(result.info.resolution))},
                               {"source_digest", result.info.source_digest},
                               {"self_test.seed", decimal(self_test.seed)},
                               {"self_test.logits", self_test.text()}};
    const auto existing = options.replace ? OutputFile::Existing::replace : OutputFile::Existing::refuse;
    SEGFACE_ASSIGN(writer, SafetensorsWriter::open(to, rounded.infos(), metadata, existing));
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      const std::size_t size = rounded.info(i).bytes();
      SEGFACE_RETURN_IF_ERROR(rounded.read(i, bytes.data()));
      SEGFACE_RETURN_IF_ERROR(writer.append({bytes.data(), size}));
      SEGFACE_RETURN_IF_ERROR(proceed(size));
    }
    SEGFACE_RETURN_IF_ERROR(writer.commit());
    return Result<Converted>(std::move(result));
  });
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
