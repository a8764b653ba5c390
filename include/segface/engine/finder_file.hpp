// Finder file: the tensors of a finder's two networks, and what no tensor tells.
//
// A safetensors file with the metadata format ("segface"), format_version ("1"), network ("finder"), source_digest,
// origin, terms, the licences, and a self-test: sixteen outputs of each network for a seeded input. Made by
// tools/finder/make_weights.py.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"
#include "segface/networks/detector/weights.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/safetensors.hpp"

SEGFACE_BEGIN_NAMESPACE

// What a finder's file says of itself.
struct FinderInfo {
  std::string source_digest;
  std::string origin, terms;  // for people: who trained the networks on what, and on which terms that may be used
};

// Outputs of both networks for inputs drawn from a seed, see tools/finder/make_weights.py.
struct FinderSelfTest {
  static constexpr std::size_t kCount = 16;
  static constexpr double kTolerance = 1e-3;  // of each network's root mean square
  using Outputs = std::array<float, kCount>;

  std::uint64_t seed = 1;
  Outputs yunet = {}, onet = {};

  // The larger of the largest differences between the two, in parts of this one's root mean square; infinity where the
  // other is not finite.
  double difference(const FinderSelfTest& other) const noexcept {
    return std::fmax(difference(yunet, other.yunet), difference(onet, other.onet));
  }
  static bool parse(std::string_view text, Outputs& outputs) noexcept {
    if (text.size() != 8 * kCount) return false;
    for (std::size_t i = 0; i < kCount; ++i) {
      std::uint64_t bits = 0;
      if (!parse_hexadecimal(text.substr(8 * i, 8), bits)) return false;
      outputs[i] = float_from_bits(static_cast<std::uint32_t>(bits));
      if (!is_finite(outputs[i])) return false;
    }
    return true;
  }

 private:
  static double difference(const Outputs& expected, const Outputs& got) noexcept {
    double squares = 0, largest = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (!is_finite(got[i])) return HUGE_VAL;
      squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
      largest = std::fmax(largest, std::fabs(static_cast<double>(expected[i]) - static_cast<double>(got[i])));
    }
    return largest / std::sqrt(squares / static_cast<double>(kCount));
  }
};

// An opened file with every tensor found and of the right shape. Move-only.
class FinderFile {
 public:
  // Errors: those of SafetensorsFile, bind, and bad_format where the metadata is missing or another network's.
  static Result<FinderFile> open(const std::string& path) noexcept {
    return guarded([&]() -> Result<FinderFile> {
      if (path.empty()) return error(Errc::io, "the path of the finder's weights is empty");
      return make(SafetensorsFile::open(path));
    });
  }
  // The same from memory, which must outlive the file.
  static Result<FinderFile> from_memory(Bytes bytes, const std::string& name = "memory") noexcept {
    return guarded([&]() -> Result<FinderFile> { return make(SafetensorsFile::from_memory(bytes, name)); });
  }

  const FinderInfo& info() const noexcept { return info_; }
  const FinderSelfTest& self_test() const noexcept { return self_test_; }
  const TensorSource& tensors() const noexcept { return *file_; }
  // Bound to tensors(): as long as the file lives.
  const FinderWeights& weights() const noexcept { return *weights_; }

 private:
  static Result<FinderFile> make(Result<SafetensorsFile> opened) {
    if (!opened.ok()) return opened.error();
    FinderFile result;
    result.file_ = std::make_unique<SafetensorsFile>(std::move(*opened));
    SEGFACE_RETURN_IF_ERROR(in_context(result.read_metadata(), result.file_->name()));
    result.weights_ = std::make_unique<FinderWeights>();
    SEGFACE_RETURN_IF_ERROR(bind(*result.weights_, *result.file_));
    return Result<FinderFile>(std::move(result));
  }

  Status read_metadata() {
    const auto value = [&](std::string_view key) {
      const std::string* text = file_->metadata(key);
      return text != nullptr ? std::string_view(*text) : std::string_view();
    };
    if (value("format") == "segface" && value("network").empty() && !value("backbone").empty()) {
      return error(Errc::bad_format, "these are the weights of a parser (", value("backbone"),
                   "); expected those of a finder, finder.safetensors");
    }
    if (value("format") != "segface" || value("network") != "finder") {
      return error(Errc::bad_format, "the metadata does not say network 'finder'; expected the weights of a finder, ",
                   "finder.safetensors");
    }
    if (value("format_version") != "1") {
      return error(Errc::bad_format, "format_version is '", value("format_version"),
                   "', expected 1; this file needs a newer segface than " SEGFACE_VERSION_STRING);
    }
    if (!parse_decimal(value("self_test.seed"), self_test_.seed) ||
        !FinderSelfTest::parse(value("self_test.yunet"), self_test_.yunet) ||
        !FinderSelfTest::parse(value("self_test.onet"), self_test_.onet)) {
      return error(Errc::bad_format, "the self-test is missing or malformed; make the file again");
    }
    info_.source_digest = value("source_digest");
    info_.origin = value("origin");
    info_.terms = value("terms");
    return {};
  }

  std::unique_ptr<SafetensorsFile> file_;  // at a fixed address: the weights point to it
  std::unique_ptr<FinderWeights> weights_;
  FinderInfo info_;
  FinderSelfTest self_test_;
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
