// Calls of a parser and its workspaces in any order, on mobilenets of 32 x 32: photos, landmarks, logits, batches,
// cancelled and moved; and weights of any value. A call takes milliseconds, under sanitizers many.
#include <algorithm>
#include <cstring>
#include <utility>

#include "segface/faces/labels.hpp"

#include "fuzz.hpp"
#define DOCTEST_CONFIG_DISABLE  // there is no test runner here
#include "network/small_weight_file.hpp"

namespace {

using namespace fuzz;

constexpr Index kSide = 32;
constexpr int kMostPasses = 3;  // of the network, in a run

// Made once.
struct Network {
  explicit Network(Dataset dataset)
      : file(test::make_small_weight_file(dataset, kSide)),
        parser(Parser::from_memory(bytes_of(file), one_thread()).value()),
        workspace(parser.workspace().value()) {}

  std::string file;
  Parser parser;
  Workspace workspace;
};

Network& network(Dataset dataset) {
  static Network celeb(Dataset::celeb), lapa(Dataset::lapa);
  return dataset == Dataset::lapa ? lapa : celeb;
}

void demand_refusal(const Status& status) {
  demand_reason(status);
  demand(status.code() == Errc::invalid_argument || status.code() == Errc::buffer_too_small ||
             status.code() == Errc::cancelled || status.code() == Errc::limit_exceeded,
         "a refusal for the caller's values", status.message());
}

void check(const Mask& mask, const ImageView& photo) {
  demand(mask.width() == photo.width && mask.height() == photo.height, "a mask of the photo's size");
  Index pixels = 0;
  for (int label = 0; label < 256; ++label) {
    const auto value = static_cast<std::uint8_t>(label);
    pixels += mask.count(value);
    demand((mask.count(value) == 0) == (mask.box(value).width == 0), "a box for each label that is there");
  }
  demand(pixels == photo.width * photo.height, "every pixel counted once");
  demand(mask.mean_confidence() >= 0 && mask.mean_confidence() <= 1.0001, "a confidence");
}

class Calls {
 public:
  explicit Calls(Bytes input) : numbers_(input), photo_(nullptr, 0, 0, PixelOrder::rgb) { take_photo(); }

  void run() {
    for (int step = 0; step < 8 && passes_ < kMostPasses && numbers_.more(); ++step) {
      dataset_ = numbers_.flag() ? Dataset::lapa : Dataset::celeb;
      switch (numbers_.byte() % 8) {
        case 0:
        case 1:
          parse();
          break;
        case 2:
          start();
          break;
        case 3:
          logits();
          break;
        case 4:
          move();
          break;
        case 5:
          refuse();
          break;
        case 6:
          change_weights();
          break;
        default:
          take_photo();
      }
    }
  }

 private:
  Index classes() const { return class_count(dataset_); }
  Workspace& workspace() const { return network(dataset_).workspace; }

  void take_photo() {
    const Index width = 1 + numbers_.byte() % 96, height = 1 + numbers_.byte() % 96, gap = numbers_.byte() % 20;
    const auto order = static_cast<PixelOrder>(numbers_.byte() % 5);
    const Index stride = width * channels_of(order) + gap;
    pixels_.assign(static_cast<std::size_t>(stride * height - gap), 0);  // the last row has no gap
    const int step = numbers_.byte();
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      pixels_[i] = static_cast<std::uint8_t>(static_cast<int>(i) * step / 4);
    }
    photo_ = ImageView(pixels_.data(), width, height, stride, order);
  }

  void parse() {
    passes_ += 2;
    const bool with_landmarks = numbers_.byte() % 8 != 0;
    const Landmarks landmarks = numbers_.landmarks(photo_.width, photo_.height);
    std::vector<float> logits(static_cast<std::size_t>(numbers_.flag() ? classes() * kSide * kSide : numbers_.byte()));
    const int last = numbers_.flag() ? numbers_.byte() % 64 : -1;
    int calls = 0;
    workspace().on_progress([&](double share) {
      demand(share >= 0 && share <= 1.0001, "a share");
      return ++calls != last;
    });
    const auto parse_into = [&](Mask& mask, Span<float> out) {
      return with_landmarks ? workspace().parse(photo_, landmarks, mask, out) : workspace().parse(photo_, mask, out);
    };
    Mask mask, again;
    const Status status = parse_into(mask, {logits.data(), logits.size()});
    workspace().on_progress({});
    if (!status.ok()) return demand_refusal(status);
    check(mask, photo_);
    for (const std::uint8_t label : mask.labels()) demand(label < classes(), "a label of the network");
    for (const float logit : logits) demand(std::isfinite(logit), "finite logits");
    demand(parse_into(again, {logits.data(), logits.size()}).ok(), "the same outcome twice");
    demand(std::equal(mask.labels().begin(), mask.labels().end(), again.labels().begin()), "the same labels twice");
    for (int group = 0; group < 256; ++group) (void)mask.group(static_cast<LabelGroup>(group));
  }

