// The members of BasicPhotoParser. None is inline, so that a program may compile them once: segface/compiled.hpp.
//
// Each face is parsed by itself, in the part that its network was trained to see, and so is each part picked by hand; its
// logits become labels at the photo's size before the next one is parsed (faces/photo_maps.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/engine/idle_workspaces.hpp"
#include "segface/faces/face_region.hpp"
#include "segface/faces/matte.hpp"
#include "segface/faces/parsing_workspace.hpp"
#include "segface/faces/photo_maps.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/photo_parser.hpp"

SEGFACE_BEGIN_CORE

// Memory of a photo's work. A frame's goes on in that of the frame before.
struct PhotoRoom {
  struct Part {
    Region region;
    const Landmarks* landmarks;  // null where they are not known
    std::uint8_t number;
    bool surroundings = false;
    double confidence = 0;  // once it is parsed
  };

  std::vector<Part> parts;
  std::vector<PhotoPart> places;
  Image cut;
  Buffer<float> planes;  // logits, of a backend whose own the host does not see
  PhotoMapper mapper;
  PartMattes mattes;
  Buffer<float> largest;  // of the mattes of a pixel, where labels are refined
};

// One photo's work. Throws where memory runs out.
template <class Backend>
class PhotoParsing {
 public:
  static constexpr double kSurroundings = 2;  // sides of a face's own part
  // Takes the logits of a face, by its place among the faces, or of its surroundings, and gives those to go on with, which
  // stay until it is called again.
  using Filter = std::function<Result<LogitsView<float>>(std::size_t, bool surroundings, const LogitsView<float>&)>;

  PhotoParsing(const BasicParser<Backend>& parser, BasicWorkspace<Backend>& workspace, const ImageView& photo,
               const PhotoOptions& options, PhotoRoom& room)
      : parser_(parser), workspace_(workspace), photo_(photo), options_(options), room_(room), parts_(room.parts) {
    parts_.clear();
  }

  // Before parse(); it must outlive it.
  void filter_by(const Filter& filter) noexcept { filter_ = &filter; }

  Status parse(const Faces& faces, ParsedPhoto& result) {
    for (const bool surroundings : {false, true}) {
      if (surroundings && !options_.surroundings) break;
      for (std::size_t i = 0; i < faces.found.size(); ++i) {
        const Landmarks& landmarks = faces.found[i].landmarks;
        SEGFACE_ASSIGN(region, face_region(parser_.info().dataset, landmarks, photo_.width, photo_.height,
                                           surroundings ? kSurroundings : 1));
        parts_.push_back({region, &landmarks, static_cast<std::uint8_t>(i + 1), surroundings});
      }
    }
    SEGFACE_RETURN_IF_ERROR(map_parts(result));
    for (std::size_t i = 0; i < faces.found.size(); ++i) {
      result.faces.push_back({faces.found[i], parts_[i].confidence, {}});
    }
    result.measure();
    return {};
  }

  Status parse(Span<const Region> regions, Span<const Landmarks> landmarks, ParsedPhoto& result) {
    for (std::size_t i = 0; i < regions.size(); ++i) {
      parts_.push_back({regions[i], landmarks.empty() ? nullptr : &landmarks[i], static_cast<std::uint8_t>(i + 1)});
    }
    const bool plain = regions.size() == 1 && regions[0].is_whole() && !options_.confidence && !options_.logits &&
                       options_.mattes.empty() && !options_.refine;
    return plain ? label_whole(result) : map_parts(result);
  }

 private:
  using Part = PhotoRoom::Part;

  // All of a photo, by way of logits that are never whole.
  Status label_whole(ParsedPhoto& result) {
    const Part& part = parts_[0];
    SEGFACE_ASSIGN(view, part.region.cut(photo_, room_.cut, &parser_.executor()));
    SEGFACE_RETURN_IF_ERROR(make_maps(result));
    tell_progress(0);
    SEGFACE_RETURN_IF_ERROR(part.landmarks != nullptr ? workspace_.parse(view, *part.landmarks, result.mask)
                                                      : workspace_.parse(view, result.mask));
    parser_.executor().for_each(photo_.height, [&](Index y, Index) {
      const std::uint8_t* const labels = result.mask.view().row(y);
      std::fill_n(result.coverage.row(y), photo_.width, PhotoMaps::kFace);
      std::transform(labels, labels + photo_.width, result.numbers.row(y),
                     [](std::uint8_t label) { return static_cast<std::uint8_t>(label != 0); });
    });
    return {};
  }

