// The kernels of the cpu backend on one thread, by Google Benchmark: bench_kernels [--benchmark_filter=REGEX]. Built
// where the library is installed (libbenchmark-dev).
//
// Sizes are those of the networks at 512 x 512. GFLOP/s counts a multiply-add as two; compare with what `segface bench`
// says multiply-adds alone reach. SEGFACE_ISA picks the instruction set.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "segface/backends/cpu.hpp"
#if SEGFACE_X86_KERNELS
#include "instructions.hpp"
#endif

namespace {

using namespace segface;
using namespace segface::core;
using cpu::Backend;

// An operation on maps of its own, again and again. `prepare(run)` makes what is measured: a function without
// arguments.
template <class Prepare>
void measure(benchmark::State& state, const Backend& backend, const Prepare& prepare) {
  SerialExecutor executor;
  Buffer<std::uint8_t> block = Buffer<std::uint8_t>::make(std::size_t{256} << 20).value();
  std::fill(block.begin(), block.end(), std::uint8_t{0});
  Arena arena(block.span());
  Run<Backend> run(backend, arena, executor);
  const auto operation = prepare(run);
  const double before = run.cost().flops;
  for (auto _ : state) {
    const auto scope = run.scope();
    operation();
    benchmark::ClobberMemory();
  }
  const double flops = run.cost().flops - before;
  state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9, benchmark::Counter::kIsRate);
}

template <class Prepare>
void add(const Backend& backend, const std::string& name, const Prepare& prepare) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    measure(state, backend, prepare);
  })->Unit(benchmark::kMillisecond);
}

std::vector<float> ones(Index count) {
  return std::vector<float>(static_cast<std::size_t>(count), 1.0f);
}

void add_linear(const Backend& backend, Index rows, Index in, Index out, Activation activation) {
  const std::string precision = backend.precision() == Precision::float32 ? "" : precision_name(backend.precision());
  const std::string name = "linear" + (precision.empty() ? "" : "_" + precision) +
                           std::string(activation == Activation::gelu ? "_gelu" : "") + "/" + std::to_string(rows) +
                           "x" + std::to_string(in) + "x" + std::to_string(out);
  add(backend, name, [=](Run<Backend>& run) {
    const auto weight = ones(in * out), bias = ones(out);
    auto w = std::make_shared<Backend::Linear>(
        run.backend().prepare_linear({in, out, weight.data(), bias.data(), nullptr}).value());
    const MapOf<Backend> x = run.map(1, 1, rows, in), y = run.map(1, 1, rows, out);
    return [=, &run] {
      Epilogue<Backend> epilogue;
      epilogue.activation = activation;
      run.backend().linear(run, *w, x, epilogue, y);
    };
  });
}

void add_convolution(const Backend& backend, Index side, Index in, Index out) {
  add(backend, "convolution_3x3/" + std::to_string(side) + "x" + std::to_string(in) + "x" + std::to_string(out),
      [=](Run<Backend>& run) {
        const auto weight = ones(9 * in * out), bias = ones(out);
        auto w = std::make_shared<Backend::Convolution>(
            run.backend().prepare_convolution({in, out, 3, 1, weight.data(), {}, bias.data()}).value());
        const MapOf<Backend> x = run.map(1, side, side, in);
        return [=, &run] { ops::convolution<Backend>(run, *w, ViewOf<Backend>(x), Activation::none); };
      });
}

void add_depthwise(const Backend& backend, Index side, Index channels, Index kernel) {
  add(backend,
      "depthwise_" + std::to_string(kernel) + "x" + std::to_string(kernel) + "/" + std::to_string(side) + "x" +
          std::to_string(channels),
      [=](Run<Backend>& run) {
        const auto weight = ones(kernel * kernel * channels), bias = ones(channels);
        auto w = std::make_shared<Backend::DepthwiseConvolution>(
            run.backend()
                .prepare_depthwise_convolution({1, channels, kernel, 1, weight.data(), {}, bias.data()})
                .value());
        const MapOf<Backend> x = run.map(1, side, side, channels);
        return [=, &run] { ops::depthwise_convolution<Backend>(run, *w, ViewOf<Backend>(x), Activation::none); };
      });
}