  void start() {
    ++passes_;
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(photo_.width * photo_.height), 255);
    std::vector<float> confidence(labels.size()), logits(static_cast<std::size_t>(classes() * kSide * kSide));
    Results results;
    if (numbers_.flag()) results.labels = labels.data();
    if (numbers_.flag()) results.confidence = confidence.data();
    if (numbers_.flag()) results.logits = {logits.data(), logits.size()};
    const Status status = workspace().start(photo_, numbers_.landmarks(photo_.width, photo_.height), results);
    Mask mask;
    if (status.ok()) {
      demand(workspace().parse(photo_, mask).code() == Errc::busy, "busy between start and finish");
    } else {
      demand_refusal(status);
    }
    demand(workspace().finish().ok() && workspace().finish().ok(), "an end");
    if (!status.ok() || results.labels == nullptr) return;
    for (const std::uint8_t label : labels) demand(label < classes(), "a label of the network");
  }

  void logits() {
    ++passes_;
    const Index batch = numbers_.byte() % 3, height = 28 + numbers_.byte() % 24, width = 28 + numbers_.byte() % 24;
    std::vector<float> input(static_cast<std::size_t>(3 * batch * height * width + 1), numbers_.flag() ? 0.5f : 1e38f);
    std::vector<Landmarks> landmarks;
    for (Index i = 0; i < batch; ++i) landmarks.push_back(numbers_.landmarks(width, height));
    const auto shape = workspace().logits_shape(batch, height, width);
    if (!shape.ok()) return demand_refusal(shape.error());
    std::vector<float> out(shape->count() - (numbers_.byte() % 8 == 7 ? 1 : 0));
    const Status status = workspace().logits({input.data(), batch, height, width}, {out.data(), out.size()},
                                             {landmarks.data(), landmarks.size()});
    if (!status.ok()) demand_refusal(status);
  }

  // What was moved from, and what was never filled, refuses.
  void move() {
    const Parser& parser = network(dataset_).parser;
    Workspace first = parser.workspace().value(), second = std::move(first);
    Mask mask;
    demand_refusal(first.parse(photo_, mask));
    workspace() = std::move(second);
    demand_refusal(Parser().parse(photo_).error());
    demand_refusal(Parser().workspace().error());
  }

  void refuse() {
    const Index width = numbers_.number(), height = numbers_.number(), stride = numbers_.number();
    const std::uint8_t* at = numbers_.flag() ? pixels_.data() : nullptr;
    const ImageView bad(at, width, height, stride, static_cast<PixelOrder>(numbers_.byte()));
    if (bad.validate().ok()) return;
    Mask mask;
    demand_refusal(workspace().parse(bad, mask));
    demand_refusal(network(dataset_).parser.parse(bad).error());
  }

  // Weights of any value: what is loaded is also run.
  void change_weights() {
    passes_ = kMostPasses;
    std::string file = network(dataset_).file;
    constexpr std::uint32_t kBits[] = {0x7f7fffff, 0xff7fffff, 0x7f800000, 0x7fc00000, 0x00000001, 0x80000000,
                                       0x00800000, 0x5f000000, 0x00000000, 0x4b000000, 0x3f800000, 0xbf800000};
    const std::size_t words = file.size() / 2 / sizeof(float);  // the second half is weights alone
    for (int changes = 1 + numbers_.byte() % 6; changes != 0; --changes) {
      const std::uint32_t bits = kBits[numbers_.byte() % 12];
      const std::size_t first = words + words * static_cast<std::size_t>(numbers_.within(0, 0xffff)) / 0x10000;
      const std::size_t count = std::min<std::size_t>(numbers_.flag() ? 1 : 4096, 2 * words - first);
      for (std::size_t i = 0; i < count; ++i) std::memcpy(&file[(first + i) * sizeof bits], &bits, sizeof bits);
    }
    Options options = one_thread();
    options.self_test = numbers_.flag();
    const auto parser = Parser::from_memory(bytes_of(file), options);
    if (!parser.ok()) return demand_reason(parser.error());
    const auto mask = parser->parse(photo_, numbers_.landmarks(photo_.width, photo_.height));
    if (!mask.ok()) return demand_reason(mask.error());
    for (const std::uint8_t label : mask->labels()) demand(label < classes(), "a label of the network");
  }

  Numbers numbers_;
  std::vector<std::uint8_t> pixels_;
  ImageView photo_;
  Dataset dataset_ = Dataset::celeb;
  int passes_ = 0;
};

}  // namespace

SEGFACE_FUZZ_TARGET(parser, 8) {
  Calls(input).run();
}
