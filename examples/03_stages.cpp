// What happens inside: the maps between photo and labels, as pictures on one sheet.
// Usage: 03_stages WEIGHTS.safetensors PHOTO STAGES.png [X,Y X,Y X,Y X,Y X,Y]
//
// Tiles, from the top: the network's input (green), the four maps of the pyramid, their fusion, the image after the
// transformer and the upscaled image; then where each class's token looks in the last attention, in decades; then each
// class's logits, both in label order. A map's tile shows the length of each pixel's vector, the others one value; each
// from its least value, black, to its largest, white. With the five landmarks of the face, which a network trained on
// LaPa needs, the second tile shows what the tanh warp does to a grid of straight lines.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/warp.hpp"
#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/segface.hpp"

namespace {

using segface::Index;
using segface::cpu::Backend;
using Map = segface::MapOf<Backend>;
using View = segface::ViewOf<Backend>;
using Run = segface::Run<Backend>;

// Tiles side by side, row by row.
class Sheet {
 public:
  static constexpr Index kTile = 192, kColumns = 10;

  explicit Sheet(Index rows)
      : image_(segface::Image::make(kColumns * kTile, rows * kTile, segface::PixelOrder::gray).value()) {
    std::fill_n(image_.data(), image_.size_bytes(), std::uint8_t{0});
  }

  // The next tile: the one value of each pixel, or the length of its vector.
  void add(const View& map) noexcept {
    const auto value = [&](Index y, Index x) {
      const float* pixel = map.pixel(0, y * map.height / kTile, x * map.width / kTile);
      if (map.channels == 1) return pixel[0];
      float squares = 0;
      for (Index c = 0; c < map.channels; ++c) squares += pixel[c] * pixel[c];
      return std::sqrt(squares);
    };
    float least = value(0, 0), most = least;
    for (Index y = 0; y < kTile; ++y) {
      for (Index x = 0; x < kTile; ++x) {
        least = std::min(least, value(y, x));
        most = std::max(most, value(y, x));
      }
    }
    const Index top = next_ / kColumns * kTile, left = next_ % kColumns * kTile;
    ++next_;
    if (top + kTile > image_.height()) return;
    for (Index y = 0; y < kTile; ++y) {
      for (Index x = 0; x < kTile; ++x) {
        const float share = (value(y, x) - least) / std::max(most - least, 1e-12f);
        image_.row(top + y)[left + x] = static_cast<std::uint8_t>(std::lround(255 * share));
      }
    }
  }
  // A tile for each channel, from a new row on.
  void add_channels(const View& map) noexcept {
    next_ = rows_for(next_) * kColumns;
    for (Index c = 0; c < map.channels; ++c) add(map.slice(c, 1));
  }
  static Index rows_for(Index tiles) noexcept { return (tiles + kColumns - 1) / kColumns; }

  const segface::Image& image() const noexcept { return image_; }

 private:
  segface::Image image_;
  Index next_ = 0;
};

// A map that outlives the pass.
struct Copy {
  explicit Copy(const segface::StageCost& stage)
      : values(static_cast<std::size_t>(stage.height * stage.width * stage.channels)),
        map{values.data(), 1, stage.height, stage.width, stage.channels, stage.channels} {}
  void operator=(const View& from) noexcept {
    for (Index row = 0; row < map.rows(); ++row) std::copy_n(from.row(row), map.channels, map.row(row));
  }

  std::vector<float> values;
  Map map;
};

// Draws the maps as they are computed, and keeps what the rest is drawn from.
class Stages final : public segface::Observer<float> {
 public:
  Stages(Sheet& sheet, const std::vector<segface::StageCost>& stages)
      : sheet_(sheet), queries(of("queries", stages)), keys(of("keys", stages)), logits(of("logits", stages)) {}

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const View& output, const segface::Cost&) noexcept override {
    const std::string stage = name;
    if (stage == "queries") queries = output;
    if (stage == "keys") keys = output;
    if (stage == "logits") {
      logits = output;
    } else if (output.height > 1) {
      sheet_.add(output);
    }
  }

