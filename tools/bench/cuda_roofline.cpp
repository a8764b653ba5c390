// The time below which a GPU cannot go, network by network, and what launching adds: a model, which needs no GPU.
// Usage: cuda_roofline [NETWORK...], with tables of their operations too; without names, all networks, in sums.
//
// The cuda backend itself is asked: it puts the work of a pass from normalised input to logits into an emulated GPU's
// stream (tests/cuda_emulation), which drops it. What it launches is counted there, and what that costs is what Run
// counts. An operation takes at least the longer of
//   its operations at the data sheet's peak: of products in float16 that of tensor cores, else of float32,
//   its bytes, each input and output once, at the data sheet's bandwidth: no cache keeps a map for the next operation.
// No kernel reaches either; what they reach can only be measured. Launches, see kQueued, are added to that.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "segface/cuda.cuh"
#include "segface/engine/weight_file.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/synthetic.hpp"

#include "emulation.hpp"

namespace {

using namespace segface;
using namespace segface::core;

constexpr Index kSide = 512;

// Per second: bytes, operations in float32, and in float16 on tensor cores with float32 accumulation, without sparsity.
struct Gpu {
  const char* name;
  double bytes, float32, float16;
};
constexpr Gpu kGpus[] = {
    // 12 GB. NVIDIA Ampere GA102 GPU Architecture, V2.1: 192 bits at 15 Gbit/s; 28 multiprocessors at 1.777 GHz, 128
    // multiply-adds a cycle in float32 and 256 on tensor cores (GeForce: half of those with float16 accumulation).
    {"RTX 3060", 360e9, 12.7e12, 25.5e12},
    // NVIDIA Ada GPU Architecture, V2.02, table 2.
    {"RTX 4090", 1008e9, 82.6e12, 165.2e12},
    // NVIDIA H100 Tensor Core GPU data sheet, SXM; half of what it says with sparsity.
    {"H100 SXM", 3350e9, 66.9e12, 989.4e12},
};

// Seconds. Between two kernels of a stream a GPU is idle for kGap, of a graph for kGraphGap: NVIDIA's "Getting Started
// with CUDA Graphs", 2019, where kernels of 2.9 us take 3.8 and 3.4 us each on a V100. The host puts a graph into a
// stream in kQueued, "Constant Time Launch for Straight-Line CUDA Graphs", 2024; that it needs no longer for a kernel
// is assumed.
constexpr double kGap = 0.9e-6, kGraphGap = 0.5e-6, kQueued = 2.5e-6;

// The paper's speed for mobilenet at 512 x 512, on a GPU that it does not name.
constexpr double kPaperImages = 95.96;

// All operations that launch the same kernels in the same order.
struct Operation {
  Index count = 0, launches = 0;
  Cost cost;
  double least[std::size(kGpus)] = {};  // seconds
};
struct Network {
  std::string name, numbers;
  std::map<std::string, Operation> operations;  // by their kernels
  Operation sum;

  double queued(std::size_t gpu) const {
    const auto launches = static_cast<double>(sum.launches);
    return std::max(sum.least[gpu] + launches * kGap, launches * kQueued);
  }
  double graph(std::size_t gpu) const {
    return sum.least[gpu] + static_cast<double>(sum.launches) * kGraphGap + kQueued;
  }
};

// Collects launches, and ends an operation where Run does.
class Recorder final : public Observer<float> {
 public:
  Recorder(Network& network, bool half) : network_(network), half_(half) {
    emulation::set_listener([this](const std::string& work) {
      // Of a batch, or in parts: the same kernels again are one operation's still.
      if (kernels_.find(work) == std::string::npos) kernels_ += (kernels_.empty() ? "" : " + ") + work;
      ++launches_;
    });
  }
  ~Recorder() override { emulation::set_listener({}); }

  bool proceed(const Cost& so_far) noexcept override {
    const Cost cost = {so_far.flops - before_.flops, so_far.bytes - before_.bytes};
    const bool product = kernels_.find("cublasLt") != std::string::npos;
    for (Operation* const operation : {&network_.operations[kernels_], &network_.sum}) {
      ++operation->count;
      operation->launches += launches_;
      operation->cost += cost;
      for (std::size_t i = 0; i < std::size(kGpus); ++i) {
        const double peak = half_ && product ? kGpus[i].float16 : kGpus[i].float32;
        operation->least[i] += std::max(cost.flops / peak, cost.bytes / kGpus[i].bytes);
      }
    }
    before_ = so_far;
    kernels_.clear();
    launches_ = 0;
    return true;
  }

