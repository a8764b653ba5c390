// The C interface: loading, finding, parsing. Needs compiled.cpp, or segface::compiled, linked.
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "segface/c/call.hpp"
#include "segface/c/photos.hpp"
#include "segface/compiled.hpp"
#include "segface/engine/finder_file.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/layers/precision_recipe.hpp"

using namespace segface;
using segface::core::c::answer;
using segface::core::c::check_given;
using segface::core::c::FaceRoom;
using segface::core::c::find_options;
using segface::core::c::give_back;
using segface::core::c::kMostFaces;
using segface::core::c::make_handle;
using segface::core::c::maps_in;
using segface::core::c::photo_options;
using segface::core::c::take;
using segface::core::c::view_of;

struct segface_workspace {
  Workspace own;
  std::atomic<bool> busy{false};  // from before its callback is set until its call has ended
};

static_assert(SEGFACE_VERSION == 1000000 * SEGFACE_VERSION_MAJOR + 1000 * SEGFACE_VERSION_MINOR + SEGFACE_VERSION_PATCH,
              "segface.h and base/config.hpp are of one version");
static_assert(SEGFACE_INTERNAL == static_cast<int>(Errc::internal) && SEGFACE_BUSY == static_cast<int>(Errc::busy) &&
                  SEGFACE_SHAPE_MISMATCH == static_cast<int>(Errc::shape_mismatch),
              "a status is an Errc");
static_assert(SEGFACE_INT8 == static_cast<int>(Precision::int8) &&
                  SEGFACE_AUTO == static_cast<int>(Precision::automatic),
              "a precision is a Precision");

namespace {

// Loads what is given, by two functions that return Results.
template <class LoadNetwork, class LoadFinder>
segface_status load(bool network, bool finder, const segface_options* options, segface_parser** parser,
                    LoadNetwork&& load_network, LoadFinder&& load_finder) noexcept {
  return make_handle(parser, "the place for the handle", [&]() -> Status {
    SEGFACE_ASSIGN(asked, take(options, "segface_options"));
    if (!network && !finder) {
      return error(Errc::invalid_argument, "neither a network nor a finder is given; name the file of one, or of both");
    }
    if (asked.threads < 0) {
      return error(Errc::invalid_argument, "threads: ", asked.threads, "; expected a count, or 0 for all");
    }
    if (asked.precision < SEGFACE_FLOAT32 || asked.precision > SEGFACE_AUTO) {
      return error(Errc::invalid_argument, "precision: ", asked.precision,
                   "; expected SEGFACE_FLOAT32, SEGFACE_BF16, SEGFACE_INT8 or SEGFACE_AUTO");
    }
    Options known;
    known.threads = asked.threads;
    known.precision = static_cast<Precision>(asked.precision);
    known.self_test = asked.self_test != 0;
    Finder finds;
    if (finder) {
      SEGFACE_ASSIGN(loaded, load_finder(known));
      finds = std::move(loaded);
    }
    Parser parses;
    if (network) {
      SEGFACE_ASSIGN(loaded, load_network(known));
      parses = std::move(loaded);
    }
    SEGFACE_ASSIGN(both, PhotoParser::make(std::move(finds), std::move(parses)));
    *parser = new segface_parser{std::move(both)};
    return {};
  });
}

Landmarks landmarks_of(const double* numbers) noexcept {
  std::array<double, 10> xy;
  std::copy_n(numbers, xy.size(), xy.begin());
  return Landmarks::from_numbers(xy);
}

Result<Faces> known_faces(const segface_photo_options& asked, const FaceRoom& room) {
  if (room.wanted() && room.found_room() < asked.known_count) {
    return error(Errc::buffer_too_small, asked.known_count, " known faces need room for as many, got ",
                 room.found_room());
  }
  Faces faces;
  faces.found.reserve(std::min(asked.known_count, kMostFaces + 1));
  for (std::size_t i = 0; i < asked.known_count; ++i) {
    const segface_face& known = asked.known[i];
    Face face;
    face.box = {known.x, known.y, known.width, known.height};
    face.landmarks = landmarks_of(known.landmarks);
    face.score = known.score;
    face.probability = known.probability;
    face.roll = known.roll;
    faces.found.push_back(face);
  }
  return Result<Faces>(std::move(faces));
}

// What a photo is parsed in, where it is picked by hand.
struct Picked {
  std::vector<Region> regions;
  std::vector<Landmarks> landmarks;

  Status add(const segface_region* given, const ImageView& photo) {
    SEGFACE_ASSIGN(asked, take(given, "segface_region"));
    SEGFACE_ASSIGN(region, region_of(asked, photo));
    regions.push_back(region);
    if (asked.landmarks == nullptr) return {};
    landmarks.push_back(asked.kind == SEGFACE_REGION_HELEN ? helen_landmarks(helen_points(asked.landmarks))
                                                           : landmarks_of(asked.landmarks));
    return {};
  }