 private:
  static const segface::StageCost& of(const std::string& name, const std::vector<segface::StageCost>& stages) {
    return *std::find_if(stages.begin(), stages.end(), [&](const auto& stage) { return stage.name == name; });
  }

  Sheet& sheet_;

 public:
  Copy queries, keys, logits;
};

// Computes with memory of its own, as much as a dry run asks for; then use(what was computed).
template <class Compute, class Use>
void compute(const Backend& backend, segface::Executor& executor, const Compute& body, const Use& use) {
  segface::Arena counting;
  Run dry(backend, counting, executor);
  body(dry);
  auto memory = segface::Buffer<std::uint8_t>::make(counting.high_water()).value();
  segface::Arena arena(memory.span());
  Run run(backend, arena, executor);
  use(body(run));
}

// The shares of the tokens' last look at the image, softmax(q k^T / sqrt(D)) and the mean of the heads, as the
// logarithm of how often more than an even look a pixel gets: [1, h, w, K], at least -1, a tenth.
Map attention(Run& run, const Map& q, const Map& k) {
  const Index heads = segface::kDecoderHeads, width = q.channels / heads;
  const Map shares = run.map(1, k.height, k.width, q.width);
  const Map scores = run.map(1, k.height, k.width, 1);
  if (run.dry()) return shares;
  for (Index token = 0; token < q.width; ++token) {
    for (Index row = 0; row < k.rows(); ++row) shares.row(row)[token] = 0;
    for (Index first = 0; first < q.channels; first += width) {
      float most = -1e30f, sum = 0;
      for (Index row = 0; row < k.rows(); ++row) {
        float& score = *scores.row(row) = 0;
        for (Index c = first; c < first + width; ++c) score += q.row(token)[c] * k.row(row)[c];
        most = std::max(most, score);
      }
      for (Index row = 0; row < k.rows(); ++row) {
        *scores.row(row) = std::exp((*scores.row(row) - most) / std::sqrt(static_cast<float>(width)));
        sum += *scores.row(row);
      }
      for (Index row = 0; row < k.rows(); ++row) {
        shares.row(row)[token] += *scores.row(row) / (sum * static_cast<float>(heads));
      }
    }
    for (Index row = 0; row < k.rows(); ++row) {
      float& share = shares.row(row)[token];
      share = std::max(std::log10(share * static_cast<float>(k.rows())), -1.0f);
    }
  }
  return shares;
}

void draw_attention(const Backend& backend, segface::Executor& executor, const segface::SegFaceWeights& weights,
                    const Stages& stages, Sheet& sheet) {
  segface::Preparation<Backend> preparation(backend);
  const segface::AttentionWeights& last = weights.face_decoder.transformer.final_attn_token_to_image;
  const Backend::Linear q_proj = prepare(preparation, last.q_proj), k_proj = prepare(preparation, last.k_proj);
  const Backend::PositionEncoding encoding = prepare(preparation, weights.pe_layer);
  preparation.status().or_throw();
  const auto body = [&](Run& run) {
    namespace ops = segface::ops;
    const Map& keys = stages.keys.map;
    const Map position = ops::position_encoding<Backend>(run, encoding, keys.height, keys.width);
    const Map k = ops::linear<Backend>(run, k_proj, ops::add<Backend>(run, keys, position));
    return attention(run, ops::linear<Backend>(run, q_proj, stages.queries.map), k);
  };
  compute(backend, executor, body, [&](const Map& shares) { sheet.add_channels(shares); });
}

// The input with a grid of straight lines, warped.
void draw_grid(const Backend& backend, segface::Executor& executor, const segface::TanhWarp& warp, const View& input,
               Sheet& sheet) {
  const auto body = [&](Run& run) {
    const Map grid = run.map(1, input.height, input.width, 1), warped = run.map(1, input.height, input.width, 1);
    const Index step = input.width / 8, thickness = input.width / 200 + 1;
    for (Index y = 0; !run.dry() && y < grid.height; ++y) {
      for (Index x = 0; x < grid.width; ++x) {
        const bool line = y % step < thickness || x % step < thickness;
        *grid.pixel(0, y, x) = line ? 3.0f : input.pixel(0, y, x)[1];
      }
    }
    segface::ops::warp<Backend>(run, {&warp, 1}, /*back=*/false, grid, warped);
    return warped;
  };
  compute(backend, executor, body, [&](const Map& warped) { sheet.add(warped); });
}

