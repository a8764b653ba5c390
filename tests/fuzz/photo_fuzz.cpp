// Whole photos through the finder and a parser of 32 x 32: made of numbers, with a head somewhere, or decoded from a file;
// their faces found, or known, or parts picked by hand. A call takes some milliseconds, under sanitizers many.
#include <algorithm>
#include <cmath>

#include "segface/faces/face_region.hpp"
#include "segface/image/decode.hpp"
#include "segface/image/file.hpp"

#include "fuzz.hpp"
#define DOCTEST_CONFIG_DISABLE  // there is no test runner here
#include "network/small_weight_file.hpp"
#include "networks/networks.hpp"

namespace {

using namespace fuzz;

constexpr Index kSide = 32, kMostPixels = 40000;  // of the network, and of a photo or a part

const Finder& finder() {
  static const Finder loaded =
      Finder::load(SEGFACE_TEST_DATA "/../../weights/finder.safetensors", one_thread()).value();
  return loaded;
}
const PhotoParser& parser(Dataset dataset) {
  const auto made = [](Dataset of) {
    const std::string file = test::make_small_weight_file(of, kSide);
    return PhotoParser::make(finder(), Parser::from_memory(bytes_of(file), one_thread()).value()).value();
  };
  static const PhotoParser celeb = made(Dataset::celeb), lapa = made(Dataset::lapa);
  return dataset == Dataset::lapa ? lapa : celeb;
}

// Gray stripes with the astronaut's head, of any size and in any place, turned by quarters.
Image make_photo(Numbers& numbers) {
  static const Image source = load_image(SEGFACE_TEST_DATA "/images/astronaut_256x256.png").value();
  const Index width = 1 + numbers.byte(), height = 1 + numbers.byte() % 150, step = numbers.byte();
  const Index size = 8 + 2 * numbers.byte(), turn = numbers.byte() % 4;
  const Index left = numbers.byte() - 128, top = numbers.byte() - 128;
  Image photo = Image::make(width, height, static_cast<PixelOrder>(numbers.byte() % 5)).value();
  const Index channels = channels_of(photo.order());
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      Index u = (x - left) * 256 / size, v = (y - top) * 256 / size;
      if (turn % 2 == 1) std::swap(u, v);
      if (turn >= 2) u = 255 - u, v = 255 - v;
      const bool head = x >= left && y >= top && u >= 0 && v >= 0 && u < 256 && v < 256;
      for (Index c = 0; c < channels; ++c) {
        photo.row(y)[x * channels + c] =
            head ? source.row(v)[3 * u + std::min<Index>(c, 2)] : static_cast<std::uint8_t>((x + y * width) * step / 4);
      }
    }
  }
  return photo;
}

class Call {
 public:
  Call(Numbers& numbers, const Image& photo)
      : numbers_(numbers), photo_(photo.view()), dataset_(numbers.flag() ? Dataset::lapa : Dataset::celeb) {
    options_.surroundings = numbers_.flag();
    options_.confidence = numbers_.flag();
    const int asked = numbers_.byte();
    options_.find.most = asked % 4;
    if ((asked & 16) != 0) options_.mattes = {1u << 10, ~(1u << 10)};
    options_.refine = (asked & 32) != 0;
    options_.find.turns = numbers_.byte() % 8 == 0 ? numbers_.byte() : numbers_.flag() ? 4 : 1;
    options_.find.small_faces = numbers_.flag();
    if (numbers_.byte() % 8 == 0) options_.find.threshold = numbers_.real();
    if (numbers_.byte() % 8 == 0) options_.find.smallest = numbers_.real();
    if (numbers_.byte() % 8 == 0) options_.find.smallest_share = numbers_.real();
    const int last = numbers_.flag() ? numbers_.byte() : -1;
    options_.progress = [this, last](double share) {
      demand(share >= 0 && share <= 1.0001, "a share");
      return ++calls_ != last;
    };
    if (numbers_.flag()) {
      options_.logits = [this](const Region& region, const LogitsView<float>& logits) {
        ++parts_;
        demand(region.width() > 0 && logits.width == kSide && logits.height == kSide, "the network's sizes");
        for (Index i = 0; i < kSide * kSide * logits.classes; ++i) {
          demand(std::isfinite(logits.data[i]), "finite logits");
        }
        return Status();
      };
    }
  }

  void run() {
    switch (numbers_.byte() % 4) {
      case 0:
        return check(parser(dataset_).parse(photo_, options_), nullptr, 0);
      case 1: {
        const auto faces = finder().find(photo_, options_.find);
        if (!faces.ok()) return refused(faces.error());
        return check(parser(dataset_).parse(photo_, *faces, options_), &*faces, 0);
      }
      case 2: {
        const Faces faces = known();
        return check(parser(dataset_).parse(photo_, faces, options_), &faces, 0);
      }
      default:
        pick();
    }
  }

 private:
  void refused(const Status& status) const {
    demand_reason(status);
    demand(status.code() == Errc::invalid_argument || status.code() == Errc::cancelled ||
               status.code() == Errc::limit_exceeded,
           "a refusal for the caller's values", status.message());
  }