  Status map_parts(ParsedPhoto& result) {
    const Index side = parser_.info().resolution;
    SEGFACE_ASSIGN(shape, workspace_.logits_shape(1, side, side));
    const bool own_planes = options_.logits || !ParsingWorkspace<Backend>::kSharesLogits;
    if (own_planes) SEGFACE_RETURN_IF_ERROR(reserve(room_.planes, shape.count()));
    const Span<float> planes = {room_.planes.data(), own_planes ? shape.count() : 0};
    room_.places.clear();
    for (const Part& part : parts_) {
      room_.places.push_back({part.region.map_to(shape.width, shape.height), shape.width, shape.height,
                              part.landmarks != nullptr ? FaceInterior(*part.landmarks) : FaceInterior(), part.number,
                              part.surroundings});
    }
    SEGFACE_RETURN_IF_ERROR(make_maps(result));
    SEGFACE_RETURN_IF_ERROR(result.mask.resize(parser_.info().dataset, photo_.width, photo_.height));
    const PhotoMaps maps = {result.mask.data(),     photo_.width,
                            photo_.height,          result.numbers.data(),
                            result.coverage.data(), options_.confidence ? result.confidence.data() : nullptr};
    PhotoMapper& mapper = room_.mapper;
    SEGFACE_RETURN_IF_ERROR(mapper.begin({room_.places.data(), room_.places.size()}, maps));
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      SEGFACE_ASSIGN(seen, see(i, planes));
      if (filter_ != nullptr) {
        SEGFACE_ASSIGN(filtered, (*filter_)(parts_[i].number - std::size_t{1}, parts_[i].surroundings, seen.logits));
        seen.logits = filtered;
      }
      if (options_.logits) SEGFACE_RETURN_IF_ERROR(options_.logits(parts_[i].region, seen.logits));
      SEGFACE_RETURN_IF_ERROR(mapper.add(i, seen.logits, seen.settled, parser_.executor()));
      if (!options_.mattes.empty()) SEGFACE_RETURN_IF_ERROR(draw_mattes(i, seen.logits, result.mattes));
      if (options_.refine) SEGFACE_RETURN_IF_ERROR(refine(i, seen.logits, result));
      if (parts_[i].surroundings) continue;
      parts_[i].confidence = seen.confidence;
      sum += parts_[i].confidence, ++count;
    }
    mapper.finish(parser_.executor());
    result.mask.finish(count == 0 ? 0 : sum / count);
    return {};
  }

  // Of a part, where labels are its own so far.
  Status draw_mattes(std::size_t part, const LogitsView<float>& logits, std::vector<Buffer<float>>& mattes) {
    const PhotoMapper& mapper = room_.mapper;
    PartMattes& drawn = room_.mattes;
    const Span<const std::uint32_t> sets = {options_.mattes.data(), options_.mattes.size()};
    SEGFACE_RETURN_IF_ERROR(drawn.take(photo_, mapper.placed(part), sets, logits, parser_.executor()));
    for (std::size_t set = 0; set < mattes.size(); ++set) {
      float* const matte = mattes[set].data();
      const Index width = photo_.width;
      SEGFACE_RETURN_IF_ERROR(
          drawn.draw(set, parser_.executor(), [&mapper, part, matte, width](Index x, Index y, float value) {
            const Index at = y * width + x;
            if (mapper.shows(part, at)) matte[at] = std::clamp(value, 0.0f, 1.0f);
          }));
    }
    return {};
  }

  // The labels of a part, where they are its own so far, become those of the largest matte.
  Status refine(std::size_t part, const LogitsView<float>& logits, ParsedPhoto& result) {
    const PhotoMapper& mapper = room_.mapper;
    PartMattes& drawn = room_.mattes;
    const auto pixels = static_cast<std::size_t>(photo_.width * photo_.height);
    SEGFACE_RETURN_IF_ERROR(reserve(room_.largest, pixels));
    std::fill_n(room_.largest.data(), pixels, 0.0f);
    std::uint32_t sets[kMaxClasses];
    for (Index label = 0; label < logits.classes; ++label) sets[label] = 1u << label;
    SEGFACE_RETURN_IF_ERROR(drawn.take(photo_, mapper.placed(part), {sets, static_cast<std::size_t>(logits.classes)},
                                       logits, parser_.executor()));
    float *const largest = room_.largest.data(), *const confidence = result.confidence.data();
    std::uint8_t* const labels = result.mask.data();
    const Index width = photo_.width;
    for (Index label = 0; label < logits.classes; ++label) {
      if (!drawn.leads(label)) continue;
      SEGFACE_RETURN_IF_ERROR(
          drawn.draw(static_cast<std::size_t>(label), parser_.executor(),
                     [&mapper, part, largest, confidence, labels, width, label](Index x, Index y, float value) {
                       const Index at = y * width + x;
                       if (!mapper.shows(part, at) || value <= largest[at]) return;
                       largest[at] = value;
                       labels[at] = static_cast<std::uint8_t>(label);
                       if (confidence != nullptr) confidence[at] = std::min(value, 1.0f);
                     }));
    }
    return {};
  }

  Status make_maps(ParsedPhoto& result) const {
    const PhotoResults& into = options_.into;
    SEGFACE_ASSIGN(labels, room_for("labels", into.labels));
    SEGFACE_ASSIGN(numbers, room_for("numbers", into.numbers));
    SEGFACE_ASSIGN(coverage, room_for("coverage", into.coverage));
    SEGFACE_ASSIGN(numbered, Image::in(std::move(numbers), photo_.width, photo_.height, PixelOrder::gray));
    SEGFACE_ASSIGN(covered, Image::in(std::move(coverage), photo_.width, photo_.height, PixelOrder::gray));
    result.mask = Mask(std::move(labels));
    result.numbers = std::move(numbered);
    result.coverage = std::move(covered);
    const std::size_t sets = options_.mattes.size();
    const auto pixels = static_cast<std::size_t>(photo_.width * photo_.height);
    if (!into.mattes.empty()) SEGFACE_RETURN_IF_ERROR(check_room("mattes", into.mattes, sets));
    for (std::size_t i = 0; i < sets; ++i) {
      SEGFACE_ASSIGN(matte, into.mattes.empty() ? Buffer<float>::make(pixels)
                                                : Buffer<float>::over(into.mattes.subspan(i * pixels, pixels)));
      std::fill(matte.begin(), matte.end(), 0.0f);
      result.mattes.push_back(std::move(matte));
    }
    if (!options_.confidence) return {};
    SEGFACE_ASSIGN(confidence, room_for("confidence", into.confidence));
    result.confidence = std::move(confidence);
    return {};
  }

  // For a map: the caller's, where there is some.
  template <class T>
  Result<Buffer<T>> room_for(const char* map, Span<T> given) const {
    const auto pixels = static_cast<std::size_t>(photo_.width * photo_.height);
    if (given.empty()) return Buffer<T>::make(pixels);
    SEGFACE_RETURN_IF_ERROR(check_room(map, given, 1));
    return Buffer<T>::over({given.data(), pixels});
  }
  template <class T>
  Status check_room(const char* map, Span<T> given, std::size_t planes) const {
    const std::size_t values = planes * static_cast<std::size_t>(photo_.width * photo_.height);
    if (given.size() < values) {
      return error(Errc::buffer_too_small, "room for ", map, " of ", given.size(), " pixels; a photo of ", photo_.width,
                   " x ", photo_.height, " takes ", values);
    }
    const std::less<const void*> before;
    if (before(given.begin(), photo_.pixel(photo_.width, photo_.height - 1)) && before(photo_.pixels, given.end())) {
      return error(Errc::invalid_argument, "the room for ", map,
                   " is memory of the photo, which is still read when they are written; give it memory of its own");
    }
    return {};
  }

  // What the network says of a part; `planes` where the logits are to be there.
  Result<SeenPhoto> see(std::size_t number, Span<float> planes) {
    const Part& part = parts_[number];
    tell_progress(number);
    SEGFACE_ASSIGN(view, part.region.cut(photo_, room_.cut, &parser_.executor()));
    Landmarks landmarks;
    if (part.landmarks != nullptr) landmarks = part.region.from_photo(*part.landmarks);
    const bool settles = filter_ == nullptr && !options_.confidence;  // else other logits are labelled, or all of them
    return workspace_.state_->see(view, part.landmarks != nullptr ? &landmarks : nullptr, planes, settles);
  }

  // Of the part that follows `done` others.
  void tell_progress(std::size_t done) {
    typename BasicWorkspace<Backend>::Progress progress;
    if (options_.progress) {
      progress = [this, done](double share) {
        return options_.progress((static_cast<double>(done) + share) / static_cast<double>(parts_.size()));
      };
    }
    workspace_.on_progress(progress);
  }

  const BasicParser<Backend>& parser_;
  BasicWorkspace<Backend>& workspace_;
  ImageView photo_;
  const PhotoOptions& options_;
  PhotoRoom& room_;
  std::vector<Part>& parts_;
  const Filter* filter_ = nullptr;
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