void draw(const char* weights, const char* photo_path, const char* out,
          const std::optional<segface::Landmarks>& landmarks) {
  const auto file = segface::WeightFile::open(weights).value();
  const bool needs_warp = file.info().dataset == segface::Dataset::lapa;
  if (needs_warp && !landmarks) {
    segface::error(segface::Errc::invalid_argument,
                   "a network trained on LaPa needs five landmarks, each as x,y: ", segface::kLandmarkOrder)
        .or_throw();
  }
  const Backend backend;
  const auto network = segface::SegFace<Backend>::prepare(backend, file.weights()).value();
  const Index side = file.info().resolution;
  const auto executor = segface::make_executor(0).value();

  const segface::Image photo = segface::load_image(photo_path).value();
  const auto resize = segface::BicubicResize::make(photo.width(), photo.height(), side, side).value();
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(3 * side * side)), scratch(resize.scratch_bytes());
  resize.rgb(photo.view(), rgb.data(), scratch.data(), *executor);
  segface::TanhWarp warp;
  if (landmarks) {
    segface::check_landmarks(*landmarks, photo.width(), photo.height()).or_throw();
    const auto to_input = [&](Index of_photo) { return static_cast<double>(side) / static_cast<double>(of_photo); };
    warp = segface::make_tanh_warp(landmarks->scaled(to_input(photo.width()), to_input(photo.height())), side).value();
  }

  const auto warps =
      needs_warp ? segface::Span<const segface::TanhWarp>(&warp, 1) : segface::Span<const segface::TanhWarp>();
  const auto plan = segface::Plan<segface::SegFace, Backend>::make(network, 1, side, side, *executor, warps).value();

  std::vector<float> pixels(rgb.size());
  const Map input = {pixels.data(), 1, side, side, 3, 3};
  segface::normalize(rgb.data(), input.rows(), input.data, input.stride);

  Sheet sheet(1 + 2 * Sheet::rows_for(file.info().classes()));
  sheet.add(input.slice(1, 1));
  if (landmarks) draw_grid(backend, *executor, warp, input, sheet);
  Stages stages(sheet, plan.stages());
  const auto fill = [&](const Map& image) {
    for (Index row = 0; row < image.rows(); ++row) std::copy_n(input.row(row), image.channels, image.row(row));
  };
  segface::pass_once(
      network, plan, *executor, &stages, fill, [](const Map&) {}, warps)
      .or_throw();
  draw_attention(backend, *executor, file.weights(), stages, sheet);
  sheet.add_channels(stages.logits.map);
  segface::save_png(out, sheet.image().view()).or_throw();
  std::printf("%s: %td x %td pixels\n", out, sheet.image().width(), sheet.image().height());
}

// Five words "x,y".
std::optional<segface::Landmarks> read_landmarks(char** words) {
  segface::Point p[5];
  for (int i = 0; i < 5; ++i) {
    char rest = 0;
    if (std::sscanf(words[i], "%lf,%lf%c", &p[i].x, &p[i].y, &rest) != 2) return std::nullopt;
  }
  return segface::Landmarks{p[0], p[1], p[2], p[3], p[4]};
}

}  // namespace

int main(int argc, char** argv) {
  const auto landmarks = argc == 9 ? read_landmarks(argv + 4) : std::nullopt;
  if (argc != 4 && !landmarks) {
    std::fputs("usage: 03_stages WEIGHTS.safetensors PHOTO STAGES.png [X,Y X,Y X,Y X,Y X,Y]\n", stderr);
    return 2;
  }
  try {
    draw(argv[1], argv[2], argv[3], landmarks);
  } catch (const segface::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
