// What the C interface says of photos and of a video's frames alike: what is asked of them, and room for what is told.
// Included by its .cpp files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "segface/c/call.hpp"
#include "segface/compiled.hpp"

struct segface_parser {
  segface::PhotoParser both;
};

SEGFACE_BEGIN_CORE
namespace c {

static_assert(SEGFACE_BEYOND_MOST == static_cast<int>(SkipReason::beyond_most), "a reason is a SkipReason");

constexpr std::size_t kMostFaces = 255;  // that a photo is parsed with

inline Result<FindOptions> find_options(const segface_find_options* options) noexcept {
  SEGFACE_ASSIGN(asked, take(options, "segface_find_options"));
  FindOptions known;
  known.smallest = asked.smallest;
  known.smallest_share = asked.smallest_share;
  if (asked.threshold != 0) known.threshold = asked.threshold;
  if (asked.turns != 0) known.turns = asked.turns;
  known.small_faces = asked.small_faces != 0;
  SEGFACE_RETURN_IF_ERROR(known.check());
  return known;
}

// All that is asked but known faces, regions, and what the results say.
inline Result<PhotoOptions> photo_options(const segface_photo_options& asked) {
  PhotoOptions known;
  SEGFACE_ASSIGN(find, find_options(asked.find));
  known.find = find;
  known.surroundings = asked.surroundings != 0;
  known.refine = asked.refine != 0;
  constexpr std::size_t kMostMattes = std::size_t{1} << 16;
  if (asked.mattes != nullptr) {
    if (asked.matte_count > kMostMattes) {
      return error(Errc::limit_exceeded, asked.matte_count, " mattes are too many; at most ", kMostMattes, " are made");
    }
    known.mattes.assign(asked.mattes, asked.mattes + asked.matte_count);
  }
  if (asked.progress != nullptr) {
    known.progress = [progress = asked.progress, context = asked.context](double share) {
      return progress(share, context) != 0;
    };
  }
  return Result<PhotoOptions>(std::move(known));
}

// The caller's memory for the maps of a picture.
inline Result<PhotoResults> maps_in(const segface_photo_results& wanted, const ImageView& picture,
                                    std::size_t mattes) noexcept {
  const auto pixels = static_cast<std::size_t>(picture.width * picture.height);
  const auto span = [pixels](auto* map) { return Span(map, map == nullptr ? 0 : pixels); };
  PhotoResults maps = {span(wanted.labels), span(wanted.numbers), span(wanted.coverage), span(wanted.confidence)};
  std::size_t values = 0;
  if (!multiply_fits(mattes, pixels, values)) return error(Errc::limit_exceeded, mattes, " mattes are too many");
  if (wanted.mattes != nullptr) maps.mattes = {wanted.mattes, values};
  return maps;
}

inline segface_face told(const Face& face, double confidence) noexcept {
  segface_face out = {face.box.x, face.box.y,       face.box.width, face.box.height, {},
                      face.score, face.probability, face.roll,      confidence};
  double* to = out.landmarks;
  for (const Point& point : face.landmarks.in_order()) {
    *to++ = point.x;
    *to++ = point.y;
  }
  return out;
}

// The caller's room for faces.
class FaceRoom {
 public:
  Status take_from(segface_faces* given) noexcept {
    given_ = given;
    SEGFACE_ASSIGN(taken, take(given, "segface_faces"));
    room_ = taken;
    if (room_.found == nullptr) room_.found_room = 0;
    if (room_.skipped == nullptr) room_.skipped_room = 0;
    room_.found_count = room_.skipped_count = 0;
    return {};
  }
  std::size_t found_room() const noexcept { return room_.found_room; }
  bool wanted() const noexcept { return room_.found != nullptr; }

  void add(const Face& face, double confidence) noexcept {
    if (room_.found_count < room_.found_room) room_.found[room_.found_count++] = told(face, confidence);
  }
  void add(const SkippedFace& face) noexcept {
    if (room_.skipped_count == room_.skipped_room) return;
    room_.skipped[room_.skipped_count++] = {face.box.x,      face.box.y, face.box.width,
                                            face.box.height, face.score, static_cast<std::int32_t>(face.reason)};
  }
  void finish() noexcept {
    if (given_ != nullptr) give_back(room_, given_);
  }
  void tell(const ParsedPhoto& parsed) noexcept {
    for (const ParsedFace& face : parsed.faces) add(face.face, face.confidence);
    for (const SkippedFace& face : parsed.skipped) add(face);
    finish();
  }

 private:
  segface_faces* given_ = nullptr;
  segface_faces room_ = {};
};

}  // namespace c
SEGFACE_END_CORE
