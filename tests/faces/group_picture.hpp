// Group pictures with known faces: the head of the astronaut, at any size, turn and place, on a background without faces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "segface/faces/turned_window.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"

namespace test {

using namespace segface;
using namespace segface::core;

// A face in a group picture: where its box's middle is, the box's longer side, and its turn clockwise.
struct PlacedFace {
  Point middle;
  double size = 0, degrees = 0;
  bool mirrored = false;
};

// Where things are in the photo that heads are cut from: the box that finders give, a circle that holds the head.
struct HeadSource {
  static constexpr double kSize = 111.5, kRadius = 112;
  static constexpr Point kMiddle = {224.5, 119}, kCircle = {226, 118};
};

// Numbers that are the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  double uniform(double from, double to) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return from + (to - from) * static_cast<double>(state_ >> 11) / 9007199254740992.0;
  }

 private:
  std::uint64_t state_;
};

class GroupPicture {
 public:
  // A background of soft patches and stripes.
  GroupPicture(Index width, Index height, std::uint64_t seed)
      : image_(Image::make(width, height, PixelOrder::rgb).value()),
        source_(load_image(SEGFACE_TEST_DATA "/images/astronaut.png").value()) {
    Dice dice(seed);
    double waves[3][4];
    for (auto& wave : waves) {
      for (double& number : wave) number = dice.uniform(0.5, 3);
    }
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const double u = static_cast<double>(x) / 97, v = static_cast<double>(y) / 83;
        for (int c = 0; c < 3; ++c) {
          const double* const w = waves[c];
          const double value =
              120 + 40 * std::sin(w[0] * u + w[1] * v) + 30 * std::cos(w[2] * v - w[3] * u) + dice.uniform(-6, 6);
          image_.row(y)[3 * x + c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
        }
      }
    }
  }

  void add(const PlacedFace& face) {
    const double scale = face.size / HeadSource::kSize;  // of the photo to the picture
    const auto side = std::max<Index>(8, static_cast<Index>(std::lround(512 * scale)));
    const Image head = resize_bicubic(source_.view(), side, side).value();
    const double exact = static_cast<double>(side) / 512;
    const double reach = HeadSource::kRadius * exact * 1.1 + 2;
    for (Index y = first(face.middle.y - reach); y < last(face.middle.y + reach, image_.height()); ++y) {
      for (Index x = first(face.middle.x - reach); x < last(face.middle.x + reach, image_.width()); ++x) {
        const Point p = from_picture(face, exact, {static_cast<double>(x), static_cast<double>(y)});
        const double far = std::hypot(p.x - HeadSource::kCircle.x, p.y - HeadSource::kCircle.y) / HeadSource::kRadius;
        const double share = std::clamp((1 - far) * 12, 0.0, 1.0);
        if (share <= 0) continue;
        const double sx = std::clamp((p.x + 0.5) * exact - 0.5, 0.0, static_cast<double>(side - 1) - 1e-6);
        const double sy = std::clamp((p.y + 0.5) * exact - 0.5, 0.0, static_cast<double>(side - 1) - 1e-6);
        const auto left = static_cast<Index>(sx), top = static_cast<Index>(sy);
        const double fx = sx - static_cast<double>(left), fy = sy - static_cast<double>(top);
        for (int c = 0; c < 3; ++c) {
          const auto at = [&](Index dx, Index dy) {
            return static_cast<double>(head.row(top + dy)[3 * (left + dx) + c]);
          };
          const double value =
              (at(0, 0) * (1 - fx) + at(1, 0) * fx) * (1 - fy) + (at(0, 1) * (1 - fx) + at(1, 1) * fx) * fy;
          std::uint8_t& pixel = image_.row(y)[3 * x + c];
          pixel = static_cast<std::uint8_t>(std::lround(share * value + (1 - share) * pixel));
        }
      }
    }
    faces_.push_back(face);
  }

  // Faces of sizes and turns, in places where they do not touch: as many of `wanted` as fit. Some of them, `over`, with a
  // third beyond a border.
  void add_many(int wanted, double smallest, double largest, bool any_turn, int over, std::uint64_t seed) {
    Dice dice(seed);
    const double width = static_cast<double>(image_.width()), height = static_cast<double>(image_.height());
    for (int i = 0; i < wanted; ++i) {
      for (int attempt = 0; attempt < 200; ++attempt) {
        PlacedFace face;
        face.size = smallest * std::pow(largest / smallest, dice.uniform(0, 1));
        face.degrees = any_turn ? dice.uniform(-180, 180) : dice.uniform(-45, 45);
        const double reach = face.size * 1.05;
        face.middle = {dice.uniform(reach, width - reach), dice.uniform(reach, height - reach)};
        if (i < over) {
          const double inside = face.size * (2.0 / 3 - 0.5);
          const double edge = dice.uniform(0, 4);
          if (edge < 1)
            face.middle.x = inside;
          else if (edge < 2)
            face.middle.x = width - inside;
          else if (edge < 3)
            face.middle.y = inside;
          else
            face.middle.y = height - inside;
        } else if (2 * reach > std::min(width, height)) {
          face.middle = {width / 2, height / 2};
        }
        const bool free = std::none_of(faces_.begin(), faces_.end(), [&](const PlacedFace& other) {
          return std::hypot(other.middle.x - face.middle.x, other.middle.y - face.middle.y) <
                 1.05 * (face.size + other.size);
        });
        if (!free) continue;
        add(face);
        break;
      }
    }
  }

  const Image& image() const { return image_; }
  const std::vector<PlacedFace>& faces() const { return faces_; }

  // A place of the photo that heads are cut from, in the picture.
  static Point to_picture(const PlacedFace& face, const Point& p) {
    const double scale = face.size / HeadSource::kSize;
    const double x = (p.x - HeadSource::kMiddle.x) * scale, y = (p.y - HeadSource::kMiddle.y) * scale;
    const double c = std::cos(face.degrees * kDegree), s = std::sin(face.degrees * kDegree);
    return {face.middle.x + x * c - y * s, face.middle.y + x * s + y * c};
  }
  static Landmarks to_picture(const PlacedFace& face, const Landmarks& l) {
    return {to_picture(face, l.left_eye), to_picture(face, l.right_eye), to_picture(face, l.nose),
            to_picture(face, l.left_mouth), to_picture(face, l.right_mouth)};
  }

 private:
  static Index first(double place) { return std::max<Index>(0, static_cast<Index>(std::floor(place))); }
  static Index last(double place, Index end) { return std::clamp<Index>(static_cast<Index>(std::ceil(place)), 0, end); }
  static Point from_picture(const PlacedFace& face, double scale, const Point& p) {
    const double c = std::cos(face.degrees * kDegree), s = std::sin(face.degrees * kDegree);
    const double x = p.x - face.middle.x, y = p.y - face.middle.y;
    return {HeadSource::kMiddle.x + (x * c + y * s) / scale, HeadSource::kMiddle.y + (y * c - x * s) / scale};
  }

  Image image_, source_;
  std::vector<PlacedFace> faces_;
};

}  // namespace test
