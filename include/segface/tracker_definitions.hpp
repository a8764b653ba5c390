// The members of BasicTracker. None is inline, so that a program may compile them once: segface/compiled.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/finder_definitions.hpp"
#include "segface/faces/overlap.hpp"
#include "segface/faces/track.hpp"
#include "segface/image/scene_cut.hpp"
#include "segface/photo_parser_definitions.hpp"
#include "segface/tracker.hpp"

SEGFACE_BEGIN_CORE

// A tracker's work and memory. Throws where memory runs out.
template <class Backend>
class Tracking {
 public:
  Tracking(const BasicPhotoParser<Backend>& parser, const TrackOptions& options)
      : parser_(parser), options_(options), of_frame_(options.photo) {
    // Where nothing is ahead, what was before weighs so much that it is half forgotten in a fifth of a second.
    constexpr double kSeconds = 0.3;
    const double frames = kSeconds * options.smooth * options.rate;
    keep_ = frames > 0 ? static_cast<float>(std::exp(-1 / frames)) : 0;
    filter_ = [this](std::size_t face, bool surroundings, const LogitsView<float>& seen) {
      Track& track = *tracks_[face];
      const auto still = static_cast<float>(track.stillness());
      return track.logits(surroundings).add(seen, keep_, still, parser_.parser().executor());
    };
  }

  Status next(const ImageView& frame, const PhotoResults& into) {
    const Status status = guarded([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(frame.validate());
      return parse(frame, into);
    });
    if (!status.ok()) {
      forget();
      numbers_.clear();
      result_ = {};
    }
    return status;
  }

  const ParsedPhoto& parsed() const noexcept { return result_; }
  Span<const Index> numbers() const noexcept { return {numbers_.data(), numbers_.size()}; }

 private:
  using Tracks = std::vector<std::unique_ptr<Track>>;

  void forget() noexcept {
    tracks_.clear();
    cut_.forget();
    since_find_ = -1;
  }

  Status parse(const ImageView& frame, const PhotoResults& into) {
    if (frame.width != width_ || frame.height != height_) {
      forget();
      width_ = frame.width, height_ = frame.height;
    }
    if (cut_.is_cut(frame)) {
      tracks_.clear();
      since_find_ = -1;
    }
    std::vector<SkippedFace> skipped;
    const bool finds = since_find_ < 0 || since_find_ + 1 >= options_.every;
    if (finds) {
      const FindOptions wanted = next_find();
      SEGFACE_ASSIGN(faces, parser_.finder().find(frame, wanted));
      skipped = std::move(faces.skipped);
      if (options_.smooth > 0) SEGFACE_RETURN_IF_ERROR(follow(frame));
      SEGFACE_RETURN_IF_ERROR(assign(frame, faces.found, wanted.turns == 1));
    } else {
      SEGFACE_RETURN_IF_ERROR(follow(frame));
    }
    since_find_ = finds ? 0 : since_find_ + 1;
    // A face that moved out of the frame is none any more.
    tracks_.erase(std::remove_if(tracks_.begin(), tracks_.end(),
                                 [&](const std::unique_ptr<Track>& track) {
                                   return !check_landmarks(track->face().landmarks, width_, height_).ok();
                                 }),
                  tracks_.end());
    SEGFACE_RETURN_IF_ERROR(label(frame, into));
    result_.skipped = std::move(skipped);
    return {};
  }

  // In every second find of a scene, heads that are turned far are left out.
  FindOptions next_find() noexcept {
    FindOptions wanted = options_.photo.find;
    const bool all = since_find_ < 0 || options_.smooth == 0 || !found_all_;
    if (!all) wanted.turns = 1;
    found_all_ = all;
    return wanted;
  }

