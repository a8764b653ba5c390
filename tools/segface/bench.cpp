// segface bench: how fast a network parses a photo here, and where the time goes.
#include <algorithm>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "segface/engine/finder_file.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "bench_finder.hpp"
#include "commands.hpp"
#include "networks/device_times.hpp"
#include "output.hpp"
#include "peak.hpp"

namespace tool {
namespace {

struct StageFigures {
  std::string name;
  double milliseconds = 0;
  Cost cost;
};

struct Figures {
  std::vector<StageFigures> stages;
  double milliseconds = 0, least = 0;                    // of a photo: median, and the fastest run
  double network = 0;                                    // of normalised tensors to their logits, all of a call: median
  double peak = 0;                                       // GFLOP/s
  double load = 0;                                       // milliseconds
  std::size_t weights = 0, workspace = 0, resident = 0;  // bytes; resident is the most that ever was
  // By a GPU's own clock: its numbers ("float32", "tf32", "float16") and what it said.
  struct OnDevice {
    const char* numbers;
    networks::DeviceTimes times;
  };
  std::vector<OnDevice> device;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A photo of the network's size: what is in it makes no difference to the time.
Result<Image> pattern(Index side) {
  SEGFACE_ASSIGN(image, Image::make(side, side, PixelOrder::rgb));
  for (Index y = 0; y < side; ++y) {
    for (Index x = 0; x < 3 * side; ++x) image.row(y)[x] = static_cast<std::uint8_t>(x * y / 7 + x / 3 + 2 * y);
  }
  return std::move(image);
}

// Milliseconds of the network alone, from the normalised tensors of a call to their logits: the median.
template <class Backend>
Result<double> measure_network(const BasicParser<Backend>& parser, BasicWorkspace<Backend>& workspace, Index batch,
                               Index runs) {
  const Index side = parser.info().resolution;
  SEGFACE_ASSIGN(shape, workspace.logits_shape(batch, side, side));
  const std::vector<float> input(static_cast<std::size_t>(batch * 3 * side * side), 0.5f);
  std::vector<float> logits(shape.count());
  const std::vector<Landmarks> landmarks(static_cast<std::size_t>(batch), standard_landmarks(side));
  std::vector<double> times;
  for (Index run = -1; run < runs; ++run) {
    Stopwatch watch;
    SEGFACE_RETURN_IF_ERROR(workspace.logits({input.data(), batch, side, side}, {logits.data(), logits.size()},
                                             {landmarks.data(), landmarks.size()}));
    if (run >= 0) times.push_back(watch.lap());
  }
  return median(times);
}

// The stages of one call after another, as the median of each; without their costs.
template <class Backend>
Result<Figures> measure(const BasicParser<Backend>& parser, Executor& executor, Index batch, Index runs) {
  const Index side = parser.info().resolution;
  SEGFACE_ASSIGN(photo, pattern(side));
  SEGFACE_ASSIGN(workspace, parser.workspace(&executor));
  const Landmarks landmarks = standard_landmarks(side);
  Figures figures;
  std::vector<double> photos;
  std::vector<std::vector<double>> stages;
  Mask mask;
  Progress progress("running");
  for (Index run = -1; run < runs; ++run) {  // the first is a warm-up
    Stopwatch watch;
    SEGFACE_RETURN_IF_ERROR(workspace.parse(photo.view(), landmarks, mask));
    const double milliseconds = watch.lap();
    if (!progress(static_cast<double>(run + 1) / static_cast<double>(runs))) {
      return error(Errc::cancelled, "interrupted");
    }
    const Span<const StageTime> times = workspace.times();
    if (run < 0) {
      stages.resize(times.size());
      for (const StageTime& time : times) figures.stages.push_back({time.name, 0, {}});
      continue;
    }
    photos.push_back(milliseconds);
    for (std::size_t i = 0; i < times.size(); ++i) stages[i].push_back(times[i].milliseconds);
  }
  figures.milliseconds = median(photos);
  figures.least = *std::min_element(photos.begin(), photos.end());
  for (std::size_t i = 0; i < stages.size(); ++i) figures.stages[i].milliseconds = median(stages[i]);
  figures.workspace = workspace.bytes();
  figures.resident = most_resident();
  SEGFACE_ASSIGN(network, measure_network(parser, workspace, batch, runs));
  figures.network = network;
  return Result<Figures>(std::move(figures));
}

void add_costs(const std::vector<StageCost>& stages, Figures& figures) {
  const auto find = [&](const std::string& name) {
    return std::find_if(figures.stages.begin(), figures.stages.end(), [&](const auto& s) { return s.name == name; });
  };
  for (const StageCost& stage : stages) {
    auto found = find(stage.name);
    if (found == figures.stages.end()) found = find("labels");  // logits that are never whole are made with these
    if (found != figures.stages.end()) found->cost = stage.cost;
  }
}

// "mobilenet, celeb, 512 x 512"
std::string title(const NetworkInfo& info) {
  const std::string side = std::to_string(info.resolution);
  return backbone_name(info.backbone) + (", " + std::string(dataset_name(info.dataset))) + ", " + side + " x " + side;
}

// The lowest that products have.
const char* precision_of(const Parser& parser) {
  return precision_name(parser.rounded().lowest());
}

void print_table(const Parser& parser, const Figures& f, Index threads, Index batch, Index runs) {
  std::printf("%s; %s kernels, %s, %td threads, medians of %td runs\n", title(parser.info()).c_str(),
              parser.backend().isa_name(), precision_of(parser), threads, runs);
  const PrecisionRecipe& rounded = parser.rounded();
  if (!rounded.layers().empty()) {
    std::printf("products of %zu layers are of int8, of %zu of bf16\n", rounded.count(Precision::int8),
                rounded.count(Precision::bf16));
  }
  std::printf("multiply-adds alone reach %.0f GFLOP/s here\n\n", f.peak);
  std::printf("  %-10s  %8s  %8s  %9s  %6s  %8s\n", "stage", "ms", "GFLOP", "GFLOP/s", "share", "MB");
  const auto row = [&](const std::string& name, double milliseconds, const Cost& cost) {
    std::printf("  %-10s  %8.2f", name.c_str(), milliseconds);
    if (cost.flops > 0) {
      const double speed = cost.flops / milliseconds / 1e6;
      std::printf("  %8.2f  %9.0f  %4.0f %%  %8.1f", cost.flops / 1e9, speed, 100 * speed / f.peak, cost.bytes / 1e6);
    }
    std::printf("\n");
  };
  for (const StageFigures& stage : f.stages) row(stage.name, stage.milliseconds, stage.cost);
  row("photo", f.milliseconds, parser.plan().cost());
  row(batch == 1 ? "network" : "of " + std::to_string(batch), f.network, {});
  std::printf("\nfastest photo %.2f ms; loading %.0f ms; weights %s, workspace %s, plan %s; at most %s resident\n",
              f.least, f.load, megabytes(f.weights).c_str(), megabytes(f.workspace).c_str(),
              megabytes(parser.plan().bytes()).c_str(), megabytes(f.resident).c_str());
}

void print_json(const Parser& parser, const Figures& f, Index threads, Index batch, Index runs) {
  const NetworkInfo& info = parser.info();
  std::printf(
      "{\"backbone\": \"%s\", \"dataset\": \"%s\", \"resolution\": %td, \"isa\": \"%s\", \"precision\": \"%s\", "
      "\"threads\": %td, \"runs\": %td,\n \"peak_gflops\": %.1f, \"load_ms\": %.1f, \"weight_bytes\": %zu, "
      "\"workspace_bytes\": %zu, \"plan_bytes\": %zu, \"resident_bytes\": %zu,\n \"photo_ms\": %.3f, "
      "\"fastest_ms\": %.3f, \"batch\": %td, \"network_ms\": %.3f, \"stages\": [",
      backbone_name(info.backbone), std::string(dataset_name(info.dataset)).c_str(), info.resolution,
      parser.backend().isa_name(), precision_of(parser), threads, runs, f.peak, f.load, f.weights, f.workspace,
      parser.plan().bytes(), f.resident, f.milliseconds, f.least, batch, f.network);
  const char* separator = "\n";
  for (const StageFigures& stage : f.stages) {
    std::printf("%s  {\"stage\": \"%s\", \"ms\": %.3f, \"flops\": %.0f, \"bytes\": %.0f}", separator,
                stage.name.c_str(), stage.milliseconds, stage.cost.flops, stage.cost.bytes);
    separator = ",\n";
  }
  std::printf("]}\n");
}

// Of a backend that is not the cpu's: whole photos. What a stage takes is known to the GPU alone, which the host does
// not wait for in between.
void print_photo(const NetworkInfo& info, const std::string& backend, const Figures& f, Index batch, Index runs,
                 bool json) {
  if (json) {
    std::printf(
        "{\"backbone\": \"%s\", \"dataset\": \"%s\", \"resolution\": %td, \"backend\": \"%s\", \"runs\": %td, "
        "\"load_ms\": %.1f,\n \"weight_bytes\": %zu, \"workspace_bytes\": %zu, \"photo_ms\": %.3f, "
        "\"fastest_ms\": %.3f, \"batch\": %td, \"device\": [",
        backbone_name(info.backbone), std::string(dataset_name(info.dataset)).c_str(), info.resolution, backend.c_str(),
        runs, f.load, f.weights, f.workspace, f.milliseconds, f.least, batch);
    const char* separator = "\n";
    for (const Figures::OnDevice& d : f.device) {
      std::printf(
          "%s  {\"name\": \"%s\", \"numbers\": \"%s\", \"network_ms\": %.4f, \"photo_ms\": %.4f, "
          "\"bytes\": %zu}",
          separator, d.times.device.c_str(), d.numbers, d.times.network, d.times.photo, d.times.bytes);
      separator = ",\n";
    }
    std::printf("]}\n");
    return;
  }
  std::printf("%s; %s backend, median of %td runs\n\n", title(info).c_str(), backend.c_str(), runs);
  std::printf("  photo  %.2f ms, %.1f a second; fastest %.2f ms\n\nloading %.0f ms; weights %s, workspace %s\n",
              f.milliseconds, 1000 / f.milliseconds, f.least, f.load, megabytes(f.weights).c_str(),
              megabytes(f.workspace).c_str());
  for (const Figures::OnDevice& d : f.device) {
    std::printf("%s by its own clock, %s: network %.3f ms for %td, ", d.times.device.c_str(), d.numbers,
                d.times.network, batch);
    if (batch == 1) std::printf("photo %.3f ms, ", d.times.photo);
    std::printf("%s of its memory\n", megabytes(d.times.bytes).c_str());
  }
}

// By the clock of a GPU, where the backend is on one.
template <class Backend>
Status measure_on_device(const std::string& path, Index batch, Index runs, Figures& figures) {
#if defined(SEGFACE_WITH_CUDA)
  if constexpr (kHalf<Backend> || std::is_same_v<Backend, cuda::Backend>) {
    SEGFACE_ASSIGN(file, WeightFile::open(path));
    for (const bool tf32 : {false, true}) {
      if (tf32 && kHalf<Backend>) break;
      SEGFACE_ASSIGN(times, networks::times_on_cuda<Backend>(file, tf32, batch, runs));
      figures.device.push_back({kHalf<Backend> ? "float16" : tf32 ? "tf32" : "float32", std::move(times)});
    }
  }
#endif
  static_cast<void>(path), static_cast<void>(batch), static_cast<void>(runs), static_cast<void>(figures);
  return {};
}

template <class Backend>
int bench(const std::string& path, const std::string& backend, const Options& options, Index batch, Index runs,
          bool json) {
  const auto file = InputFile::open(path);
  if (!file.ok()) return fail(file.error(), kWeights);
  Stopwatch watch;
  const auto parser = load<BasicParser, Backend>(path, options);
  if (!parser.ok()) return fail(explain_weights(parser.error(), path), kWeights);
  const double load = watch.lap();
  const auto executor = make_executor(options.threads);
  if (!executor.ok()) return fail(executor.error(), kLimits);
  double peak = 0;
  if constexpr (std::is_same_v<Backend, cpu::Backend>) peak = measure_peak(parser->backend().isa_name(), **executor);
  auto figures = measure(*parser, **executor, std::is_same_v<Backend, cpu::Backend> ? batch : 1, runs);
  if (!figures.ok()) return fail(figures.error(), kWeights);
  figures->peak = peak;
  figures->load = load;
  figures->weights = file->size();
  if constexpr (std::is_same_v<Backend, cpu::Backend>) {
    add_costs(parser->plan().stages(), *figures);
    const auto print = json ? print_json : print_table;
    print(*parser, *figures, (*executor)->threads(), batch, runs);
  } else {
    const Status timed = measure_on_device<Backend>(path, batch, runs, *figures);
    if (!timed.ok()) return fail(timed, kWeights);
    print_photo(parser->info(), backend, *figures, batch, runs, json);
  }
  return kDone;
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--threads", true},
                                                  {"--runs", true},
                                                  {"--batch", true},
                                                  {"--backend", true},
                                                  {"--precision", true},
                                                  {"--photo", true},
                                                  {"--json", false}});
  if (!arguments.ok()) return misuse(kBench, arguments.error());
  const auto threads = arguments->number("--threads", 0, kMaxThreads, 0);
  if (!threads.ok()) return misuse(kBench, threads.error());
  const auto runs = arguments->number("--runs", 1, 10000, 15);
  if (!runs.ok()) return misuse(kBench, runs.error());
  const auto batch = arguments->number("--batch", 1, 1024, 1);
  if (!batch.ok()) return misuse(kBench, batch.error());
  const auto backend = arguments->choice("--backend", backend_names());
  if (!backend.ok()) return misuse(kBench, backend.error());
  const auto precision = read_precision(*arguments, *backend);
  if (!precision.ok()) return misuse(kBench, precision.error());
  if (arguments->has("--batch") && *backend == kReference) {
    return misuse(kBench, error(Errc::invalid_argument, "--batch goes with --backend cpu, cuda or cuda-f16"));
  }
  if (arguments->operands().size() != 1) {
    return misuse(kBench,
                  error(Errc::invalid_argument, "expected one weight file, got ", arguments->operands().size()));
  }
  const Status built = check_built(*backend);
  if (!built.ok()) return fail(built, kNoDevice);
  const std::string& path = arguments->operands()[0];
  if (FinderFile::open(path).ok()) {
    if (*backend != kCpu) return misuse(kBench, error(Errc::invalid_argument, "a finder is measured on the cpu alone"));
    return bench_finder(path, arguments->value("--photo"), *threads, *runs, arguments->has("--json"));
  }
  if (arguments->has("--photo")) {
    return misuse(kBench, error(Errc::invalid_argument, "--photo goes with a finder's weights, whose faces it has"));
  }
  Options options;
  options.threads = *threads;
  options.precision = *precision;
  return with_backend(*backend, [&](auto type) {
    return bench<typename decltype(type)::Backend>(path, backend_names()[*backend], options, *batch, *runs,
                                                   arguments->has("--json"));
  });
}

}  // namespace

