// segface quantize: writes a weight file that says which layers' products may be rounded.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "segface/engine/weight_file.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "crops.hpp"
#include "output.hpp"
#include "photo_list.hpp"
#include "recipe_search.hpp"
#include "weight_places.hpp"

namespace tool {
namespace {

struct QuantizeRequest {
  std::string weights, output, finder;
  std::vector<Photo> photos;
  double agree = 0.995;
  bool whole = false, replace = false;
  Index threads = 0;
};

// "99.5" -> 0.995
Result<double> read_agreement(const Arguments& arguments) {
  if (!arguments.has("--agree")) return QuantizeRequest().agree;
  const std::string text = arguments.value("--agree");
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string digits = point == text.size() ? "" : text.substr(point + 1);
  std::uint64_t whole = 0, part = 0;
  double percent = 101;
  if (parse_decimal(std::string_view(text).substr(0, point), whole) && digits.size() <= 6 &&
      (point == text.size() || parse_decimal(digits, part))) {
    double unit = 1;
    for (std::size_t i = 0; i < digits.size(); ++i) unit *= 10;
    percent = static_cast<double>(whole) + static_cast<double>(part) / unit;
  }
  if (percent >= 50 && percent <= 100) return percent / 100;
  return error(Errc::invalid_argument, "--agree is '", text,
               "', expected a percentage of labels from 50 to 100, as 99.5");
}

Result<QuantizeRequest> read_quantize_request(const Arguments& arguments) {
  QuantizeRequest request;
  if (arguments.operands().size() != 1) {
    return error(Errc::invalid_argument, "expected one weight file, got ", arguments.operands().size());
  }
  request.weights = arguments.operands()[0];
  request.output = arguments.value("-o");
  if (request.output.empty()) return error(Errc::invalid_argument, "-o is missing, the file to write");
  SEGFACE_ASSIGN(agree, read_agreement(arguments));
  request.agree = agree;
  SEGFACE_ASSIGN(threads, arguments.number("--threads", 0, kMaxThreads, 0));
  request.threads = threads;
  request.whole = arguments.has("--whole");
  request.replace = arguments.has("--force");
  for (const char* option : {"--agree", "--whole", "--finder"}) {
    if (arguments.has(option) && !arguments.has("--photos")) {
      return error(Errc::invalid_argument, option, " is about photos, but --photos is missing");
    }
  }
  if (!arguments.has("--photos")) return Result<QuantizeRequest>(std::move(request));
  if (request.whole && arguments.has("--finder")) {
    return error(Errc::invalid_argument, "--whole finds no faces, --finder does; leave one out");
  }
  PhotoSelection selection;
  selection.operands = {arguments.value("--photos")};
  SEGFACE_ASSIGN(photos, PhotoList::make(selection));
  request.photos = std::move(photos);
  request.finder = arguments.value("--finder");
  if (!request.whole && request.finder.empty()) {
    SEGFACE_ASSIGN(finder, default_finder(request.weights));
    request.finder = finder;
  }
  return Result<QuantizeRequest>(std::move(request));
}

// Asked before the long work; the writer asks again.
Status check_output(const QuantizeRequest& request) {
  const FileId there = file_id(request.output);
  if (there && there == file_id(request.weights)) {
    return error(Errc::output, request.output, ": is the weight file itself; name another file with -o");
  }
  if (there && !request.replace && InputFile::open(request.output).ok()) {
    return error(Errc::output, request.output, ": exists already; pass --force to replace it, or name another with -o");
  }
  return {};
}

// The layers that are worth trying: large enough to be rounded, and not left out by the data-free rule because they have
// few rows; by that rule.
Result<PrecisionRecipe> candidates(WeightFile& file) {
  SegFaceWeights weights(file.info().backbone, file.info().dataset);
  PrecisionRecipe tried, found;
  for (const PrecisionRecipe::Layer& layer : weights.recipe.layers()) tried.set(layer.name, Precision::int8);
  file.set_recipe(tried);
  SEGFACE_ASSIGN(backend, cpu_backend().with(Precision::int8));
  SEGFACE_ASSIGN(network, SegFace<cpu::Backend>::prepare(backend, file.weights()));
  for (const PrecisionRecipe::Layer& layer : network.rounded().layers()) {
    found.set(layer.name, weights.recipe.lowest(layer.name));
  }
  return Result<PrecisionRecipe>(std::move(found));
}

// The file once more, with a recipe. agreement: of its photos; empty without.
Status write(const WeightFile& file, const QuantizeRequest& request, const PrecisionRecipe& recipe, std::size_t photos,
             const std::string& agreement) {
  Metadata metadata;
  for (const auto& entry : file.stored().metadata()) {
    if (entry.first.rfind("precision.", 0) != 0) metadata.push_back(entry);
  }
  metadata.emplace_back("precision.recipe", recipe.text());
  if (!agreement.empty()) {
    metadata.emplace_back("precision.photos", decimal(photos));
    metadata.emplace_back("precision.agreement", agreement);
  }
  const TensorSource& tensors = file.stored();
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < tensors.size(); ++i) infos.push_back(tensors.info(i));
  const auto existing = request.replace ? OutputFile::Existing::replace : OutputFile::Existing::refuse;
  SEGFACE_ASSIGN(writer, SafetensorsWriter::open(request.output, infos, metadata, existing));
  for (std::size_t i = 0; i < infos.size(); ++i) {
    std::vector<std::uint8_t> bytes(infos[i].bytes());
    SEGFACE_RETURN_IF_ERROR(tensors.read(i, bytes.data()));
    SEGFACE_RETURN_IF_ERROR(writer.append({bytes.data(), bytes.size()}));
  }
  return writer.commit();
}

// "99.934", cut off so that it is never more than what was counted
std::string percent_text(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", std::floor(share * 1e5 + 1e-6) / 1e3);
  return text;
}

void print_layers(const PrecisionRecipe& recipe, const PrecisionRecipe& all) {
  const std::size_t bytes = recipe.count(Precision::int8), halves = recipe.count(Precision::bf16);
  std::printf("  layers:      %zu of int8, %zu of bf16, %zu of f32; all else is f32\n", bytes, halves,
              all.layers().size() - bytes - halves);
}

void print_agreement(const Agreement& found, const Crops& crops, Dataset dataset) {
  std::printf("  agreement:   %s %% of the labels of %zu faces in %zu photos are those of f32\n",
              percent_text(found.share).c_str(), crops.list.size(), crops.photos - crops.without_face);
  std::printf("  worst face:  %s %%, in %s\n", percent_text(found.worst_crop).c_str(),
              shown(crops.list[found.crop].photo).c_str());
  if (found.label >= 0) {
    std::printf("  worst class: %s, IoU %s %%\n",
                std::string(classes(dataset)[static_cast<std::size_t>(found.label)].name).c_str(),
                percent_text(found.worst_class).c_str());
  } else {
    std::printf("  worst class: none lost a label\n");
  }
}

void print_times(const std::pair<double, double>& times) {
  std::printf("  time:        %.2f ms a face in f32, %.2f ms so%s\n", times.first, times.second,
              times.second < 0.98 * times.first ? "" : "; nothing is gained here");
}

// How much of the work is of which precision.
void print_shares(const std::vector<RecipeSearch::Layer>& layers, const PrecisionRecipe& recipe) {
  double shares[3] = {};
  for (const RecipeSearch::Layer& layer : layers) {
    shares[static_cast<std::size_t>(recipe.lowest(layer.name))] += 100 * layer.share;
  }
  std::printf("  operations:  of these layers %.1f %% int8, %.1f %% bf16, %.1f %% f32\n", shares[2], shares[1],
              shares[0]);
}

// Which layers went back, and why.
void print_reverted(const std::vector<RecipeSearch::Layer>& layers, const PrecisionRecipe& recipe) {
  for (const RecipeSearch::Layer& layer : layers) {
    const Precision precision = recipe.lowest(layer.name);
    if (precision == Precision::int8) continue;
    std::printf("    %-4s  %s: %.1f %% of the operations; int8 alone would change %.3f %% of the labels\n",
                precision_name(precision), layer.name.c_str(), 100 * layer.share, 100 * layer.changed);
  }
}

// Without photos: the data-free rule, which nothing has proved.
int quantize_by_rule(WeightFile& file, const QuantizeRequest& request, const PrecisionRecipe& recipe) {
  const Index side = file.info().resolution;
  auto gray = Image::make(side, side, PixelOrder::rgb);
  if (!gray.ok()) return fail(gray.error(), kLimits);
  std::fill_n(gray->data(), gray->size_bytes(), std::uint8_t{128});
  std::vector<Crop> crops(1);
  crops[0].picture = std::move(*gray);
  if (file.info().warped()) crops[0].landmarks = standard_landmarks(side);
  auto search = RecipeSearch::make(file, crops, request.threads);
  if (!search.ok()) return fail(search.error(), kWeights);
  const auto times = search->compare_times(recipe);
  if (!times.ok()) return fail(times.error(), kWeights);
  const Status written = write(file, request, recipe, 0, "");
  if (!written.ok()) return fail(written, kOutput);
  std::printf("%s: written\n", shown(request.output).c_str());
  print_layers(recipe, recipe);
  std::printf("  agreement:   unproven, by the layers' names alone; --photos FOLDER tries it\n");
  print_times(*times);
  return kDone;
}

int quantize_by_photos(WeightFile& file, const QuantizeRequest& request, const PrecisionRecipe& layers) {
  Options options;
  options.threads = request.threads;
  Finder finder;
  if (!request.whole) {
    auto loaded = load<BasicFinder, cpu::Backend>(request.finder, options);
    if (!loaded.ok()) return fail(loaded.error(), kWeights);
    finder = std::move(*loaded);
  } else if (file.info().warped()) {
    return misuse(kQuantize, error(Errc::invalid_argument, "a network of LaPa needs five points of each face, which ",
                                   "are found with it; leave out --whole"));
  }
  const auto crops = read_crops(request.photos, file.info(), finder);
  if (!crops.ok()) return fail(crops.error(), kImage);
  auto search = RecipeSearch::make(file, crops->list, request.threads);
  if (!search.ok()) return fail(search.error(), kWeights);
  const auto ranked = search->rank(layers);
  if (!ranked.ok()) return fail(ranked.error(), kWeights);
  const auto chosen = search->choose(*ranked, request.agree);
  if (!chosen.ok()) return fail(chosen.error(), kWeights);
  if (chosen->recipe.layers().empty()) {
    std::fprintf(stderr,
                 "segface: %s: no layer can be rounded so that %s %% of the labels stay and no class loses more than a "
                 "point of IoU; nothing is written. Ask for less with --agree, or stay with f32\n",
                 shown(request.weights).c_str(), percent_text(request.agree).c_str());
    return kImage;
  }
  const auto times = search->compare_times(chosen->recipe);
  if (!times.ok()) return fail(times.error(), kWeights);
  const Status written =
      write(file, request, chosen->recipe, crops->photos - crops->without_face, percent_text(chosen->agreement.share));
  if (!written.ok()) return fail(written, kOutput);
  std::printf("%s: written\n", shown(request.output).c_str());
  print_layers(chosen->recipe, layers);
  print_reverted(*ranked, chosen->recipe);
  print_shares(*ranked, chosen->recipe);
  print_agreement(chosen->agreement, *crops, file.info().dataset);
  print_times(*times);
  return kDone;
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"-o", true},
                                                  {"--photos", true},
                                                  {"--agree", true},
                                                  {"--whole", false},
                                                  {"--finder", true},
                                                  {"--threads", true},
                                                  {"--force", false}});
  if (!arguments.ok()) return misuse(kQuantize, arguments.error());
  const auto request = read_quantize_request(*arguments);
  if (!request.ok()) {
    return request.error().code() == Errc::invalid_argument ? misuse(kQuantize, request.error())
                                                            : fail(request.error(), kImage);
  }
  auto file = WeightFile::open(request->weights);
  if (!file.ok()) return fail(explain_weights(file.error(), request->weights), kWeights);
  const Status free = check_output(*request);
  if (!free.ok()) return fail(free, kOutput);
  const cpu::Backend backend = cpu_backend();
  for (const Precision precision : {Precision::int8, Precision::bf16}) {
    if (backend.has_instructions(precision)) continue;
    std::fprintf(stderr, "note: this processor has no instructions for %s: %s\n", precision_name(precision),
                 precision == Precision::int8 ? "labels are tried, times tell nothing" : "layers go back to f32");
  }
  const auto layers = candidates(*file);
  if (!layers.ok()) return fail(layers.error(), kWeights);
  return request->photos.empty() ? quantize_by_rule(*file, *request, *layers)
                                 : quantize_by_photos(*file, *request, *layers);
}

}  // namespace

