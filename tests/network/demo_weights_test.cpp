// The demonstration weights on a photograph, against regions drawn by hand.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "segface/faces/align.hpp"
#include "segface/faces/metrics.hpp"
#include "segface/image/file.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/image/settled_labels.hpp"
#include "segface/tensors/json.hpp"

#include "network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

using Polygon = std::vector<Point>;

// tests/data/images/astronaut_regions.json: polygons in pixels of the photo, and boxes [left, top, right, bottom],
// which are read as their two corners.
class Regions {
 public:
  Regions() {
    std::ifstream in(test::data("images/astronaut_regions.json"));
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    JsonCursor json(text);
    read_object(json);
    json.expect_end().or_throw();
  }

  const Polygon& operator[](const std::string& name) const { return polygons_.at(name); }

 private:
  void read_object(JsonCursor& json) {
    json.expect('{').or_throw();
    for (bool more = true; more;) {
      std::string name, text;
      json.read_string(name).or_throw();
      json.expect(':').or_throw();
      if (name == "boxes") {
        read_object(json);
      } else if (json.take('[')) {
        read_numbers(json, polygons_[name]);
      } else {
        json.read_string(text).or_throw();
      }
      json.expect_next('}', more).or_throw();
    }
  }
  // Numbers, in lists or not, two a point; the bracket before them is taken.
  static void read_numbers(JsonCursor& json, Polygon& polygon) {
    std::vector<double> numbers;
    for (int depth = 1; depth > 0;) {
      std::uint64_t number = 0;
      if (json.take('[')) {
        ++depth;
      } else if (json.take(']')) {
        --depth;
      } else if (!json.take(',')) {
        json.read_number(number).or_throw();
        numbers.push_back(static_cast<double>(number));
      }
    }
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) polygon.push_back({numbers[i], numbers[i + 1]});
  }

  std::map<std::string, Polygon> polygons_;
};

// Even-odd rule.
bool inside(const Polygon& polygon, double x, double y) {
  bool odd = false;
  for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
    const Point a = polygon[i], b = polygon[j];
    if ((a.y > y) != (b.y > y) && x < a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y)) odd = !odd;
  }
  return odd;
}

class Astronaut {
 public:
  Astronaut() : photo_(load_image(test::data("images/astronaut.png")).value()) {
    const Parser parser = Parser::load(test::data("../../weights/demo.safetensors")).value();
    const Image cut = square_.cut(photo_.view()).value();
    const Mask mask = parser.parse(cut.view()).value();
    labels_ = square_.paste_labels(mask.view(), photo_.width(), photo_.height()).value();
  }

  // Intersection over union of a class or several with what is drawn, where the network could see.
  double iou(const Polygon& drawn, const std::vector<int>& classes) const {
    Index both = 0, either = 0;
    for (Index y = 0; y < photo_.height(); ++y) {
      for (Index x = 0; x < photo_.width(); ++x) {
        const Point seen = square_.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
        const auto side = static_cast<double>(square_.side());
        if (seen.x < 0 || seen.y < 0 || seen.x > side - 1 || seen.y > side - 1) continue;
        const bool truth = inside(drawn, static_cast<double>(x), static_cast<double>(y));
        const bool claim = is(x, y, classes);
        both += truth && claim;
        either += truth || claim;
      }
    }
    return static_cast<double>(both) / static_cast<double>(either);
  }

  // The middle of a class's pixels.
  Point middle(const std::vector<int>& classes) const {
    double count = 0, sum_x = 0, sum_y = 0;
    for (Index y = 0; y < photo_.height(); ++y) {
      for (Index x = 0; x < photo_.width(); ++x) {
        if (!is(x, y, classes)) continue;
        ++count;
        sum_x += static_cast<double>(x);
        sum_y += static_cast<double>(y);
      }
    }
    return {sum_x / count, sum_y / count};
  }

 private:
  bool is(Index x, Index y, const std::vector<int>& classes) const {
    return std::find(classes.begin(), classes.end(), labels_.data()[y * photo_.width() + x]) != classes.end();
  }

  AlignedSquare square_{{{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}}};
  Image photo_, labels_;
};

// Labels of a square of a photo at the network's size.
Mask labels_of(const char* photo, const AlignedSquare& square, Precision precision) {
  Options options;
  options.precision = precision;
  const Parser parser = Parser::load(test::data("../../weights/demo.safetensors"), options).value();
  const Image cut = square.cut(load_image(test::data(photo)).value().view()).value();
  const Image input = resize_bicubic(cut.view(), parser.info().resolution, parser.info().resolution).value();
  return parser.parse(input.view()).value();
}

bool between(const Polygon& corners, const Point& p) {
  return p.x > corners[0].x && p.x < corners[1].x && p.y > corners[0].y && p.y < corners[1].y;
}

}  // namespace

