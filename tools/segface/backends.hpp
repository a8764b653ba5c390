// The backends the command line can name.
#pragma once

#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "arguments.hpp"
#include "networks/networks.hpp"
#if defined(SEGFACE_WITH_CUDA)
#include "networks/cuda.hpp"
#endif

namespace tool {

// With the kernels that SEGFACE_ISA names; main() has asked before whether it names any.
inline segface::cpu::Backend cpu_backend() {
  return networks::cpu_backend(segface::core::cpu::chosen_isa().value());
}

enum BackendName : std::size_t { kCpu, kReference, kCuda, kCudaHalf };

// By BackendName; the first is the default.
inline const std::vector<std::string>& backend_names() {
  static const std::vector<std::string> names = {"cpu", "reference", "cuda", "cuda-f16"};
  return names;
}

// A backend that is built in, which need not be said of the others. Errors: no_device.
inline segface::Status check_built(std::size_t backend) {
#if !defined(SEGFACE_WITH_CUDA)
  if (backend == kCuda || backend == kCudaHalf) {
    return segface::error(segface::Errc::no_device, "--backend ", backend_names()[backend],
                          ": this program was built without CUDA; build it ",
                          "with `cmake -S . -B build -DSEGFACE_CUDA=ON`, which takes NVIDIA's CUDA toolkit");
  }
#endif
  static_cast<void>(backend);
  return {};
}

// By Precision; the first is the default.
inline const std::vector<std::string>& precision_names() {
  static const std::vector<std::string> names = {"f32", "bf16", "int8"};
  return names;
}
inline segface::Result<segface::Precision> read_precision(const Arguments& arguments, std::size_t backend) {
  SEGFACE_ASSIGN(precision, arguments.choice("--precision", precision_names()));
  if (precision != 0 && backend != kCpu) {
    return segface::error(segface::Errc::invalid_argument, "--precision ", precision_names()[precision],
                          " goes with --backend cpu, got --backend ", backend_names()[backend]);
  }
  return static_cast<segface::Precision>(precision);
}

template <class B>
struct BackendType {
  using Backend = B;
};

// Whether a backend stores numbers in 16 bits, so that bounds of float32 are not its own.
template <class B>
inline constexpr bool kHalf = false;
#if defined(SEGFACE_WITH_CUDA)
template <>
inline constexpr bool kHalf<segface::cuda::HalfBackend> = true;
#endif

// Calls function(BackendType) with the type of a backend that is built in.
template <class Function>
auto with_backend(std::size_t backend, const Function& function) {
#if defined(SEGFACE_WITH_CUDA)
  if (backend == kCuda) return function(BackendType<segface::cuda::Backend>());
  if (backend == kCudaHalf) return function(BackendType<segface::cuda::HalfBackend>());
#endif
  if (backend == kReference) return function(BackendType<segface::reference::Backend<float>>());
  return function(BackendType<segface::cpu::Backend>());
}

// A BasicParser or a BasicFinder. Errors: those of its load().
template <template <class> class Facade, class Backend>
segface::Result<Facade<Backend>> load(const std::string& weights, const segface::Options& options) {
  if constexpr (std::is_same_v<Backend, segface::cpu::Backend>) {
    const segface::cpu::Backend backend = cpu_backend();
    const bool products = std::is_same_v<Facade<Backend>, segface::BasicParser<Backend>>;  // a finder's are of f32
    if (products && options.precision != segface::Precision::float32 && !backend.has_instructions(options.precision)) {
      const bool lacking = options.precision == segface::Precision::bf16;
      std::fprintf(stderr, "note: this processor has no instructions for %s%s\n",
                   precision_names()[static_cast<std::size_t>(options.precision)].c_str(),
                   lacking ? ": products are of f32" : ", which is slower than f32 here");
    }
    return Facade<Backend>::load(weights, options, backend);
  } else {
    return Facade<Backend>::load(weights, options);
  }
}

}  // namespace tool