  // Whether a face's parts are small enough for the budget of a run.
  bool is_small(const Landmarks& landmarks) const {
    const auto region = face_region(dataset_, landmarks, photo_.width, photo_.height, 2);
    return !region.ok() || region->width() * region->height() <= kMostPixels;
  }
  Faces known() {
    Faces faces;
    for (int i = numbers_.byte() % 4; i > 0; --i) {
      Face face;
      face.landmarks = numbers_.landmarks(photo_.width, photo_.height);
      if (is_small(face.landmarks)) faces.found.push_back(face);
    }
    return faces;
  }

  void pick() {
    std::vector<Region> regions;
    std::vector<Landmarks> landmarks;
    for (int i = numbers_.byte() % 4; i > 0; --i) {
      const Landmarks points = numbers_.landmarks(photo_.width, photo_.height);
      const Index x = numbers_.byte() - 64, y = numbers_.byte() - 64, w = numbers_.byte(), h = numbers_.byte();
      const int kind = numbers_.byte() % 4;
      const auto region = kind == 0   ? Result<Region>(Region::whole(photo_.width, photo_.height))
                          : kind == 1 ? Region::aligned(points, photo_.width, photo_.height)
                          : kind == 2 ? Region::box({x, y, w, h}, photo_.width, photo_.height)
                                      : Region::box({x, y, w, h}, photo_.height, photo_.width);
      if (!region.ok() || region->width() * region->height() > kMostPixels) continue;
      regions.push_back(*region);
      landmarks.push_back(points);
    }
    if (numbers_.byte() % 8 == 0) landmarks.push_back(numbers_.landmarks(9, 9));
    if (dataset_ != Dataset::lapa && numbers_.flag()) landmarks.clear();
    const Span<const Region> parts = {regions.data(), regions.size()};
    check(parser(dataset_).parse(photo_, parts, {landmarks.data(), landmarks.size()}, options_), nullptr,
          regions.size());
  }

  void check(const Result<ParsedPhoto>& result, const Faces* faces, std::size_t picked) const {
    if (!result.ok()) return refused(result.error());
    const ParsedPhoto& parsed = *result;
    if (faces != nullptr) demand(parsed.faces.size() == faces->found.size(), "each face");
    if (picked > 0) demand(parsed.faces.empty(), "no face where parts are picked");
    const std::size_t owners = std::max(parsed.faces.size(), picked);
    if (options_.logits)
      demand(parts_ == owners * (options_.surroundings && picked == 0 ? 2 : 1), "logits of each part");
    demand(parsed.mask.width() == photo_.width && parsed.mask.height() == photo_.height, "a mask of the photo's size");
    demand(parsed.mask.mean_confidence() >= 0 && parsed.mask.mean_confidence() <= 1.0001, "a confidence");
    std::vector<Index> pixels(256);
    for (Index y = 0; y < photo_.height; ++y) {
      for (Index x = 0; x < photo_.width; ++x) {
        const std::uint8_t label = parsed.mask.at(x, y), number = parsed.numbers.row(y)[x],
                           cover = parsed.coverage.row(y)[x];
        demand(label < class_count(dataset_), "a label of the network");
        demand((label != 0) == (number != 0) && number <= owners, "an owner of each label, none of background");
        demand(cover == 0 || cover == 255 || (cover == 128 && options_.surroundings), "a coverage");
        demand(cover != 0 || label == 0, "no label where nobody looked");
        pixels[number] += label != 0;
        check_mattes(parsed, y * photo_.width + x, cover);
        if (!options_.confidence) continue;
        const float share = parsed.confidence.data()[y * photo_.width + x];
        demand((cover == 0) == (share == 0) && share >= 0 && share <= 1.0001f, "a confidence where somebody looked");
      }
    }
    for (std::size_t i = 0; i < parsed.faces.size(); ++i) {
      Index counted = 0;
      for (const ParsedFace::Area& area : parsed.faces[i].classes) {
        counted += area.pixels;
        demand((area.pixels == 0) == (area.box.width == 0), "a box around what is there");
      }
      demand(counted == pixels[i + 1], "every pixel counted once");
    }
  }

  // A set and all that is not in it.
  void check_mattes(const ParsedPhoto& parsed, Index at, std::uint8_t cover) const {
    demand(parsed.mattes.size() == options_.mattes.size(), "each matte");
    if (parsed.mattes.empty()) return;
    const float in = parsed.mattes[0].data()[at], out = parsed.mattes[1].data()[at];
    demand(in >= 0 && in <= 1 && out >= 0 && out <= 1, "shares");
    demand(cover == 0 ? in == 0 && out == 0 : std::fabs(in + out - 1) < 1e-3f,
           "shares that sum to 1 where somebody looked");
  }

  Numbers& numbers_;
  ImageView photo_;
  Dataset dataset_;
  PhotoOptions options_;
  int calls_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace

SEGFACE_FUZZ_TARGET(photo, 4) {
  Numbers numbers(input);
  if (numbers.byte() % 4 != 0) {
    const Image photo = make_photo(numbers);
    return Call(numbers, photo).run();
  }
  // Options first, the file behind them.
  const Bytes front = input.subspan(0, std::min<std::size_t>(input.size(), 16));
  Numbers options(front);
  const Bytes file = input.subspan(front.size(), input.size() - front.size());
  ImageOptions limits;
  limits.limits.max_pixels = kMostPixels;
  const auto photo = decode_image(file, "photo", limits);
  if (!photo.ok()) return demand_reason(photo.error());
  Call(options, *photo).run();
}
