// BasicPhotoParser: a photo in; its faces found, or parts of it picked by hand, each parsed, and put back; they write
// segface::PhotoParser.
//
// Made of a finder and a parser, cheap to copy; any number of threads use it at a time. Either may be used alone besides.
//
// Declarations only; photo_parser_definitions.hpp defines them, which segface/photo.hpp includes.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <memory>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/finder.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/faces/parsed_photo.hpp"
#include "segface/faces/region.hpp"
#include "segface/image/image.hpp"
#include "segface/parser.hpp"

SEGFACE_BEGIN_CORE

template <class Backend>
class Tracking;
struct PhotoRoom;

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

template <class Backend>
class BasicPhotoParser {
 public:
  // An empty one; every call answers invalid_argument.
  BasicPhotoParser() noexcept = default;
  // Of a finder, which may be empty where faces are always known, and a parser. Errors: out_of_memory.
  static Result<BasicPhotoParser> make(BasicFinder<Backend> finder, BasicParser<Backend> parser) noexcept;
  // Of the files of both, weights/finder.safetensors and a network made by `segface convert`. Errors: those of
  // BasicFinder::load and BasicParser::load.
  static Result<BasicPhotoParser> load(const std::string& finder, const std::string& network,
                                       const Options& options = {}) noexcept;

  // A photo, upright where its file said so (EXIF comes before). No face is an answer, not an error: then all maps are 0.
  // Errors: those of BasicFinder::find and BasicWorkspace::parse, limit_exceeded (more than 255 faces: ask for fewer),
  // buffer_too_small and invalid_argument (memory of the caller's for maps that is too small, or the photo's).
  Result<ParsedPhoto> parse(const ImageView& photo, const PhotoOptions& options = {}) const noexcept;
  // The same of faces that are known: their order is kept, and of each only the landmarks are looked at.
  Result<ParsedPhoto> parse(const ImageView& photo, Faces faces, const PhotoOptions& options = {}) const noexcept;
  // The same of parts that are picked by hand, with the landmarks of each, in pixels of the photo, or none at all. They
  // have no surroundings. Errors: invalid_argument (landmarks of another number of parts), those above.
  Result<ParsedPhoto> parse(const ImageView& photo, Span<const Region> parts, Span<const Landmarks> landmarks,
                            const PhotoOptions& options = {}) const noexcept;

  const BasicFinder<Backend>& finder() const noexcept { return finder_; }
  const BasicParser<Backend>& parser() const noexcept { return parser_; }

 private:
  friend core::Tracking<Backend>;
  struct State;

  // Calls body(PhotoParsing) -> Status for a photo of so many faces or parts, with a workspace that no other call has.
  template <class Body>
  Status with_workspace(const ImageView& photo, std::size_t parts, const PhotoOptions& options, core::PhotoRoom& room,
                        const Body& body) const;

  BasicFinder<Backend> finder_;
  BasicParser<Backend> parser_;
  std::shared_ptr<State> state_;  // workspaces that no call is using
};

using PhotoParser = BasicPhotoParser<cpu::Backend>;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
