// segface eval: how well a network does on a data set, by the official metrics.
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/metrics.hpp"
#include "segface/image/file.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "confusion_picture.hpp"
#include "dataset_folder.hpp"
#include "output.hpp"
#include "sample.hpp"
#include "scores.hpp"

namespace tool {
namespace {

struct EvalRequest {
  std::string weights, directory, split;
  std::string json, csv, picture;  // empty where not wanted
  Index threads = 0;
  Index limit = 0;  // photos; 0 is all
  std::size_t backend = 0;
  Precision precision = Precision::float32;
};

Result<EvalRequest> read_eval_request(const Arguments& arguments) {
  EvalRequest request;
  if (arguments.operands().size() != 2) {
    return error(Errc::invalid_argument, "expected a weight file and a data set's directory, got ",
                 arguments.operands().size(), " operands");
  }
  request.weights = arguments.operands()[0];
  request.directory = arguments.operands()[1];
  request.split = arguments.has("--split") ? arguments.value("--split") : "test";
  request.json = arguments.value("--scores");
  request.csv = arguments.value("--csv");
  request.picture = arguments.value("--picture");
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--scores", ".json"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--csv", ".csv"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--picture", ".png"));
  SEGFACE_ASSIGN(limit, arguments.number("--limit", 1, 1'000'000'000, 0));
  request.limit = limit;
  SEGFACE_RETURN_IF_ERROR(read_machine(arguments, request));
  return request;
}

// Labels of one data set mean nothing in another; LaPa's and Helen's are the same, and a plain folder's the network's.
Status check_classes(Dataset dataset, Layout layout, const std::string& directory) {
  if (layout == Layout::plain || (dataset == Dataset::celeb) == (layout == Layout::celeb)) return {};
  return error(Errc::invalid_argument, directory, ": this is ", layout_name(layout),
               ", whose labels mean other classes than those of a network trained on ", dataset_name(dataset));
}

// Evaluates photos one after the other; one for each thread.
template <class Backend>
class Worker {
 public:
  Worker(const DatasetFolder& folder, const NetworkInfo& info, BasicWorkspace<Backend>&& workspace)
      : folder_(folder), info_(info), workspace_(std::move(workspace)), matrix_(info.dataset) {}

  // `reshaped`: whether the labels have another ratio of sides than the photo.
  Status evaluate(const Sample& sample, bool& reshaped) {
    SEGFACE_ASSIGN(loaded, load_sample(folder_, sample, info_.resolution, info_.warped()));
    reshaped = !loaded.same_shape;
    const ImageView photo = loaded.photo.view();
    SEGFACE_RETURN_IF_ERROR(in_context(
        loaded.landmarks ? workspace_.parse(photo, *loaded.landmarks, mask_) : workspace_.parse(photo, mask_),
        sample.photo));
    return in_context(matrix_.add(loaded.truth.view(), mask_.view()), sample.labels);
  }
  const ConfusionMatrix& matrix() const { return matrix_; }

 private:
  const DatasetFolder& folder_;
  const NetworkInfo& info_;
  BasicWorkspace<Backend> workspace_;
  Mask mask_;
  ConfusionMatrix matrix_;
};

// Several photos at a time, a thread each, are faster than one photo on all threads; so that is done where there are
// enough of them.
template <class Backend>
Status evaluate_all(const EvalRequest& request, const DatasetFolder& folder, Evaluation& evaluation) {
  const Index threads = request.threads == 0 ? default_threads() : request.threads;
  const auto photos = static_cast<Index>(folder.samples.size());
  const Index workers = photos < threads ? 1 : threads;
  Options options;
  options.threads = workers == 1 ? threads : 1;
  options.precision = request.precision;
  auto parser = load<BasicParser, Backend>(request.weights, options);
  if (!parser.ok()) return explain_weights(parser.error(), request.weights);
  SEGFACE_ASSIGN(executor, make_executor(workers));
  std::vector<Worker<Backend>> team;
  team.reserve(static_cast<std::size_t>(workers));
  for (Index i = 0; i < workers; ++i) {
    SEGFACE_ASSIGN(workspace, parser->workspace());
    team.emplace_back(folder, parser->info(), std::move(workspace));
  }

  std::vector<Status> outcomes(folder.samples.size());
  std::vector<char> reshaped(folder.samples.size());
  std::mutex mutex;  // of what follows
  Index finished = 0;
  Progress progress("evaluating " + std::to_string(photos) + " photos");
  executor->for_each(photos, [&](Index photo, Index worker) noexcept {
    if (interrupted()) return;
    const auto i = static_cast<std::size_t>(photo);
    bool stretched = false;
    outcomes[i] =
        guarded([&] { return team[static_cast<std::size_t>(worker)].evaluate(folder.samples[i], stretched); });
    reshaped[i] = stretched;
    const std::lock_guard<std::mutex> lock(mutex);
    progress(static_cast<double>(++finished) / static_cast<double>(photos));
  });
  if (interrupted()) return error(Errc::cancelled, "interrupted");

  for (const Worker<Backend>& worker : team) evaluation.matrix.merge(worker.matrix());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].ok()) evaluation.failed.push_back({folder.samples[i].name, outcomes[i].message()});
    if (outcomes[i].ok() && reshaped[i]) evaluation.reshaped.push_back(folder.samples[i].name);
  }
  evaluation.photos = outcomes.size() - evaluation.failed.size();
  return {};
}

// A file that is opened before hours of work, so that it shows at once where it cannot be written.
class ResultFile {
 public:
  // Nothing where the path is empty.
  Status open(const std::string& path) {
    if (path.empty()) return {};
    SEGFACE_ASSIGN(file, OutputFile::open(path, OutputFile::Existing::replace));
    file_.emplace(std::move(file));
    return {};
  }
  bool is_wanted() const { return file_.has_value(); }
  // Only where it is wanted.
  Status save(Bytes bytes) {
    SEGFACE_RETURN_IF_ERROR(file_->append(bytes));
    return file_->commit();
  }
  Status save(const std::string& text) {
    return save(Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }

 private:
  std::optional<OutputFile> file_;
};

struct ResultFiles {
  Status open(const EvalRequest& request) {
    SEGFACE_RETURN_IF_ERROR(json.open(request.json));
    SEGFACE_RETURN_IF_ERROR(csv.open(request.csv));
    return picture.open(request.picture);
  }
  Status save(const Evaluation& evaluation) {
    if (json.is_wanted()) SEGFACE_RETURN_IF_ERROR(json.save(scores_json(evaluation)));
    if (csv.is_wanted()) SEGFACE_RETURN_IF_ERROR(csv.save(scores_csv(evaluation)));
    if (!picture.is_wanted()) return {};
    SEGFACE_ASSIGN(drawn, draw_confusion(evaluation.matrix));
    SEGFACE_ASSIGN(file, encode_png(drawn.view()));
    return picture.save(file.span());
  }

