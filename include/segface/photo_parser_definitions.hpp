// The members of BasicPhotoParser. None is inline, so that a program may compile them once: segface/compiled.hpp.
//
// Each face is parsed by itself, in the part that its network was trained to see, and its logits are kept, about a
// megabyte a face; labels are made of them at the photo's size, once all are there (faces/photo_maps.hpp).
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

// One photo's work: the logits of its faces, one after the other. Throws where memory runs out.
template <class Backend>
class PhotoParsing {
 public:
  static constexpr double kSurroundings = 2;  // sides of a face's own part

  PhotoParsing(const BasicParser<Backend>& parser, const ImageView& photo, const PhotoOptions& options)
      : parser_(parser), photo_(photo), options_(options) {}

  Status add(BasicWorkspace<Backend>& workspace, const Faces& faces, ParsedPhoto& result) {
    const std::size_t cuts = options_.surroundings ? 2 : 1;
    const Index side = parser_.info().resolution;
    SEGFACE_ASSIGN(shape, workspace.logits_shape(1, side, side));
    double done = 0;
    typename BasicWorkspace<Backend>::Progress progress;
    if (options_.progress) {
      progress = [&](double share) {
        return options_.progress((done + share) / static_cast<double>(cuts * faces.found.size()));
      };
    }
    workspace.on_progress(progress);
    for (std::size_t i = 0; i < faces.found.size(); ++i) {
      for (std::size_t cut = 0; cut < cuts; ++cut, ++done) {
        SEGFACE_ASSIGN(logits, Buffer<float>::make(shape.count()));
        SEGFACE_RETURN_IF_ERROR(parse(workspace, faces.found[i], i, cut == 1, shape, logits));
        logits_.push_back(std::move(logits));
      }
      result.faces.push_back({faces.found[i], mean_confidence(parts_[cuts * i].logits, parser_.executor()), {}});
    }
    return {};
  }

  Status map(ParsedPhoto& result) {
    const Index width = photo_.width, height = photo_.height;
    SEGFACE_RETURN_IF_ERROR(result.mask.resize(parser_.info().dataset, width, height));
    SEGFACE_ASSIGN(numbers, Image::make(width, height, PixelOrder::gray));
    SEGFACE_ASSIGN(coverage, Image::make(width, height, PixelOrder::gray));
    SEGFACE_ASSIGN(confidence, Buffer<float>::make(options_.confidence ? static_cast<std::size_t>(width * height) : 0));
    SEGFACE_ASSIGN(mapper, PhotoMapper::make({parts_.data(), parts_.size()}, width, height));
    mapper.map({result.mask.data(), width, height, numbers.data(), coverage.data(),
                options_.confidence ? confidence.data() : nullptr},
               parser_.executor());
    double sum = 0;
    for (const ParsedFace& face : result.faces) sum += face.confidence;
    result.mask.finish(result.faces.empty() ? 0 : sum / static_cast<double>(result.faces.size()));
    result.numbers = std::move(numbers);
    result.coverage = std::move(coverage);
    result.confidence = std::move(confidence);
    result.measure();
    return {};
  }

 private:
  Status parse(BasicWorkspace<Backend>& workspace, const Face& face, std::size_t index, bool surroundings,
               const LogitsShape& shape, Buffer<float>& logits) {
    SEGFACE_ASSIGN(region, face_region(parser_.info().dataset, face.landmarks, photo_.width, photo_.height,
                                       surroundings ? kSurroundings : 1));
    Image room;
    SEGFACE_ASSIGN(view, region.cut(photo_, room));
    Results results;
    results.logits = logits.span();
    SEGFACE_RETURN_IF_ERROR(workspace.start(view, region.from_photo(face.landmarks), results));
    SEGFACE_RETURN_IF_ERROR(workspace.finish());
    FaceLogits part = {LogitsView<float>::planes(logits.data(), shape.classes, shape.width, shape.height),
                       region.map_to(shape.width, shape.height)};
    part.interior = FaceInterior(face.landmarks);
    part.number = static_cast<std::uint8_t>(index + 1);
    part.surroundings = surroundings;
    parts_.push_back(part);
    return {};
  }

  const BasicParser<Backend>& parser_;
  ImageView photo_;
  const PhotoOptions& options_;
  std::vector<Buffer<float>> logits_;
  std::vector<FaceLogits> parts_;
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
    core::PhotoParsing<Backend> parsing(parser_, photo, options);
    ParsedPhoto result;
    const Status added = parsing.add(*workspace, faces, result);
    state_->idle.keep(std::move(workspace));
    if (!added.ok()) return added;
    SEGFACE_RETURN_IF_ERROR(parsing.map(result));
    result.skipped = std::move(faces.skipped);
    return Result<ParsedPhoto>(std::move(result));
  });
}

SEGFACE_END_NAMESPACE