const Command kQuantize = {
    "quantize", "a weight file that says which layers may be of int8",
    "usage: segface quantize WEIGHTS -o FILE [--photos FOLDER [--agree PERCENT] [--whole]] [options]\n"
    "\n"
    "Writes the weight file once more, with a recipe: the layers whose products may be of int8 or bf16, for\n"
    "--precision auto and int8. Numbers stay as they are, so that f32 does too. With photos (16 to 32 of your own\n"
    "are enough) each layer is tried, and labels in f32 are the truth: as many layers are of int8 as can be,\n"
    "so that enough labels stay and no class loses more than a point of IoU. Else the layers' names decide,\n"
    "which proves nothing. Exit code 3 where photos fail, or nothing can be rounded so; nothing is written then.\n"
    "\n"
    "  -o FILE           the file to write\n"
    "  --photos FOLDER   photos with faces\n"
    "  --agree PERCENT   of labels that must stay; 99.5 unless said otherwise\n"
    "  --whole           each photo is a crop of one face already, as networks are trained on\n"
    "  --finder FILE     the finder's networks; else finder.safetensors beside the weights or this program\n"
    "  --threads N       0, the default, is all that this process may keep busy, and the most\n"
    "  --force           replaces an existing file\n",
    nullptr, run};

}  // namespace tool