 private:
  static HelenPoints helen_points(const double* numbers) noexcept {
    HelenPoints points;
    for (std::size_t i = 0; i < points.size(); ++i) points[i] = {numbers[2 * i], numbers[2 * i + 1]};
    return points;
  }
  static Result<Region> region_of(const segface_region& asked, const ImageView& photo) {
    switch (asked.kind) {
      case SEGFACE_REGION_WHOLE:
        return Region::whole(photo.width, photo.height);
      case SEGFACE_REGION_BOX:
        return Region::box({asked.x, asked.y, asked.width, asked.height}, photo.width, photo.height);
      case SEGFACE_REGION_CELEBA:
        SEGFACE_RETURN_IF_ERROR(check_given(asked.landmarks, "`landmarks` of SEGFACE_REGION_CELEBA"));
        return Region::aligned(landmarks_of(asked.landmarks), photo.width, photo.height);
      case SEGFACE_REGION_HELEN:
        SEGFACE_RETURN_IF_ERROR(check_given(asked.landmarks, "`landmarks` of SEGFACE_REGION_HELEN"));
        return Region::helen(helen_points(asked.landmarks), photo.width, photo.height);
      default:
        return error(Errc::invalid_argument, asked.kind, " is no kind of region; set `kind` to SEGFACE_REGION_WHOLE, ",
                     "SEGFACE_REGION_BOX, SEGFACE_REGION_CELEBA or SEGFACE_REGION_HELEN");
    }
  }
};

Result<Picked> picked_regions(const segface_photo_options& asked, const ImageView& photo) {
  if (asked.known != nullptr) {
    return error(Errc::invalid_argument, "`known` faces and `regions` are both given; leave one out");
  }
  Picked picked;
  const auto* at = reinterpret_cast<const unsigned char*>(asked.regions);
  for (std::size_t i = 0; i < asked.region_count; ++i) {
    const auto* const given = reinterpret_cast<const segface_region*>(at);
    const Status added = picked.add(given, photo);
    if (!added.ok()) return in_context(added, "region ", i + 1);
    at += given->size;
  }
  return Result<Picked>(std::move(picked));
}

}  // namespace

std::uint32_t segface_version(void) {
  return SEGFACE_VERSION;
}
const char* segface_last_error(void) {
  return core::c::last_failure().message();
}
const char* segface_status_name(segface_status status) {
  return status >= SEGFACE_OK && status <= SEGFACE_INTERNAL ? errc_name(static_cast<Errc>(status)) : "unknown";
}

segface_status segface_load(const char* network, const char* finder, const segface_options* options,
                            segface_parser** parser) {
  return load(
      network != nullptr, finder != nullptr, options, parser,
      [&](const Options& o) { return Parser::load(network, o); },
      [&](const Options& o) { return Finder::load(finder, o); });
}
segface_status segface_load_memory(const void* network, size_t network_size, const void* finder, size_t finder_size,
                                   const segface_options* options, segface_parser** parser) {
  const auto bytes = [](const void* data, std::size_t size) {
    return Bytes(static_cast<const std::uint8_t*>(data), size);
  };
  return load(
      network != nullptr, finder != nullptr, options, parser,
      [&](const Options& o) { return Parser::from_memory(bytes(network, network_size), o); },
      [&](const Options& o) { return Finder::from_memory(bytes(finder, finder_size), o); });
}
void segface_free(segface_parser* parser) {
  delete parser;
}

segface_status segface_get_info(const segface_parser* parser, segface_info* info) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(parser, "the parser"));
    SEGFACE_RETURN_IF_ERROR(check_given(info, "the place for the info"));
    SEGFACE_ASSIGN(told, take(info, "segface_info"));
    told = {};
    told.backbone = told.source_digest = told.finder_origin = told.finder_terms = "";
    told.dataset = -1;
    const Parser& network = parser->both.parser();
    if (!network.empty()) {
      const NetworkInfo& known = network.info();
      SEGFACE_ASSIGN(workspace, network.workspace());
      SEGFACE_ASSIGN(shape, workspace.logits_shape(1, known.resolution, known.resolution));
      told.backbone = backbone_name(known.backbone);
      told.source_digest = known.source_digest.c_str();
      told.dataset = static_cast<std::int32_t>(known.dataset);
      told.classes = static_cast<std::int32_t>(known.classes());
      told.resolution = static_cast<std::int32_t>(known.resolution);
      told.needs_landmarks = known.warped() ? 1 : 0;
      told.logits_height = static_cast<std::int32_t>(shape.height);
      told.logits_width = static_cast<std::int32_t>(shape.width);
      told.threads = static_cast<std::int32_t>(network.threads());
      told.precision = static_cast<std::int32_t>(network.rounded().lowest());
    }
    const Finder& finder = parser->both.finder();
    if (!finder.empty()) {
      told.finder_origin = finder.info().origin.c_str();
      told.finder_terms = finder.info().terms.c_str();
    }
    give_back(told, info);
    return {};
  });
}