  ResultFile json, csv, picture;
};

int evaluate(const EvalRequest& request) {
  const auto file = WeightFile::open(request.weights);
  if (!file.ok()) return fail(explain_weights(file.error(), request.weights), kWeights);
  const NetworkInfo info = file->info();
  auto folder = open_dataset(request.directory, request.split);
  if (!folder.ok()) return fail(folder.error(), kImage);
  const Status same = check_classes(info.dataset, folder->layout, request.directory);
  if (!same.ok()) return fail(same, kUsage);
  if (request.limit != 0 && static_cast<std::size_t>(request.limit) < folder->samples.size()) {
    folder->samples.resize(static_cast<std::size_t>(request.limit));
  }

  ResultFiles files;
  const Status opened = files.open(request);
  if (!opened.ok()) return fail(opened, kOutput);

  Evaluation evaluation(info.dataset);
  evaluation.weights = request.weights;
  evaluation.directory = request.directory;
  evaluation.layout = layout_name(folder->layout);
  evaluation.split = folder->layout == Layout::plain ? "" : request.split;
  evaluation.resolution = info.resolution;
  Stopwatch watch;
  const Status status = with_backend(request.backend, [&](auto type) {
    return evaluate_all<typename decltype(type)::Backend>(request, *folder, evaluation);
  });
  if (!status.ok()) return fail(status, kWeights);
  for (const FailedSample& failure : evaluation.failed) std::fprintf(stderr, "segface: %s\n", failure.reason.c_str());
  const std::size_t all = folder->samples.size();
  std::printf("%s on %s: %s%s%s, %zu of %zu photos at %td x %td in %.1f s\n", shown(request.weights).c_str(),
              shown(request.directory).c_str(), evaluation.layout.c_str(), evaluation.split.empty() ? "" : ", ",
              shown(evaluation.split).c_str(), evaluation.photos, all, info.resolution, info.resolution,
              watch.lap() / 1000);
  if (evaluation.photos != 0) print_scores(evaluation);
  const Status saved = files.save(evaluation);
  if (!saved.ok()) return fail(saved, kOutput);
  if (evaluation.failed.empty()) return kDone;
  std::fprintf(stderr, "segface: %zu of %zu photos failed; the scores are those of the others\n",
               evaluation.failed.size(), all);
  return kImage;
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--split", true},
                                                  {"--limit", true},
                                                  {"--scores", true},
                                                  {"--csv", true},
                                                  {"--picture", true},
                                                  {"--threads", true},
                                                  {"--backend", true},
                                                  {"--precision", true}});
  if (!arguments.ok()) return misuse(kEval, arguments.error());
  const auto request = read_eval_request(*arguments);
  if (!request.ok()) return misuse(kEval, request.error());
  const Status built = check_built(request->backend);
  if (!built.ok()) return fail(built, kNoDevice);
  return evaluate(*request);
}

}  // namespace

