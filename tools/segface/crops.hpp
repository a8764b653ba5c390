// Crops: what a network sees of photos, at its own size, each face a picture: by the finder, or photos as they are.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/face_region.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"
#include "segface/photo.hpp"

#include "output.hpp"
#include "photo_list.hpp"

namespace tool {

struct Crop {
  std::string photo;
  Image picture;                       // RGB, as large as the network's input
  std::optional<Landmarks> landmarks;  // in pixels of it
};

struct Crops {
  static constexpr std::size_t kMost = 256;  // more would tell nothing new, and take 1 MB each

  std::vector<Crop> list;
  std::size_t photos = 0, without_face = 0;

  // A part of a photo, with the face's landmarks or null. Errors: out_of_memory.
  Status add(const std::string& photo, const ImageView& view, const Region& region, const Landmarks* landmarks,
             Index side) {
    Image room;
    SEGFACE_ASSIGN(part, region.cut(view, room));
    SEGFACE_ASSIGN(picture, resize_bicubic(part, side, side));
    list.push_back({photo, std::move(picture), {}});
    if (landmarks == nullptr) return {};
    const auto to = static_cast<double>(side);
    list.back().landmarks = region.from_photo(*landmarks)
                                .scaled(to / static_cast<double>(part.width), to / static_cast<double>(part.height));
    return {};
  }
};

// Reads photos one after the other until there are enough. `finder`: empty where photos are crops of one face already.
// Photos without a face are told on standard error. Errors: of the first photo that cannot be read; unsupported_image
// (no face anywhere), cancelled.
inline Result<Crops> read_crops(const std::vector<Photo>& photos, const NetworkInfo& info, const Finder& finder) {
  Crops crops;
  Progress progress("reading photos");
  for (const Photo& photo : photos) {
    if (crops.list.size() >= Crops::kMost) break;
    if (!progress(static_cast<double>(crops.photos) / static_cast<double>(photos.size()))) {
      return error(Errc::cancelled, "interrupted");
    }
    ++crops.photos;
    SEGFACE_ASSIGN(image, load_image(photo.path));
    const ImageView view = image.view();
    if (finder.empty()) {
      SEGFACE_RETURN_IF_ERROR(in_context(
          crops.add(photo.path, view, Region::whole(view.width, view.height), nullptr, info.resolution), photo.path));
      continue;
    }
    SEGFACE_ASSIGN(faces, finder.find(view));
    for (const Face& face : faces.found) {
      if (crops.list.size() >= Crops::kMost) break;
      SEGFACE_ASSIGN(region, face_region(info.dataset, face.landmarks, view.width, view.height));
      SEGFACE_RETURN_IF_ERROR(
          in_context(crops.add(photo.path, view, region, &face.landmarks, info.resolution), photo.path));
    }
    if (faces.found.empty()) {
      ++crops.without_face;
      std::fprintf(stderr, "segface: %s: no face was found, left out\n", shown(photo.path).c_str());
    }
  }
  if (!crops.list.empty()) return Result<Crops>(std::move(crops));
  return error(Errc::unsupported_image, "no face was found in any of the ", crops.photos,
               " photos; take others, or --whole, if each is a crop of one face");
}

}  // namespace tool