void add_attention(const Backend& backend, const std::string& name, Index queries, Index keys) {
  add(backend, "attention/" + name, [=](Run<Backend>& run) {
    const MapOf<Backend> q = run.map(1, 1, queries, 128), k = run.map(1, 1, keys, 128), v = run.map(1, 1, keys, 128);
    return [=, &run] { ops::attention<Backend>(run, q, k, v, 8); };
  });
}

void add_windows(const Backend& backend, Index side, Index channels, Index heads, Index window, bool cosine) {
  add(backend,
      std::string("windowed_attention") + (cosine ? "_cosine/" : "/") + std::to_string(side) + "x" +
          std::to_string(channels),
      [=](Run<Backend>& run) {
        const Index tokens = window * window;
        const auto scale = ones(heads), bias = ones(heads * tokens * tokens), padding = ones(3 * channels);
        WindowAttentionParameters p;
        p.channels = channels;
        p.heads = heads;
        p.window = window;
        p.cosine = cosine;
        p.scale = scale.data();
        p.bias = bias.data();
        p.padding = padding.data();
        auto w = std::make_shared<Backend::WindowAttention>(run.backend().prepare_window_attention(p).value());
        const MapOf<Backend> qkv = run.map(1, side, side, 3 * channels), y = run.map(1, side, side, channels);
        return [=, &run] { run.backend().windowed_attention(run, *w, qkv, window / 2, y); };
      });
}

void add_rows(const Backend& backend) {
  add(backend, "layer_norm/16384x256", [](Run<Backend>& run) {
    const auto gain = ones(256);
    auto w = std::make_shared<Backend::LayerNorm>(
        run.backend().prepare_layer_norm({256, gain.data(), gain.data(), 1e-5f}).value());
    const MapOf<Backend> x = run.map(1, 128, 128, 256);
    return [=, &run] { ops::layer_norm<Backend>(run, *w, x, {}, x); };
  });
  add(backend, "bilinear/64x256_to_128", [](Run<Backend>& run) {
    const MapOf<Backend> x = run.map(1, 64, 64, 256), y = run.map(1, 128, 128, 256);
    return [=, &run] { ops::bilinear<Backend>(run, x, y); };
  });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const auto backend = Backend::from_environment();
  if (!backend.ok()) {
    std::fprintf(stderr, "%s\n", backend.error().message());
    return 7;
  }
  benchmark::AddCustomContext("kernels", backend->isa_name());
  for (const Precision precision : {Precision::float32, Precision::bf16, Precision::int8}) {
    const Backend rounded = backend->with(precision).value();
    if (rounded.precision() != precision) continue;  // what the processor lacks
    for (const auto& [in, out] : {std::pair<Index, Index>{24, 128}, {64, 128}, {256, 128}, {128, 256}}) {
      if (precision == Precision::float32 || in >= 64) add_linear(rounded, 16384, in, out, Activation::none);
    }
    add_linear(rounded, 1024, 512, 2048, Activation::gelu);
    add_linear(rounded, 256, 4096, 1024, Activation::none);
  }
  add_convolution(*backend, 64, 128, 128);
  add_convolution(*backend, 32, 256, 256);
  add_depthwise(*backend, 128, 72, 3);
  add_depthwise(*backend, 64, 240, 5);
  add_depthwise(*backend, 64, 256, 7);
  add_attention(*backend, "image_from_tokens", 16384, 19);
  add_attention(*backend, "tokens_from_image", 19, 16384);
  add_windows(*backend, 64, 256, 8, 7, false);
  add_windows(*backend, 64, 256, 8, 8, true);
  add_rows(*backend);
#if SEGFACE_X86_KERNELS
  instructions::add_all();
#endif
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
