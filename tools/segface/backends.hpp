// The backends the command line can name.
#pragma once

#include <cstdio>
#include <iterator>
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

// The value of --precision; float32 where it is not given.
inline segface::Result<segface::Precision> read_precision(const Arguments& arguments, std::size_t backend) {
  using namespace segface::core;
  SEGFACE_ASSIGN(chosen, arguments.choice("--precision", {std::begin(kPrecisionNames), std::end(kPrecisionNames)}));
  const auto precision = static_cast<segface::Precision>(chosen);
  if (backend != kCpu && !require_float32(precision).ok()) {
    return segface::error(segface::Errc::invalid_argument, "--precision ", precision_name(precision),
                          " goes with --backend cpu, got --backend ", backend_names()[backend]);
  }
  return precision;
}

// The options of the machine, --threads, --backend and --precision, into a request's fields.
template <class Request>
segface::Status read_machine(const Arguments& arguments, Request& request) {
  SEGFACE_ASSIGN(threads, arguments.number("--threads", 0, segface::core::kMaxThreads, 0));
  request.threads = threads;
  SEGFACE_ASSIGN(backend, arguments.choice("--backend", backend_names()));
  request.backend = backend;
  SEGFACE_ASSIGN(precision, read_precision(arguments, backend));
  request.precision = precision;
  return {};
}

// What is asked for, or float32 where this processor lacks it, and a line that says so.
inline segface::Precision possible_precision(const segface::cpu::Backend& backend, segface::Precision precision) {
  using segface::Precision;
  if (precision == Precision::float32 || precision == Precision::automatic || backend.has_instructions(precision)) {
    return precision;
  }
  std::fprintf(stderr, "note: this processor has no instructions for %s: products are of f32\n",
               segface::core::precision_name(precision));
  return Precision::float32;
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
    segface::Options possible = options;
    if constexpr (std::is_same_v<Facade<Backend>, segface::BasicParser<Backend>>) {  // a finder's products are of f32
      possible.precision = possible_precision(backend, options.precision);
    }
    return Facade<Backend>::load(weights, possible, backend);
  } else {
    return Facade<Backend>::load(weights, options);
  }
}

}  // namespace tool