template <class Backend>
struct BasicPhotoParser<Backend>::State {
  core::IdleWorkspaces<BasicWorkspace<Backend>> idle;

  explicit State(Index most) : idle(most) {}
};

template <class Backend>
Result<BasicPhotoParser<Backend>> BasicPhotoParser<Backend>::load(const std::string& finder, const std::string& network,
                                                                  const Options& options) noexcept {
  SEGFACE_ASSIGN(finds, BasicFinder<Backend>::load(finder, options));
  SEGFACE_ASSIGN(parses, BasicParser<Backend>::load(network, options));
  return make(std::move(finds), std::move(parses));
}
template <class Backend>
Result<BasicPhotoParser<Backend>> BasicPhotoParser<Backend>::make(BasicFinder<Backend> finder,
                                                                  BasicParser<Backend> parser) noexcept {
  return core::guarded([&]() -> Result<BasicPhotoParser> {
    BasicPhotoParser made;
    made.state_ = std::make_shared<State>(parser.empty() ? 0 : parser.threads());
    made.finder_ = std::move(finder);
    made.parser_ = std::move(parser);
    return Result<BasicPhotoParser>(std::move(made));
  });
}

template <class Backend>
Result<ParsedPhoto> BasicPhotoParser<Backend>::parse(const ImageView& photo,
                                                     const PhotoOptions& options) const noexcept {
  SEGFACE_ASSIGN(faces, finder_.find(photo, options.find));
  return parse(photo, std::move(faces), options);
}
template <class Backend>
Result<ParsedPhoto> BasicPhotoParser<Backend>::parse(const ImageView& photo, Faces faces,
                                                     const PhotoOptions& options) const noexcept {
  return core::guarded([&]() -> Result<ParsedPhoto> {
    ParsedPhoto result;
    core::PhotoRoom room;
    SEGFACE_RETURN_IF_ERROR(with_workspace(photo, faces.found.size(), options, room,
                                           [&](auto& parsing) { return parsing.parse(faces, result); }));
    result.skipped = std::move(faces.skipped);
    return Result<ParsedPhoto>(std::move(result));
  });
}
template <class Backend>
Result<ParsedPhoto> BasicPhotoParser<Backend>::parse(const ImageView& photo, Span<const Region> parts,
                                                     Span<const Landmarks> landmarks,
                                                     const PhotoOptions& options) const noexcept {
  return core::guarded([&]() -> Result<ParsedPhoto> {
    if (!landmarks.empty() && landmarks.size() != parts.size()) {
      return error(Errc::invalid_argument, "landmarks of ", landmarks.size(), " parts for ", parts.size(),
                   "; expected five points of each, or none");
    }
    ParsedPhoto result;
    core::PhotoRoom room;
    SEGFACE_RETURN_IF_ERROR(with_workspace(photo, parts.size(), options, room,
                                           [&](auto& parsing) { return parsing.parse(parts, landmarks, result); }));
    return Result<ParsedPhoto>(std::move(result));
  });
}

template <class Backend>
template <class Body>
Status BasicPhotoParser<Backend>::with_workspace(const ImageView& photo, std::size_t parts, const PhotoOptions& options,
                                                 core::PhotoRoom& room, const Body& body) const {
  constexpr std::size_t kMost = 255;  // a byte numbers them
  const core::CancellationGuard guard;
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  if (parser_.empty()) {
    return error(Errc::invalid_argument, "this photo parser has no network; load a weight file first");
  }
  if (parts > kMost) {
    return error(Errc::limit_exceeded, "a photo of ", parts, " faces or parts; at most ", kMost,
                 " are parsed: ask for so many, the largest");
  }
  std::unique_ptr<BasicWorkspace<Backend>> workspace = state_->idle.take();
  if (workspace == nullptr) {
    SEGFACE_ASSIGN(made, parser_.workspace());
    workspace = std::make_unique<BasicWorkspace<Backend>>(std::move(made));
  }
  core::PhotoParsing<Backend> parsing(parser_, *workspace, photo, options, room);
  const Status parsed = body(parsing);
  state_->idle.keep(std::move(workspace));
  return parsed;
}

SEGFACE_END_NAMESPACE
