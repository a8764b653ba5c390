#include "segface/faces/metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "network/network.hpp"

using namespace segface;
using test::data;

namespace {

ImageView row(const std::vector<std::uint8_t>& labels) {
  return {labels.data(), static_cast<Index>(labels.size()), 1, PixelOrder::gray};
}

// The next line, as numbers; NumPy's nan among them.
template <class T>
std::vector<T> numbers(std::istream& file) {
  std::string line, word;
  std::getline(file, line);
  std::istringstream words(line);
  std::vector<T> values;
  while (words >> word) values.push_back(static_cast<T>(std::stod(word)));
  return values;
}

}  // namespace

TEST_CASE("metrics: equal to the official formulas computed by NumPy, absent classes and 255 among them") {
  std::ifstream file(data("eval/metrics.txt"));
  std::string name;
  std::size_t count = 0;
  int cases = 0, absent = 0;
  while (file >> name >> count) {
    CAPTURE(cases);
    file.ignore();
    const Dataset dataset = parse_dataset(name).value();
    const auto truth = numbers<std::uint8_t>(file), predicted = numbers<std::uint8_t>(file);
    const auto expected = numbers<double>(file);
    REQUIRE(expected.size() == count);
    ConfusionMatrix matrix(dataset), part(dataset);
    const std::vector<std::uint8_t> front(truth.begin(), truth.begin() + 200), back(truth.begin() + 200, truth.end());
    REQUIRE(matrix.add(row(front), {predicted.data(), 200, 1, PixelOrder::gray}).ok());
    REQUIRE(part.add(row(back), {predicted.data() + 200, 400, 1, PixelOrder::gray}).ok());
    matrix.merge(part);
    CHECK(matrix.ignored() + matrix.truth(~0u) == 600);
    CHECK(matrix.ignored() > 20);

    std::vector<std::optional<double>> found = {matrix.mean_f1(), matrix.mean_iou(), matrix.mean_accuracy(),
                                                matrix.pixel_accuracy()};
    for (Index label = 0; label < matrix.classes(); ++label) found.push_back(matrix.f1(1u << label));
    for (Index label = 0; label < matrix.classes(); ++label) found.push_back(matrix.iou(1u << label));
    for (const MergedClasses& merged : merged_classes(dataset)) found.push_back(matrix.f1(merged.members));
    REQUIRE(found.size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      CAPTURE(i);
      REQUIRE(found[i].has_value() == !std::isnan(expected[i]));
      if (found[i]) CHECK(*found[i] == doctest::Approx(expected[i]).epsilon(1e-14));
      absent += found[i] ? 0 : 1;
    }
    ++cases;
  }
  CHECK(cases == 4);
  CHECK(absent == 4);
}

TEST_CASE("metrics: nothing counted, nothing scored") {
  const ConfusionMatrix matrix(Dataset::helen);
  CHECK_FALSE(matrix.mean_f1().has_value());
  CHECK_FALSE(matrix.f1(0x3fc).has_value());
  CHECK(matrix.mean_iou() == 0);
  CHECK(matrix.pixel_accuracy() == 0);
  CHECK(merged_classes(Dataset::lapa).empty());
}

TEST_CASE("metrics: what is no label is refused, and nothing of its picture counted") {
  ConfusionMatrix matrix(Dataset::lapa);
  const auto message = [&](const std::vector<std::uint8_t>& truth, const std::vector<std::uint8_t>& predicted) {
    const Status status = matrix.add(row(truth), row(predicted));
    CHECK(status.code() == Errc::invalid_argument);
    return std::string(status.message());
  };
  CHECK(message({0, 11}, {0, 1}) ==
        "the truth holds 11 in column 1, row 0; expected a label from 0 to 10, or 255 for ignored");
  CHECK(message({0, 1}, {0, 255}) == "the prediction holds 255 in column 1, row 0; expected a label from 0 to 10");
  CHECK(message({0, 1}, {0}) == "the truth has 2 x 1 pixels, the prediction 1 x 1; expected the same");
  CHECK(matrix.truth(~0u) == 0);
  CHECK(matrix.add({nullptr, 1, 1, PixelOrder::gray}, row({0})).code() == Errc::invalid_argument);
}

TEST_CASE("metrics: labels are resized as Pillow's NEAREST does") {
  std::ifstream file(data("eval/nearest.txt"));
  int cases = 0;
  for (auto places = numbers<int>(file); !places.empty(); places = numbers<int>(file)) {
    const Index from = places[0], to = places[1];
    CAPTURE(from);
    REQUIRE(places.size() == static_cast<std::size_t>(to) + 2);
    // Labels are bytes: the place in two parts.
    for (const int shift : {0, 8}) {
      std::vector<std::uint8_t> labels(static_cast<std::size_t>(from)), expected;
      for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i >> shift);
      for (std::size_t i = 2; i < places.size(); ++i) expected.push_back(static_cast<std::uint8_t>(places[i] >> shift));
      const Image wide = resize_labels(row(labels), to, 1).value();
      const Image high = resize_labels({labels.data(), 1, from, PixelOrder::gray}, 1, to).value();
      CHECK(std::equal(expected.begin(), expected.end(), wide.data()));
      CHECK(std::equal(expected.begin(), expected.end(), high.data()));
    }
    ++cases;
  }
  CHECK(cases == 7);
  const std::vector<std::uint8_t> label = {3};
  CHECK(resize_labels(row(label), 0, 1).error().code() == Errc::invalid_argument);
  CHECK(resize_labels({label.data(), 1, 1, 3, PixelOrder::rgb}, 1, 1).error().code() == Errc::invalid_argument);
}