TEST_CASE("the demonstration weights find face, hair and features of a real person") {
  const Regions regions;
  const Astronaut astronaut;
  const double face = astronaut.iou(regions["face"], {2, 6, 7, 8, 9, 10, 11, 12, 13}),
               hair = astronaut.iou(regions["hair"], {14});
  MESSAGE("IoU of the face " << face << ", of the hair " << hair);
  CHECK(face >= 0.93);
  CHECK(hair >= 0.95);
  CHECK(between(regions["image_left_eye"], astronaut.middle({8})));
  CHECK(between(regions["image_right_eye"], astronaut.middle({9})));
  CHECK(between(regions["nose"], astronaut.middle({10})));
  CHECK(between(regions["mouth"], astronaut.middle({11, 12, 13})));
}

TEST_CASE("demo weights: labels of a large photo, where most are settled, are those of all interpolated logits") {
  const std::string weights = std::string(test::data("")) + "../../weights/demo.safetensors";
  const Parser parser = Parser::load(weights).value();
  Workspace workspace = parser.workspace().value();
  const Image small = load_image(test::data("images/astronaut.png")).value();
  for (const auto& size : {std::pair<Index, Index>{1333, 1000}, {600, 1800}, {512, 512}}) {
    const Index width = size.first, height = size.second;
    CAPTURE(width);
    const Image photo = resize_bicubic(small.view(), width, height).value();
    Mask mask;
    workspace.parse(photo.view(), mask).or_throw();
    // With a plane of confidence every pixel is interpolated.
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(width * height));
    std::vector<float> confidence(labels.size());
    workspace.start(photo.view(), {labels.data(), confidence.data(), {}}).or_throw();
    workspace.finish().or_throw();
    CHECK(std::equal(labels.begin(), labels.end(), mask.labels().begin()));

    // The same of the plain form, which reads whole logits.
    const LogitsShape shape = workspace.logits_shape(1, 256, 256).value();
    std::vector<float> planes(shape.count());
    workspace.parse(photo.view(), mask, {planes.data(), planes.size()}).or_throw();
    const auto view = LogitsView<float>::planes(planes.data(), shape.classes, shape.width, shape.height);
    std::vector<std::uint8_t> settled;
    for (Index y = 0; y < shape.height; ++y) {
      for (Index x = 0; x < shape.width; ++x) {
        settled.push_back(settled_label(view.pixel(x, y), view.classes, view.class_stride));
      }
    }
    const SettledLabels cells = {settled.data(), shape.width, shape.height};
    const auto map = AffineMap<float>::scaled(width, height, shape.width, shape.height);
    std::vector<std::uint8_t> expected(labels.size());
    SerialExecutor executor;
    label_pixels(view, {expected.data(), width, height}, executor);
    Index mixed = 0;
    for (Index y = 0; y < height; ++y) {
      const LabelTarget target = {labels.data(), width, height};
      cells.each_run(
          map, 0, width, y,
          [&](Index first, Index last, std::uint8_t label) {
            std::fill(labels.begin() + y * width + first, labels.begin() + y * width + last, label);
          },
          [&](Index first, Index last) {
            mixed += last - first;
            label_run(view, map, target, y, first, last);
          });
    }
    CHECK(labels == expected);
    CHECK(mixed < width * height / 5);
  }
}

TEST_CASE("demo weights: rounded products change few labels, and no class much") {
  struct Portrait {
    const char* photo;
    Landmarks points;
  };
  constexpr Portrait kPortraits[] = {
      {"images/astronaut.png", {{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}}},
      {"images/portrait.png", {{113, 100}, {156, 103}, {134, 129}, {112, 139}, {155, 141}}}};
  for (const auto& [precision, least] : {std::pair(Precision::bf16, 0.996), std::pair(Precision::int8, 0.995)}) {
    if (cpu::Backend().with(precision)->precision() != precision) continue;  // what this processor lacks
    const std::string asked = precision_name(precision);
    CAPTURE(asked);
    ConfusionMatrix matrix(Dataset::celeb);
    for (const Portrait& portrait : kPortraits) {
      CAPTURE(portrait.photo);
      const Mask floats = labels_of(portrait.photo, AlignedSquare(portrait.points), Precision::float32),
                 rounded = labels_of(portrait.photo, AlignedSquare(portrait.points), precision);
      ConfusionMatrix own(Dataset::celeb);
      for (ConfusionMatrix* both : {&own, &matrix}) both->add(floats.view(), rounded.view()).or_throw();
      MESSAGE("labels equal: " << 100 * own.pixel_accuracy() << " %");
      CHECK(own.pixel_accuracy() >= least);
      CHECK(own.pixel_accuracy() < 1);
    }
    for (Index label = 0; label < matrix.classes(); ++label) {
      const std::uint32_t members = 1u << label;
      if (matrix.truth(members) < 1000) continue;  // a point of fewer pixels is a matter of chance
      CAPTURE(label);
      CHECK(matrix.iou(members) >= 0.99);
    }
  }
}