const Command kEval = {
    "eval", "how well a network does on a data set, by the official metrics",
    "usage: segface eval WEIGHTS DIRECTORY [options]\n"
    "\n"
    "Parses the photos of a data set and compares with its labels, as the official code does: at the\n"
    "network's resolution, in one confusion matrix over all photos. Prints F1 and IoU of each class and\n"
    "their means. The directory is one of\n"
    "  CelebAMask-HQ  CelebA-HQ-img/, CelebAMask-HQ-mask-anno/, CelebA-HQ-to-CelebA-mapping.txt, and\n"
    "                 list_eval_partition.txt of CelebA, which says what train, val and test are\n"
    "  LaPa           test/images/NAME.jpg, test/labels/NAME.png, test/landmarks/NAME.txt\n"
    "  Helen          test/NAME_image.jpg, test/NAME_label.png, landmarks.txt\n"
    "  your own       images/NAME.jpg or .png, labels/NAME.png with the network's labels (`segface info`),\n"
    "                 and for networks trained on LaPa landmarks/NAME.txt, five points or LaPa's 106\n"
    "Pixels labelled 255 are ignored. Photos whose files are missing or broken are told and left out; the\n"
    "exit code is then 3.\n"
    "\n"
    "  --split NAME        test unless said otherwise; train, val, ...\n"
    "  --limit N           only the first N photos\n"
    "  --scores FILE.json  all numbers, the confusion matrix (row: truth) and what failed, for programs\n"
    "  --csv FILE.csv      the table, with shares from 0 to 1\n"
    "  --picture FILE.png  the confusion matrix as a picture\n"
    "  --threads N         0, the default, is all that may be kept busy; each parses photos of its own\n"
    "  --backend NAME      cpu, the default; cuda, an NVIDIA GPU, where built with it (exit code 7: no GPU), and\n"
    "                      cuda-f16, the same with numbers of 16 bits; reference: plain, slow, to compare with\n"
    "  --precision NAME    f32, the default, bf16, int8 or auto, of the cpu backend: what products are of; see\n"
    "                      segface help quantize\n",
    nullptr, run};

}  // namespace tool
