// What the fuzz targets share: how one is declared, what it demands, and how it reads numbers out of its input.
//
// A target is a function of any bytes. libFuzzer makes a program of each file (run.sh); the tests link all of them into
// one, which runs each over its corpus (corpus.cpp), and define SEGFACE_FUZZ_CORPUS.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/engine/call.hpp"
#include "segface/faces/landmarks.hpp"

namespace fuzz {

using namespace segface;
using namespace segface::core;

// A target in the list of all that are linked.
struct Target {
  Target(const char* title, void (*function)(Bytes), int mutations_of_each)
      : name(title), run(function), mutations(mutations_of_each), next(first()) {
    first() = this;
  }
  static const Target*& first() {
    static const Target* target = nullptr;
    return target;
  }

  const char* name;
  void (*run)(Bytes input);
  int mutations;  // tried of each file of the corpus, by the tests
  const Target* next;
};

// The end of the program unless `holds`.
inline void demand(bool holds, const char* what, std::string_view detail = "none") {
  if (holds) return;
  std::fprintf(stderr, "demanded: %s; got %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

// A refusal says why, and none is a bug of the library's own.
inline void demand_reason(const Status& refusal) {
  demand(!refusal.ok() && *refusal.message() != '\0', "a refusal with its reason");
  demand(refusal.code() != Errc::internal, "no bug of the library", refusal.message());
}

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Numbers out of the input, zeros behind its end.
class Numbers {
 public:
  explicit Numbers(Bytes input) : input_(input) {}

  bool more() const { return at_ < input_.size(); }
  Bytes rest() const { return input_.subspan(at_, input_.size() - at_); }

  int byte() { return more() ? input_[at_++] : 0; }
  bool flag() { return byte() % 2 != 0; }
  // Of [first, last], which are at most 2^16 apart.
  Index within(Index first, Index last) {
    const Index high = byte() * 256;
    return first + (high + byte()) % (last - first + 1);
  }
  // Mostly small; now and then as large as they come.
  Index number() {
    const int kind = byte(), low = kind % 16;
    switch (kind / 16) {
      case 15:
        return PTRDIFF_MAX - low;
      case 14:
        return PTRDIFF_MIN + low;
      case 13:
        return (Index{1} << 30) + low - 8;
      case 12:
        return -(Index{1} << 30) + low - 8;
      case 11:
        return low - 8;
      case 10:
        return -byte();
      default:
        return byte();
    }
  }
  double real() {
    switch (const int kind = byte(); kind / 16) {
      case 15:
        return std::numeric_limits<double>::quiet_NaN();
      case 14:
        return kind % 2 == 0 ? HUGE_VAL : -HUGE_VAL;
      case 13:
        return kind % 2 == 0 ? 1e300 : -1e300;
      case 12:
        return kind % 2 == 0 ? 1e-300 : -0.0;
      default:
        return static_cast<double>(within(-0x4000, 0xbfff)) / 256;
    }
  }
  // Five points: about a face's in a picture of width x height, or any.
  Landmarks landmarks(Index width, Index height) {
    if (byte() % 4 == 0) {
      const auto any = [&] {
        const double x = real();
        return Point{x, real()};
      };
      const Point a = any(), b = any(), c = any(), d = any();
      return {a, b, c, d, any()};
    }
    const auto near = [&](double x, double y) {
      const double dx = (byte() - 128) / 640.0, dy = (byte() - 128) / 640.0;
      return Point{(x + dx) * static_cast<double>(width), (y + dy) * static_cast<double>(height)};
    };
    const Point a = near(0.35, 0.4), b = near(0.65, 0.4), c = near(0.5, 0.6), d = near(0.4, 0.75);
    return {a, b, c, d, near(0.6, 0.75)};
  }

 private:
  Bytes input_;
  std::size_t at_ = 0;
};

// For what is loaded in a target.
inline Options one_thread() {
  Options options;
  options.threads = 1;
  return options;
}

}  // namespace fuzz

// SEGFACE_FUZZ_TARGET(name, mutations) { ... input ... }
#if defined(SEGFACE_FUZZ_CORPUS)
#define SEGFACE_FUZZ_TARGET(name, mutations)                              \
  static void fuzz_##name(segface::Bytes);                                \
  static const fuzz::Target name##_target(#name, fuzz_##name, mutations); \
  static void fuzz_##name(segface::Bytes input)
#else
#define SEGFACE_FUZZ_TARGET(name, mutations)                                          \
  static void fuzz_##name(segface::Bytes);                                            \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_##name({data, size});                                                        \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(segface::Bytes input)
#endif
