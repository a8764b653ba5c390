// The members of BasicPhotoParser. None is inline, so that a program may compile them once: segface/compiled.hpp.
//
// Each face is parsed by itself, in the part that its network was trained to see; its logits become labels at the photo's
// size before the next one is parsed (faces/photo_maps.hpp).
#pragma once

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
#include "segface/faces/photo_maps.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/photo_parser.hpp"

SEGFACE_BEGIN_CORE

// One photo's work. Throws where memory runs out.
template <class Backend>
class PhotoParsing {
 public:
  static constexpr double kSurroundings = 2;  // sides of a face's own part

  PhotoParsing(const BasicParser<Backend>& parser, BasicWorkspace<Backend>& workspace, const ImageView& photo,
               const PhotoOptions& options)
      : parser_(parser), workspace_(workspace), photo_(photo), options_(options) {}

  Status parse(const Faces& faces, ParsedPhoto& result) {
    const Index side = parser_.info().resolution;
    SEGFACE_ASSIGN(shape, workspace_.logits_shape(1, side, side));
    shape_ = shape;
    SEGFACE_ASSIGN(logits, Buffer<float>::make(shape.count()));
    logits_ = std::move(logits);
    for (const bool surroundings : {false, true}) {
      if (surroundings && !options_.surroundings) break;
      for (std::size_t i = 0; i < faces.found.size(); ++i) {
        SEGFACE_RETURN_IF_ERROR(place(faces.found[i].landmarks, i, surroundings));
      }
    }
    SEGFACE_ASSIGN(maps, make_maps(result));
    SEGFACE_ASSIGN(mapper, PhotoMapper::make({parts_.data(), parts_.size()}, maps));
    double sum = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const Face& face = faces.found[parts_[i].number - std::size_t{1}];
      SEGFACE_RETURN_IF_ERROR(show(regions_[i], face.landmarks, i));
      const auto view = LogitsView<float>::planes(logits_.data(), shape.classes, shape.width, shape.height);
      SEGFACE_RETURN_IF_ERROR(mapper.add(i, view, parser_.executor()));
      if (parts_[i].surroundings) continue;
      result.faces.push_back({face, mean_confidence(view, parser_.executor()), {}});
      sum += result.faces.back().confidence;
    }
    mapper.finish(parser_.executor());
    result.mask.finish(faces.found.empty() ? 0 : sum / static_cast<double>(faces.found.size()));
    result.measure();
    return {};
  }

 private:
  Status place(const Landmarks& landmarks, std::size_t index, bool surroundings) {
    SEGFACE_ASSIGN(region, face_region(parser_.info().dataset, landmarks, photo_.width, photo_.height,
                                       surroundings ? kSurroundings : 1));
    regions_.push_back(region);
    parts_.push_back({region.map_to(shape_.width, shape_.height), shape_.width, shape_.height, FaceInterior(landmarks),
                      static_cast<std::uint8_t>(index + 1), surroundings});
    return {};
  }

  Result<PhotoMaps> make_maps(ParsedPhoto& result) const {
    const Index width = photo_.width, height = photo_.height;
    SEGFACE_RETURN_IF_ERROR(result.mask.resize(parser_.info().dataset, width, height));
    SEGFACE_ASSIGN(numbers, Image::make(width, height, PixelOrder::gray));
    SEGFACE_ASSIGN(coverage, Image::make(width, height, PixelOrder::gray));
    SEGFACE_ASSIGN(confidence, Buffer<float>::make(options_.confidence ? static_cast<std::size_t>(width * height) : 0));
    result.numbers = std::move(numbers);
    result.coverage = std::move(coverage);
    result.confidence = std::move(confidence);
    return PhotoMaps{result.mask.data(),
                     width,
                     height,
                     result.numbers.data(),
                     result.coverage.data(),
                     options_.confidence ? result.confidence.data() : nullptr};
  }

  // Fills logits_ from what the network sees of a region, the `done`-th of all parts.
  Status show(const Region& region, const Landmarks& landmarks, std::size_t done) {
    typename BasicWorkspace<Backend>::Progress progress;
    if (options_.progress) {
      progress = [this, done](double share) {
        return options_.progress((static_cast<double>(done) + share) / static_cast<double>(parts_.size()));
      };
    }
    workspace_.on_progress(progress);
    Image room;
    SEGFACE_ASSIGN(view, region.cut(photo_, room));
    Results results;
    results.logits = logits_.span();
    SEGFACE_RETURN_IF_ERROR(workspace_.start(view, region.from_photo(landmarks), results));
    return workspace_.finish();
  }

  const BasicParser<Backend>& parser_;
  BasicWorkspace<Backend>& workspace_;
  ImageView photo_;
  const PhotoOptions& options_;
  LogitsShape shape_;
  Buffer<float> logits_;  // of the part that is being parsed
  std::vector<Region> regions_;
  std::vector<PhotoPart> parts_;  // of each region
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
  const core::CancellationGuard guard;
  return core::guarded([&]() -> Result<ParsedPhoto> {
    constexpr std::size_t kMost = 255;  // a byte numbers them
    SEGFACE_RETURN_IF_ERROR(photo.validate());
    if (parser_.empty()) {
      return error(Errc::invalid_argument, "this photo parser has no network; load a weight file first");
    }
    if (faces.found.size() > kMost) {
      return error(Errc::limit_exceeded, "a photo of ", faces.found.size(), " faces; at most ", kMost,
                   " are parsed: ask for so many, the largest");
    }
    std::unique_ptr<BasicWorkspace<Backend>> workspace = state_->idle.take();
    if (workspace == nullptr) {
      SEGFACE_ASSIGN(made, parser_.workspace());
      workspace = std::make_unique<BasicWorkspace<Backend>>(std::move(made));
    }
    ParsedPhoto result;
    const Status parsed = core::PhotoParsing<Backend>(parser_, *workspace, photo, options).parse(faces, result);
    state_->idle.keep(std::move(workspace));
    if (!parsed.ok()) return parsed;
    result.skipped = std::move(faces.skipped);
    return Result<ParsedPhoto>(std::move(result));
  });
}

SEGFACE_END_NAMESPACE
