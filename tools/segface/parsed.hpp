// A photo's labels, by way of its faces or of the part that was picked by hand.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "segface/faces/face_region.hpp"
#include "segface/faces/photo_maps.hpp"
#include "segface/faces/region.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/photo.hpp"

#include "request.hpp"

namespace tool {

// What is known of a photo, and of the one part that was looked at, where it was one and its logits are wanted.
struct Parsed {
  ParsedPhoto photo;
  std::optional<Region> region;
  Buffer<float> logits;
  LogitsShape shape;

  LogitsView<float> view() const {
    return LogitsView<float>::planes(logits.data(), shape.classes, shape.width, shape.height);
  }
};

// One caller's. `logits`: whether these are wanted, and `confidence` that of each pixel.
template <class Backend>
class PhotoReader {
 public:
  PhotoReader(const Request& request, const BasicPhotoParser<Backend>& parser) : request_(request), parser_(parser) {}

  template <class Progress>
  Result<Parsed> operator()(const ImageView& photo, bool logits, bool confidence, const Progress& progress) {
    PhotoOptions options;
    options.find = request_.find;
    options.surroundings = request_.surroundings;
    options.confidence = confidence;
    options.progress = [&](double share) { return progress(share); };
    Parsed parsed;
    if (!request_.finds_faces()) {
      SEGFACE_ASSIGN(region, region_of(photo));
      SEGFACE_RETURN_IF_ERROR(parse_region(photo, region, request_.landmarks, logits, options, parsed));
      return Result<Parsed>(std::move(parsed));
    }
    SEGFACE_ASSIGN(faces, parser_.finder().find(photo, request_.find));
    if (!logits) {
      SEGFACE_ASSIGN(done, parser_.parse(photo, std::move(faces), options));
      parsed.photo = std::move(done);
      return Result<Parsed>(std::move(parsed));
    }
    if (faces.found.size() != 1) {
      return error(Errc::invalid_argument, faces.found.size(),
                   " faces: logits and probabilities are of one part; say which with --box or --landmarks, or "
                   "take all of the photo with --whole");
    }
    const Face face = faces.found[0];
    SEGFACE_ASSIGN(region, face_region(dataset(), face.landmarks, photo.width, photo.height));
    SEGFACE_RETURN_IF_ERROR(parse_region(photo, region, face.landmarks, logits, options, parsed));
    ParsedPhoto& done = parsed.photo;
    done.faces.push_back({face, done.mask.mean_confidence(), {}});
    done.skipped = std::move(faces.skipped);
    done.measure();
    return Result<Parsed>(std::move(parsed));
  }

 private:
  Dataset dataset() const { return parser_.parser().info().dataset; }

  // The part that is picked by hand.
  Result<Region> region_of(const ImageView& photo) const {
    const auto hinted = [](Result<Region> region, const char* option) -> Result<Region> {
      if (!region.ok() && region.error().code() == Errc::limit_exceeded) return in_context(region.error(), option);
      return region;
    };
    if (request_.box) return hinted(Region::box(*request_.box, photo.width, photo.height), "--box");
    switch (request_.align) {
      case Request::Align::celeba:
        return hinted(Region::aligned(*request_.landmarks, photo.width, photo.height), "--align");
      case Request::Align::helen:
        return hinted(Region::helen(*request_.helen, photo.width, photo.height), "--align");
      case Request::Align::none:
        break;
    }
    return Region::whole(photo.width, photo.height);
  }

  Status parse_region(const ImageView& photo, const Region& region, const std::optional<Landmarks>& landmarks,
                      bool keep_logits, const PhotoOptions& options, Parsed& parsed) {
    if (workspace_ == nullptr) {
      SEGFACE_ASSIGN(made, parser_.parser().workspace());
      workspace_ = std::make_unique<BasicWorkspace<Backend>>(std::move(made));
    }
    workspace_->on_progress(options.progress);
    ParsedPhoto& done = parsed.photo;
    const bool plain = region.is_whole() && !keep_logits && !options.confidence;
    if (plain) {
      SEGFACE_RETURN_IF_ERROR(landmarks ? workspace_->parse(photo, *landmarks, done.mask)
                                        : workspace_->parse(photo, done.mask));
    }
    SEGFACE_ASSIGN(numbers, Image::make(photo.width, photo.height, PixelOrder::gray));
    SEGFACE_ASSIGN(coverage, Image::make(photo.width, photo.height, PixelOrder::gray));
    done.numbers = std::move(numbers);
    done.coverage = std::move(coverage);
    parsed.region = region;
    if (!plain) return map_region(photo, region, landmarks, options, parsed);
    for (Index y = 0; y < photo.height; ++y) {
      std::fill_n(done.coverage.row(y), photo.width, PhotoMaps::kFace);
      std::transform(done.mask.view().row(y), done.mask.view().row(y) + photo.width, done.numbers.row(y),
                     [](std::uint8_t label) { return label == 0 ? std::uint8_t{0} : std::uint8_t{1}; });
    }
    return {};
  }

  // By way of the logits, as faces are put into their photo.
  Status map_region(const ImageView& photo, const Region& region, const std::optional<Landmarks>& landmarks,
                    const PhotoOptions& options, Parsed& parsed) {
    const Index side = parser_.parser().info().resolution;
    SEGFACE_ASSIGN(shape, workspace_->logits_shape(1, side, side));
    SEGFACE_ASSIGN(logits, Buffer<float>::make(shape.count()));
    Image room;
    SEGFACE_ASSIGN(cut, region.cut(photo, room));
    Results results;
    results.logits = logits.span();
    SEGFACE_RETURN_IF_ERROR(landmarks ? workspace_->start(cut, region.from_photo(*landmarks), results)
                                      : workspace_->start(cut, results));
    SEGFACE_RETURN_IF_ERROR(workspace_->finish());
    parsed.shape = shape;
    parsed.logits = std::move(logits);
    ParsedPhoto& done = parsed.photo;
    SEGFACE_RETURN_IF_ERROR(done.mask.resize(dataset(), photo.width, photo.height));
    if (options.confidence) {
      SEGFACE_ASSIGN(confidence, Buffer<float>::make(static_cast<std::size_t>(photo.width * photo.height)));
      done.confidence = std::move(confidence);
    }
    const PhotoPart part = {region.map_to(shape.width, shape.height), shape.width, shape.height};
    const PhotoMaps maps = {done.mask.data(),     photo.width,
                            photo.height,         done.numbers.data(),
                            done.coverage.data(), options.confidence ? done.confidence.data() : nullptr};
    Executor& executor = parser_.parser().executor();
    SEGFACE_ASSIGN(mapper, PhotoMapper::make({&part, 1}, maps));
    SEGFACE_RETURN_IF_ERROR(mapper.add(0, parsed.view(), executor));
    mapper.finish(executor);
    done.mask.finish(mean_confidence(parsed.view(), executor));
    return {};
  }

  const Request& request_;
  const BasicPhotoParser<Backend>& parser_;
  std::unique_ptr<BasicWorkspace<Backend>> workspace_;  // of parts picked by hand, made when it is needed
};

}  // namespace tool
