// segface convert: an official checkpoint to a weight file.
#include "segface/engine/convert.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tool {
namespace {

// "a/model_299.pt" -> "a/model_299.safetensors"
std::string default_output(const std::string& checkpoint) {
  const std::size_t name = checkpoint.find_last_of(kPathSeparators) + 1, dot = checkpoint.rfind('.');
  return checkpoint.substr(0, dot == std::string::npos || dot <= name ? checkpoint.size() : dot) + ".safetensors";
}

Result<ConvertOptions> read_options(const Arguments& arguments) {
  ConvertOptions options;
  if (arguments.has("--dataset")) {
    SEGFACE_ASSIGN(dataset, parse_dataset(arguments.value("--dataset")));
    options.dataset = dataset;
  }
  if (arguments.has("--resolution")) {
    SEGFACE_ASSIGN(resolution, arguments.number("--resolution", kMinSide, 4096, 0));
    options.resolution = resolution;
  }
  SEGFACE_ASSIGN(dtype, arguments.choice("--dtype", {"f32", "f16", "bf16", "i8"}));
  constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::i8};
  options.dtype = kTypes[dtype];
  options.strict = arguments.has("--strict");
  options.replace = arguments.has("--force");
  return options;
}

// Asked before the long work; the writer asks again.
Status check_output(const std::string& checkpoint, const std::string& output, bool replace) {
  const FileId there = file_id(output);
  if (there && there == file_id(checkpoint)) {
    return error(Errc::output, output, ": is the checkpoint itself; name another file with -o");
  }
  if (there && !replace && InputFile::open(output).ok()) {
    return error(Errc::output, output, ": exists already; pass --force to replace it, or name another with -o");
  }
  return {};
}

// The option that settles a failure, where one does.
Status with_hint(const Status& status) {
  if (status.code() == Errc::invalid_argument) {
    return error(status.code(), status.message(), " (--dataset celeb, lapa or helen)");
  }
  if (status.code() == Errc::overflow) return error(status.code(), status.message(), " (--dtype bf16 or f32)");
  return status;
}

void print(const std::string& output, const Converted& converted, std::uint64_t bytes, double milliseconds) {
  const NetworkInfo& info = converted.info;
  std::printf("%s: written in %.1f s\n", shown(output).c_str(), milliseconds / 1000);
  std::printf("  backbone:    %s", backbone_name(info.backbone));
  if (converted.named_backbone) {
    std::printf(" (told by the tensors, although the folder's name says %s)", backbone_name(*converted.named_backbone));
  }
  std::printf("\n");
  std::printf("  data set:    %s, %td classes\n", std::string(dataset_name(info.dataset)).c_str(), info.classes());
  std::printf("  resolution:  %td x %td%s\n", info.resolution, info.resolution,
              converted.resolution_assumed ? " (assumed: no tensor tells it; change it with --resolution R)" : "");
  std::printf("  parameters:  %zu\n", converted.parameters);
  std::printf("  bytes:       %llu, %s\n", static_cast<unsigned long long>(bytes), dtype_name(info.dtype));
  std::printf("  digest:      %s\n", info.source_digest.c_str());
  std::printf("  left out:    %zu tensors that nothing is computed with\n", converted.dropped);
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"-o", true},
                                                  {"--dataset", true},
                                                  {"--resolution", true},
                                                  {"--dtype", true},
                                                  {"--strict", false},
                                                  {"--force", false}});
  if (!arguments.ok()) return misuse(kConvert, arguments.error());
  if (arguments->operands().size() != 1) {
    return misuse(kConvert,
                  error(Errc::invalid_argument, "expected one checkpoint, got ", arguments->operands().size()));
  }
  auto options = read_options(*arguments);
  if (!options.ok()) return misuse(kConvert, options.error());
  const std::string& checkpoint = arguments->operands()[0];
  const std::string output = arguments->has("-o") ? arguments->value("-o") : default_output(checkpoint);
  const Status free = check_output(checkpoint, output, options->replace);
  if (!free.ok()) return fail(free, kOutput);

  Stopwatch watch;
  auto executor = make_executor(0);
  if (!executor.ok()) return fail(executor.error(), kLimits);
  const auto converted = [&] {
    Progress progress(output);
    options->progress = [&](double share) { return progress(share); };
    return convert(cpu_backend(), checkpoint, output, *options, **executor);
  }();
  if (!converted.ok()) return fail(with_hint(converted.error()), kWeights);
  const auto file = InputFile::open(output);  // a device has no size
  print(output, *converted, file.ok() ? file->size() : 0, watch.lap());
  return kDone;
}

}  // namespace

const Command kConvert = {
    "convert", "a checkpoint of PyTorch to a weight file",
    "usage: segface convert CHECKPOINT [-o FILE] [options]\n"
    "\n"
    "Makes a weight file of an official checkpoint (.pt, or safetensors with the same names). No code of the\n"
    "checkpoint is run, and no Python is needed. Without -o the file gets the checkpoint's name, ending in\n"
    ".safetensors.\n"
    "\n"
    "  --dataset NAME    celeb, lapa or helen; told from the tensors or the folder's name where possible\n"
    "  --resolution R    side of the square that photos are resized to; else from the folder's name, else 512\n"
    "  --dtype NAME      f32, the default; f16 or bf16 for half the size; i8, a quarter: matrices of bytes with\n"
    "                    scales, which this version and later ones read\n"
    "  --strict          refuses checkpoints that mention code anywhere, even where it would be ignored\n"
    "  --force           replaces an existing file\n",
    nullptr, run};

}  // namespace tool