 private:
  Network& network_;
  bool half_;
  Cost before_;
  std::string kernels_;
  Index launches_ = 0;
};

template <class Backend>
Network count(Backbone backbone, const SegFaceWeights& weights, const char* numbers) {
  Network result;
  result.name = backbone_name(backbone);
  result.numbers = numbers;
  const Backend backend = Backend::from_environment().value();
  const auto network = SegFace<Backend>::prepare(backend, weights).value();
  SerialExecutor executor;
  const auto plan = Plan<SegFace, Backend>::make(network, 1, kSide, kSide, executor).value();
  MemoryOf<Backend> memory;
  memory.reserve(plan.workspace_bytes()).or_throw();
  Arena arena(memory.block());
  Recorder recorder(result, sizeof(typename Backend::Scalar) == 2);
  Run<Backend> run(backend, memory, arena, executor, &recorder);
  network(run, plan.tables(), run.map(1, kSide, kSide, 3), {});
  run.status().or_throw();
  memory.finish().or_throw();
  if (std::fabs(result.sum.cost.flops - plan.cost().flops) > 1e-6 * plan.cost().flops) {
    error(Errc::internal, result.name, ": an operation was not seen").or_throw();
  }
  return result;
}

void print_operations(const Network& network) {
  std::printf("%s, %s, %td x %td: an image's operations\n\n", network.name.c_str(), network.numbers.c_str(), kSide,
              kSide);
  std::printf("| kernels | operations | launches | GFLOP | MB | least us:");
  for (const Gpu& gpu : kGpus) std::printf(" %s |", gpu.name);
  std::printf("\n|---|---|---|---|---|---|---|---|\n");
  std::vector<std::pair<std::string, Operation>> rows(network.operations.begin(), network.operations.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.least[0] > b.second.least[0]; });
  rows.emplace_back("all", network.sum);
  for (const auto& [name, operation] : rows) {
    std::printf("| %s | %td | %td | %.2f | %.1f |", name.c_str(), operation.count, operation.launches,
                operation.cost.flops / 1e9, operation.cost.bytes / 1e6);
    for (const double seconds : operation.least) std::printf(" %.0f |", seconds * 1e6);
    std::printf("\n");
  }
  std::printf("\n");
}

void print_networks(const std::vector<Network>& networks) {
  std::printf("| network | numbers | launches | GFLOP | MB |\n|---|---|---|---|---|\n");
  for (const Network& n : networks) {
    std::printf("| %s | %s | %td | %.1f | %.0f |\n", n.name.c_str(), n.numbers.c_str(), n.sum.launches,
                n.sum.cost.flops / 1e9, n.sum.cost.bytes / 1e6);
  }
  for (std::size_t gpu = 0; gpu < std::size(kGpus); ++gpu) {
    std::printf(
        "\n| %s | numbers | least ms | in a stream ms | of it launches | in a graph ms | of it launches | images/s |\n",
        kGpus[gpu].name);
    std::printf("|---|---|---|---|---|---|---|---|\n");
    for (const Network& n : networks) {
      const double least = n.sum.least[gpu], queued = n.queued(gpu), graph = n.graph(gpu);
      std::printf("| %s | %s | %.2f | %.2f | %.0f %% | %.2f | %.0f %% | %.0f |\n", n.name.c_str(), n.numbers.c_str(),
                  least * 1e3, queued * 1e3, 100 * (1 - least / queued), graph * 1e3, 100 * (1 - least / graph),
                  1 / graph);
    }
  }
  for (const Network& n : networks) {
    if (n.name != backbone_name(Backbone::mobilenet)) continue;
    std::printf("\n%s, %s, beside the paper's %.2f images/s:", n.name.c_str(), n.numbers.c_str(), kPaperImages);
    for (std::size_t gpu = 0; gpu < std::size(kGpus); ++gpu) {
      // The share of the peaks that kernels must reach, on the average, to be as fast as the paper.
      const double left = 1 / kPaperImages - (n.graph(gpu) - n.sum.least[gpu]);
      std::printf("%s %s %.1f times as many at most; as many with kernels that reach %.1f %% of the peaks",
                  gpu == 0 ? "" : ";", kGpus[gpu].name, 1 / n.graph(gpu) / kPaperImages, 100 * n.sum.least[gpu] / left);
    }
    std::printf("\n");
  }
}

void model(const std::vector<Backbone>& backbones, bool operations) {
  emulation::set_works(false);
  std::vector<Network> networks;
  for (const Backbone backbone : backbones) {
    SegFaceWeights weights(backbone, Dataset::celeb);
    const auto numbers = SyntheticCheckpoint::make(list_tensors(weights, /*with_dropped=*/true), /*seed=*/1).value();
    bind(weights, numbers).or_throw();
    networks.push_back(count<cuda::Backend>(backbone, weights, "float32"));
    networks.push_back(count<cuda::HalfBackend>(backbone, weights, "float16"));
  }
  for (const Network& network : networks) {
    if (operations) print_operations(network);
  }
  print_networks(networks);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<Backbone> backbones;
    for (int i = 1; i < argc; ++i) backbones.push_back(parse_backbone(argv[i]).value());
    const bool named = !backbones.empty();
    if (!named) {
      for (const BackboneRow& row : kBackbones) backbones.push_back(row.backbone);
    }
    model(backbones, named);
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