  // Gives the faces that were found to the tracks, each to that which it covers most of, and begins others. Without
  // smoothing, faces are those that were found, in their order.
  Status assign(const ImageView& frame, const std::vector<Face>& found, bool upright) {
    struct Pair {
      double overlap;
      std::size_t track, face;
    };
    std::vector<Pair> pairs;
    for (std::size_t t = 0; t < tracks_.size(); ++t) {
      for (std::size_t f = 0; f < found.size(); ++f) {
        const double same = BoxOverlap(BoxEdges(tracks_[t]->face().box), BoxEdges(found[f].box)).share();
        if (same > Track::kSameFace) pairs.push_back({same, t, f});
      }
    }
    std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.overlap > b.overlap; });
    constexpr std::size_t kNone = SIZE_MAX;
    std::vector<std::size_t> face_of(tracks_.size(), kNone), track_of(found.size(), kNone);
    for (const Pair& pair : pairs) {
      if (face_of[pair.track] != kNone || track_of[pair.face] != kNone) continue;
      face_of[pair.track] = pair.face, track_of[pair.face] = pair.track;
      tracks_[pair.track]->find(found[pair.face], options_.smooth);
    }
    Tracks kept;
    const bool smooth = options_.smooth > 0;
    // Those that were not found go on where the others leave room for them.
    std::size_t room = std::max(most(), found.size()) - found.size();
    for (std::size_t t = 0; t < tracks_.size() && smooth; ++t) {
      const bool missed = face_of[t] == kNone;
      if (missed && (room == 0 || !tracks_[t]->miss(upright))) continue;
      if (missed) --room;
      kept.push_back(std::move(tracks_[t]));
    }
    std::vector<Track*> begun;
    for (std::size_t f = 0; f < found.size(); ++f) {
      const bool known = track_of[f] != kNone;
      if (known && smooth) continue;
      kept.push_back(known ? std::move(tracks_[track_of[f]]) : std::make_unique<Track>(++last_number_, found[f]));
      begun.push_back(kept.back().get());
    }
    tracks_ = std::move(kept);
    return options_.every > 1 || smooth ? settle(frame, begun) : Status();
  }

  // Faces at a time.
  std::size_t most() const noexcept {
    constexpr std::size_t kMost = 255;  // a byte numbers them
    const auto asked = static_cast<std::size_t>(options_.photo.find.most);
    return asked == 0 ? kMost : asked;
  }

  // Asks O-Net until its windows are those that it is asked in later.
  Status settle(const ImageView& frame, const std::vector<Track*>& tracks) {
    constexpr int kTimes = 3;
    for (int i = 0; i < kTimes && !tracks.empty(); ++i) {
      windows_.clear();
      for (const Track* track : tracks) windows_.push_back(track->window());
      SEGFACE_RETURN_IF_ERROR(ask(frame));
      for (std::size_t t = 0; t < tracks.size(); ++t) {
        const WindowAnswer& answer = answers_[t];
        tracks[t]->settle(answer.landmarks, answer.better_window(), answer.difference > 0 && is_plausible(answer),
                          options_.smooth);
      }
    }
    return {};
  }

  // The answers to windows_.
  Status ask(const ImageView& frame) {
    return parser_.finder().shared_->with_workspace(
        [&](auto& workspace) { return workspace.follow(frame, windows_, answers_); });
  }
  bool is_plausible(const WindowAnswer& answer) const noexcept {
    return check_landmarks(answer.landmarks, width_, height_).ok();
  }

  Status follow(const ImageView& frame) {
    if (tracks_.empty()) return {};
    windows_.clear();
    for (const std::unique_ptr<Track>& track : tracks_) windows_.push_back(track->window());
    SEGFACE_RETURN_IF_ERROR(ask(frame));
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      tracks_[i]->follow(answers_[i].landmarks, sigmoid(answers_[i].difference), is_plausible(answers_[i]),
                         1 / options_.rate, options_.smooth);
    }
    return {};
  }

  // Labels of the tracks' faces, into memory that is kept, or the caller's.
  Status label(const ImageView& frame, const PhotoResults& into) {
    numbers_.clear();
    faces_.found.clear();
    for (const std::unique_ptr<Track>& track : tracks_) {
      numbers_.push_back(track->number());
      faces_.found.push_back(track->face());
    }
    SEGFACE_RETURN_IF_ERROR(give_memory(into));
    result_.faces.clear();
    result_.mattes.clear();
    result_.confidence = {};
    return parser_.with_workspace(frame, faces_.found.size(), of_frame_, room_, [&](auto& parsing) {
      if (options_.smooth > 0) parsing.filter_by(filter_);
      return parsing.parse(faces_, result_);
    });
  }

  // The first that there is: of this frame's caller, of the options, of the tracker's own.
  Status give_memory(const PhotoResults& into) {
    const PhotoResults& always = options_.photo.into;
    const auto pixels = static_cast<std::size_t>(width_ * height_);
    const auto give = [](const auto& first, const auto& second, auto& room, std::size_t count, auto& span) -> Status {
      span = first.empty() ? second : first;
      if (!span.empty() || count == 0) return {};
      SEGFACE_RETURN_IF_ERROR(reserve(room, count));
      span = room.span().subspan(0, count);
      return {};
    };
    of_frame_.confidence = options_.photo.confidence || !into.confidence.empty();
    PhotoResults& maps = of_frame_.into;
    SEGFACE_RETURN_IF_ERROR(give(into.labels, always.labels, labels_, pixels, maps.labels));
    SEGFACE_RETURN_IF_ERROR(give(into.numbers, always.numbers, owners_, pixels, maps.numbers));
    SEGFACE_RETURN_IF_ERROR(give(into.coverage, always.coverage, coverage_, pixels, maps.coverage));
    SEGFACE_RETURN_IF_ERROR(
        give(into.confidence, always.confidence, confidence_, of_frame_.confidence ? pixels : 0, maps.confidence));
    return give(into.mattes, always.mattes, mattes_, of_frame_.mattes.size() * pixels, maps.mattes);
  }

  BasicPhotoParser<Backend> parser_;
  TrackOptions options_;
  PhotoOptions of_frame_;
  float keep_ = 0;
  typename PhotoParsing<Backend>::Filter filter_;
  Index width_ = 0, height_ = 0;  // of the last frame
  SceneCut cut_;
  Tracks tracks_;
  Index last_number_ = 0;
  Index since_find_ = -1;   // frames since faces were looked for; -1: they must be
  bool found_all_ = false;  // by the last find, at any turn
  std::vector<TurnedWindow> windows_;
  std::vector<WindowAnswer> answers_;
  Faces faces_;
  std::vector<Index> numbers_;
  ParsedPhoto result_;
  Buffer<std::uint8_t> labels_, owners_, coverage_;  // the result's maps
  Buffer<float> confidence_, mattes_;
  PhotoRoom room_;
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

