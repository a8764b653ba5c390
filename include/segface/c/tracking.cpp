// The C interface: the frames of a video. Needs compiled.cpp, or segface::compiled, linked.
#include <algorithm>
#include <atomic>
#include <utility>

#include "segface/c/call.hpp"
#include "segface/c/photos.hpp"
#include "segface/compiled.hpp"

using namespace segface;
using segface::core::c::answer;
using segface::core::c::check_given;
using segface::core::c::FaceRoom;
using segface::core::c::kMostFaces;
using segface::core::c::make_handle;
using segface::core::c::maps_in;
using segface::core::c::photo_options;
using segface::core::c::take;
using segface::core::c::view_of;

struct segface_tracker {
  Tracker own;
  std::size_t most, mattes;
  std::atomic<bool> busy{false};
};

namespace {

Result<TrackOptions> track_options(const segface_track_options& asked) {
  TrackOptions known;
  SEGFACE_ASSIGN(photo, take(asked.photo, "segface_photo_options"));
  if (photo.known != nullptr || photo.regions != nullptr) {
    return error(Errc::invalid_argument, "a tracker finds the faces of frames itself; leave `",
                 photo.known != nullptr ? "known" : "regions", "` of its photo options out");
  }
  SEGFACE_ASSIGN(of_frame, photo_options(photo));
  known.photo = std::move(of_frame);
  if (asked.most < 0 || asked.most > static_cast<std::int32_t>(kMostFaces)) {
    return error(Errc::invalid_argument, "most: ", asked.most, "; expected 1 to ", kMostFaces, " faces, or 0 for ",
                 kMostFaces);
  }
  known.photo.find.most = asked.most == 0 ? static_cast<Index>(kMostFaces) : asked.most;
  if (asked.every != 0) known.every = asked.every;
  constexpr double kUnsmoothed = SEGFACE_UNSMOOTHED;
  if (asked.smooth != 0) known.smooth = asked.smooth == kUnsmoothed ? 0 : asked.smooth;
  if (asked.rate != 0) known.rate = asked.rate;
  return Result<TrackOptions>(std::move(known));
}

}  // namespace

segface_status segface_tracker_new(const segface_parser* parser, const segface_track_options* options,
                                   segface_tracker** tracker) {
  return make_handle(tracker, "the place for the handle", [&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(parser, "the parser"));
    SEGFACE_ASSIGN(asked, take(options, "segface_track_options"));
    SEGFACE_ASSIGN(known, track_options(asked));
    SEGFACE_ASSIGN(own, Tracker::make(parser->both, known));
    *tracker = new segface_tracker{
        std::move(own), static_cast<std::size_t>(known.photo.find.most), known.photo.mattes.size(), {}};
    return {};
  });
}
void segface_tracker_free(segface_tracker* tracker) {
  delete tracker;
}

segface_status segface_tracker_next(segface_tracker* tracker, const segface_image* frame,
                                    segface_photo_results* results) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(tracker, "the tracker"));
    SEGFACE_ASSIGN(view, view_of(frame, "the frame"));
    SEGFACE_RETURN_IF_ERROR(check_given(results, "the results"));
    SEGFACE_ASSIGN(wanted, take(results, "segface_photo_results"));
    SEGFACE_ASSIGN(maps, maps_in(wanted, view, tracker->mattes));
    FaceRoom room;
    SEGFACE_RETURN_IF_ERROR(room.take_from(wanted.faces));
    if (room.wanted() && room.found_room() < tracker->most) {
      return error(Errc::buffer_too_small, "room for ", room.found_room(), " faces, but the tracker may follow ",
                   tracker->most, "; give room for as many, or make it with a lower `most`");
    }
    if (wanted.tracks != nullptr && !room.wanted()) {
      return error(Errc::invalid_argument, "`tracks` are of faces, for which there is no room; set `faces` too");
    }
    if (tracker->busy.exchange(true, std::memory_order_acquire)) {
      return error(Errc::busy, "this tracker is in use by another call; frames of a video follow one another");
    }
    const Status status = tracker->own.next(view, maps);
    if (status.ok()) {
      room.tell(tracker->own.parsed());
      if (wanted.tracks != nullptr) {
        std::copy(tracker->own.tracks().begin(), tracker->own.tracks().end(), wanted.tracks);
      }
    }
    tracker->busy.store(false, std::memory_order_release);
    return status;
  });
}