const Command kBench = {
    "bench", "how fast a network is here, stage by stage",
    "usage: segface bench WEIGHTS [--threads N] [--runs N] [--batch N] [--backend NAME] [--precision NAME]\n"
    "                     [--photo FILE] [--json]\n"
    "\n"
    "Parses a picture of the network's own size again and again and prints the median time of each\n"
    "stage, with its operations, its share of what this processor's multiply-adds reach (measured\n"
    "first), the bytes it must move, and memory. Input is the resize and normalisation of the photo,\n"
    "labels the way to a mask from the map before the logits, which are never whole. Network is another\n"
    "call: a normalised tensor in, whole logits out, as other engines are measured.\n"
    "\n"
    "  --threads N     0, the default, is all that this process may keep busy, and the most\n"
    "  --runs N        15 unless said otherwise\n"
    "  --backend NAME  cpu, the default; of cuda and cuda-f16, an NVIDIA GPU, where built with it (exit code 7:\n"
    "                  no GPU), whole photos, and photo and network by the GPU's own clock, cuda with floats\n"
    "                  rounded to TF32 too; of reference, whole photos only\n"
    "  --precision NAME  f32, the default, bf16, int8 or auto, of the cpu backend: what products are of; see\n"
    "                  segface help quantize\n"
    "  --batch N       pictures of a call of the network alone; 1 unless said otherwise\n"
    "  --photo FILE    with a finder's weights, whose networks are measured at usual sizes: the photo whole too\n"
    "  --json          the same for programs\n",
    nullptr, run};

}  // namespace tool