template <class Backend>
Result<BasicTracker<Backend>> BasicTracker<Backend>::make(const BasicPhotoParser<Backend>& parser,
                                                          const TrackOptions& options) noexcept {
  return core::guarded([&]() -> Result<BasicTracker> {
    SEGFACE_RETURN_IF_ERROR(options.check());
    if (parser.finder().empty() || parser.parser().empty()) {
      return error(Errc::invalid_argument, "a tracker needs a photo parser with a ",
                   parser.finder().empty() ? "finder" : "network", ", but this one has none; load both");
    }
    BasicTracker tracker;
    tracker.state_ = std::make_unique<core::Tracking<Backend>>(parser, options);
    return Result<BasicTracker>(std::move(tracker));
  });
}

template <class Backend>
BasicTracker<Backend>::BasicTracker() noexcept = default;
template <class Backend>
BasicTracker<Backend>::BasicTracker(BasicTracker&&) noexcept = default;
template <class Backend>
BasicTracker<Backend>& BasicTracker<Backend>::operator=(BasicTracker&&) noexcept = default;
template <class Backend>
BasicTracker<Backend>::~BasicTracker() = default;

template <class Backend>
Status BasicTracker<Backend>::next(const ImageView& frame, const PhotoResults& into) noexcept {
  if (state_ == nullptr) {
    return error(Errc::invalid_argument, "this tracker is empty or was moved from; make one of a photo parser first");
  }
  return state_->next(frame, into);
}
template <class Backend>
Status BasicTracker<Backend>::next(const ImageView& frame) noexcept {
  return next(frame, {});
}
template <class Backend>
const ParsedPhoto& BasicTracker<Backend>::parsed() const noexcept {
  static const ParsedPhoto nothing = {};
  return state_ == nullptr ? nothing : state_->parsed();
}
template <class Backend>
Span<const Index> BasicTracker<Backend>::tracks() const noexcept {
  return state_ == nullptr ? Span<const Index>() : state_->numbers();
}

SEGFACE_END_NAMESPACE
