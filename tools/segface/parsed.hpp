// A photo's labels, by way of its faces or of the part that was picked by hand.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "segface/faces/region.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/photo.hpp"

#include "request.hpp"

namespace tool {

// What is known of a photo, and of the one part that was looked at, where its logits are wanted. Mattes are those of
// Request::mattes, and then that of the cutout.
struct Parsed {
  ParsedPhoto photo;
  std::optional<Region> region;
  LogitsView<float> logits = {};
  Buffer<float> room;  // of the logits

  Status keep(const Region& part, const LogitsView<float>& of_part) {
    if (region) return {};  // of a face; its surroundings follow
    const auto count = static_cast<std::size_t>(of_part.classes * of_part.class_stride);
    SEGFACE_ASSIGN(made, Buffer<float>::make(count));
    std::copy_n(of_part.data, count, made.data());
    room = std::move(made);
    logits = LogitsView<float>::planes(room.data(), of_part.classes, of_part.width, of_part.height);
    region = part;
    return {};
  }
};

// The part that is picked by hand.
inline Result<Region> region_of(const Request& request, const ImageView& photo) {
  const auto hinted = [](Result<Region> region, const char* option) -> Result<Region> {
    if (!region.ok() && region.error().code() == Errc::limit_exceeded) return in_context(region.error(), option);
    return region;
  };
  if (request.box) return hinted(Region::box(*request.box, photo.width, photo.height), "--box");
  switch (request.align) {
    case Request::Align::celeba:
      return hinted(Region::aligned(*request.landmarks, photo.width, photo.height), "--align");
    case Request::Align::helen:
      return hinted(Region::helen(*request.helen, photo.width, photo.height), "--align");
    case Request::Align::none:
      break;
  }
  return Region::whole(photo.width, photo.height);
}

// `logits`: whether these are wanted, and `confidence` that of each pixel. progress(share) is false where it is to stop.
template <class Backend, class Progress>
Result<Parsed> parse_photo(const BasicPhotoParser<Backend>& parser, const Request& request, const ImageView& photo,
                           bool logits, bool confidence, const Progress& progress) {
  Parsed parsed;
  PhotoOptions options;
  options.find = request.find;
  options.surroundings = request.surroundings;
  options.confidence = confidence;
  options.refine = request.refine;
  for (const Request::Class& wanted : request.mattes) options.mattes.push_back(wanted.labels);
  if (request.cutout != 0) options.mattes.push_back(request.cutout);
  options.progress = [&](double share) { return progress(share); };
  if (logits) {
    options.logits = [&](const Region& region, const LogitsView<float>& of_part) {
      return parsed.keep(region, of_part);
    };
  }
  if (!request.finds_faces()) {
    SEGFACE_ASSIGN(region, region_of(request, photo));
    const Span<const Landmarks> landmarks =
        request.landmarks ? Span<const Landmarks>(&*request.landmarks, 1) : Span<const Landmarks>();
    SEGFACE_ASSIGN(done, parser.parse(photo, {&region, 1}, landmarks, options));
    parsed.photo = std::move(done);
    return Result<Parsed>(std::move(parsed));
  }
  SEGFACE_ASSIGN(faces, parser.finder().find(photo, request.find));
  if (logits && faces.found.size() != 1) {
    return error(Errc::invalid_argument, faces.found.size(),
                 " faces: logits and probabilities are of one part; say which with --box or --landmarks, or "
                 "take all of the photo with --whole");
  }
  SEGFACE_ASSIGN(done, parser.parse(photo, std::move(faces), options));
  parsed.photo = std::move(done);
  return Result<Parsed>(std::move(parsed));
}

}  // namespace tool
