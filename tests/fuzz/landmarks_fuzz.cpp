// Texts of landmarks. First byte, modulo 3: five points or LaPa's; Helen's, a name, '|', and a text; any five points
// from numbers. Of points that pass for a face, the square and the warp are made and used.
#include "segface/faces/align.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/faces/warp.hpp"
#include "segface/image/limits.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

void check_warp(const Landmarks& landmarks, Index side) {
  const auto warp = make_tanh_warp(landmarks, side);
  if (!warp.ok()) return demand_reason(warp.error());
  for (const Index y : {Index{0}, side / 3, side - 1}) {
    for (const Index x : {Index{0}, side / 2, side - 1}) {
      const auto there = warp->warped_source(x, y), back = warp->unwarped_source(x, y, side);
      demand(std::isfinite(there.x) && std::isfinite(there.y), "a place in the picture");
      demand(back.x >= -1 && back.y >= -1 && back.x <= static_cast<double>(side) && back.y <= static_cast<double>(side),
             "a place in the warped picture");
    }
  }
}

void check_square(const Landmarks& landmarks, Index width, Index height) {
  const AlignedSquare square(landmarks);
  demand(square.side() >= 1, "a square");
  if (square.side() > 400 || width > 400) return;
  auto photo = Image::make(width, height, PixelOrder::rgb).value();
  std::fill_n(photo.data(), photo.size_bytes(), std::uint8_t{200});
  const Image cut = square.cut(photo.view()).value();
  for (std::size_t i = 0; i < cut.size_bytes(); ++i) demand(cut.data()[i] <= 200, "no pixel brighter than the photo's");
  auto labels = Image::make(square.side(), square.side(), PixelOrder::gray).value();
  std::fill_n(labels.data(), labels.size_bytes(), std::uint8_t{3});
  const Image pasted = square.paste_labels(labels.view(), width, height).value();
  for (std::size_t i = 0; i < pasted.size_bytes(); ++i) {
    demand(pasted.data()[i] == 0 || pasted.data()[i] == 3, "labels of the square alone");
  }
}

void check_face(const Landmarks& landmarks) {
  constexpr Index kSizes[][2] = {{64, 48}, {256, 256}, {500, 333}, {16384, 4096}};
  for (const auto& [width, height] : kSizes) {
    const Status status = check_landmarks(landmarks, width, height);
    if (!status.ok()) {
      demand_reason(status);
      continue;
    }
    check_square(landmarks, width, height);
    for (const Index side : {Index{32}, Index{257}, Index{512}}) {
      const auto across = static_cast<double>(side) / static_cast<double>(width);
      check_warp(landmarks.scaled(across, static_cast<double>(side) / static_cast<double>(height)), side);
    }
  }
}

void check_helen(std::string_view text) {
  const std::size_t name_end = std::min(text.find('|'), text.size());
  const auto points = read_helen_points(text.substr(std::min(name_end + 1, text.size())), text.substr(0, name_end));
  if (!points.ok()) return demand_reason(points.error());
  check_face(helen_landmarks(*points));
  constexpr Index kWidth = 64, kHeight = 48;
  const Box box = helen_box(*points, kWidth, kHeight);
  if (box.width < 1 || box.height < 1) return;
  demand(box.x >= 0 && box.y >= 0 && box.width <= kWidth - box.x && box.height <= kHeight - box.y,
         "a box inside the photo");
}

}  // namespace

SEGFACE_FUZZ_TARGET(landmarks, 100) {
  Numbers numbers(input);
  const int kind = numbers.byte() % 3;
  const std::string_view text = text_of(numbers.rest());
  if (kind == 2) return check_face(numbers.landmarks(256, 256));
  if (kind == 1) return check_helen(text);
  (void)is_face_text(text);
  const auto face = read_face_landmarks(text);
  if (!face.ok()) return demand_reason(face.error());
  check_face(*face);
}
