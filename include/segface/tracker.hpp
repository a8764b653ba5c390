// BasicTracker: the frames of a video, one after the other, each parsed as a photo, with faces and labels that hold still;
// they write segface::Tracker.
//
// Faces are found every few frames and followed in between. Their points are smoothed (One-Euro), and so is what the network
// says of each, in the square that turns and moves with it and only where the network is in doubt. A face that is new or
// jumps, and all of them where the scene changes, begin anew. What a frame's result is depends on the frames before it alone.
//
// Declarations only; tracker_definitions.hpp defines them, which segface/video.hpp includes.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cmath>
#include <memory>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/parsed_photo.hpp"
#include "segface/image/image.hpp"
#include "segface/photo_parser.hpp"

SEGFACE_BEGIN_NAMESPACE

struct TrackOptions {
  // What is wanted of each frame. Without `into`, maps are memory of the tracker's.
  PhotoOptions photo;
  // Faces are looked for in every so many frames, and where the scene changes; from 1 on. With smoothing, heads that are
  // turned by more than 60 degrees are looked for in every second of these.
  Index every = 5;
  // How much is smoothed: 0, nothing, so that with `every` 1 frames are as photos of their own, to 10. 1 forgets in a third
  // of a second.
  double smooth = 1;
  // Frames a second.
  double rate = 30;

  // Errors: invalid_argument, with the reason.
  Status check() const noexcept {
    if (every < 1) return error(Errc::invalid_argument, "every: ", every, "; expected frames, from 1 on");
    if (!(smooth >= 0 && smooth <= 10)) return error(Errc::invalid_argument, "smooth: expected a number from 0 to 10");
    if (!(rate >= 0.01 && rate <= 10000)) {
      return error(Errc::invalid_argument, "rate: expected frames a second, from 0.01 to 10000");
    }
    return photo.find.check();
  }
};

// One video's; one thread uses it at a time. Move-only.
template <class Backend>
class BasicTracker {
 public:
  // An empty one; every call answers invalid_argument.
  BasicTracker() noexcept;
  // The parser needs its finder. Errors: invalid_argument (the options, no finder, no network), out_of_memory.
  static Result<BasicTracker> make(const BasicPhotoParser<Backend>& parser, const TrackOptions& options = {}) noexcept;
  BasicTracker(BasicTracker&&) noexcept;
  BasicTracker& operator=(BasicTracker&&) noexcept;
  ~BasicTracker();

  // The next frame; one of another size than the last begins another scene. Errors: those of BasicPhotoParser::parse;
  // then the next one begins another scene too.
  Status next(const ImageView& frame) noexcept;
  // The same with memory of the caller's for this frame's maps, where `into` has some, instead of that of the options. Where
  // it has room for confidence, that is kept too.
  Status next(const ImageView& frame, const PhotoResults& into) noexcept;
  // Of the last frame; stays until next() is called again. Faces are in the order in which they appeared, and of those that
  // appeared together in that of size. Skipped ones are told of frames in which faces were looked for. Before the first
  // frame, after one that failed, and of an empty tracker: an empty mask and no faces.
  const ParsedPhoto& parsed() const noexcept;
  // A number for each of its faces, from 1 on, that it keeps for as long as it is followed.
  Span<const Index> tracks() const noexcept;

 private:
  std::unique_ptr<core::Tracking<Backend>> state_;
};

using Tracker = BasicTracker<cpu::Backend>;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