segface_status segface_find(const segface_parser* parser, const segface_image* photo,
                            const segface_find_options* options, segface_faces* faces) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(parser, "the parser"));
    SEGFACE_ASSIGN(view, view_of(photo, "the photo"));
    SEGFACE_ASSIGN(asked, find_options(options));
    SEGFACE_RETURN_IF_ERROR(check_given(faces, "the room for faces"));
    FaceRoom room;
    SEGFACE_RETURN_IF_ERROR(room.take_from(faces));
    if (room.found_room() == 0) {
      return error(Errc::buffer_too_small, "there is room for no face; set `found` and `found_room`");
    }
    asked.most = static_cast<Index>(std::min<std::size_t>(room.found_room(), PTRDIFF_MAX));
    SEGFACE_ASSIGN(found, parser->both.finder().find(view, asked));
    for (const Face& face : found.found) room.add(face, 0);
    for (const SkippedFace& face : found.skipped) room.add(face);
    room.finish();
    return {};
  });
}

segface_status segface_parse_photo(const segface_parser* parser, const segface_image* photo,
                                   const segface_photo_options* options, segface_photo_results* results) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(parser, "the parser"));
    SEGFACE_ASSIGN(view, view_of(photo, "the photo"));
    SEGFACE_ASSIGN(asked, take(options, "segface_photo_options"));
    SEGFACE_RETURN_IF_ERROR(check_given(results, "the results"));
    SEGFACE_ASSIGN(wanted, take(results, "segface_photo_results"));
    FaceRoom room;
    SEGFACE_RETURN_IF_ERROR(room.take_from(wanted.faces));

    SEGFACE_ASSIGN(known, photo_options(asked));
    known.find.most = static_cast<Index>(room.wanted() ? std::min(room.found_room(), kMostFaces) : kMostFaces);
    known.confidence = wanted.confidence != nullptr;
    if (wanted.mattes == nullptr) known.mattes.clear();
    SEGFACE_ASSIGN(maps, maps_in(wanted, view, known.mattes.size()));
    known.into = maps;
    const auto parse = [&]() -> Result<ParsedPhoto> {
      if (asked.regions != nullptr) {
        SEGFACE_ASSIGN(picked, picked_regions(asked, view));
        return parser->both.parse(view, {picked.regions.data(), picked.regions.size()},
                                  {picked.landmarks.data(), picked.landmarks.size()}, known);
      }
      if (known.find.most == 0) return error(Errc::buffer_too_small, "there is room for no face; set `found_room`");
      if (asked.known == nullptr) return parser->both.parse(view, known);
      SEGFACE_ASSIGN(faces, known_faces(asked, room));
      return parser->both.parse(view, std::move(faces), known);
    };
    SEGFACE_ASSIGN(parsed, parse());

    room.tell(parsed);
    return {};
  });
}

segface_status segface_workspace_new(const segface_parser* parser, segface_workspace** workspace) {
  return make_handle(workspace, "the place for the handle", [&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(parser, "the parser"));
    SEGFACE_ASSIGN(own, parser->both.parser().workspace());
    *workspace = new segface_workspace{std::move(own), {}};
    return {};
  });
}
void segface_workspace_free(segface_workspace* workspace) {
  delete workspace;
}

segface_status segface_parse_crop(segface_workspace* workspace, const segface_image* crop,
                                  const segface_crop_options* options, const segface_crop_results* results) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(workspace, "the workspace"));
    SEGFACE_ASSIGN(view, view_of(crop, "the crop"));
    SEGFACE_ASSIGN(asked, take(options, "segface_crop_options"));
    SEGFACE_RETURN_IF_ERROR(check_given(results, "the results"));
    SEGFACE_ASSIGN(wanted, take(results, "segface_crop_results"));
    if (wanted.logits != nullptr && wanted.logits_room == 0) {
      return error(Errc::buffer_too_small,
                   "there is room for no logits; set `logits_room` to the floats that they take");
    }
    Results known;
    known.labels = wanted.labels;
    known.confidence = wanted.confidence;
    if (wanted.logits != nullptr) known.logits = {wanted.logits, wanted.logits_room};
    if (workspace->busy.exchange(true, std::memory_order_acquire)) {
      return error(Errc::busy, "this workspace is in use by another call; give each thread one of its own");
    }
    const segface_crop_options* const call = &asked;  // a pointer alone is kept without memory of its own
    const auto parse = [&]() -> Status {
      Workspace& own = workspace->own;
      own.on_progress({});
      if (asked.progress != nullptr) {
        own.on_progress([call](double share) { return call->progress(share, call->context) != 0; });
      }
      SEGFACE_RETURN_IF_ERROR(asked.landmarks == nullptr ? own.start(view, known)
                                                         : own.start(view, landmarks_of(asked.landmarks), known));
      return own.finish();
    };
    const Status status = parse();
    workspace->busy.store(false, std::memory_order_release);
    return status;
  });
}
