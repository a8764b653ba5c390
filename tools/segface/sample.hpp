// One photo of a data set as the official loaders hand it to the network: photo, true labels and landmarks, all brought
// to the network's resolution.
//
// Photos by Pillow's BICUBIC, labels by its NEAREST, both straight to R x R. CelebAMask-HQ: the parts are laid over
// each other in the order of their labels, a later one where it is not 0. Helen: photo and labels are cut to the square
// of the 68 points first.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "segface/faces/landmark_file.hpp"
#include "segface/faces/metrics.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"

#include "dataset_folder.hpp"

namespace tool {

struct LoadedSample {
  Image photo;                         // RGB [R, R]
  Image truth;                         // gray [R, R]: labels and 255
  std::optional<Landmarks> landmarks;  // in pixels of `photo`
  bool same_shape = true;              // whether photo and labels were stretched alike
};

// The parts PATH_neck.png .. PATH_neck_l.png in one picture; a part without a file is not in the photo.
// Errors: io (there is no part at all), bad_format (sizes differ), as load_image.
inline Result<Image> merge_celeb_parts(const std::string& front) {
  Image merged;
  const Span<const ClassInfo> parts = classes(Dataset::celeb);
  for (std::size_t label = 1; label < parts.size(); ++label) {
    const std::string path = front + std::string(parts[label].official) + ".png";
    if (!file_id(path)) continue;
    SEGFACE_ASSIGN(part, load_image(path));
    if (merged.empty()) {
      SEGFACE_ASSIGN(background, Image::make(part.width(), part.height(), PixelOrder::gray));
      std::memset(background.data(), 0, background.size_bytes());
      merged = std::move(background);
    }
    if (part.width() != merged.width() || part.height() != merged.height()) {
      return error(Errc::bad_format, path, ": ", part.width(), " x ", part.height(),
                   " pixels, the parts before it have ", merged.width(), " x ", merged.height());
    }
    for (Index y = 0; y < part.height(); ++y) {
      for (Index x = 0; x < part.width(); ++x) {
        if (part.rgb(x, y) != Rgb{0, 0, 0}) merged.row(y)[x] = static_cast<std::uint8_t>(label);
      }
    }
  }
  if (merged.empty()) return error(Errc::io, front, "*.png: no file of any part is there");
  return Result<Image>(std::move(merged));
}

// Five points, or LaPa's 106.
inline Result<Landmarks> read_landmark_file(const std::string& path) {
  SEGFACE_ASSIGN(bytes, read_file(path, std::size_t{1} << 20));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto landmarks = read_face_landmarks(text);
  if (!landmarks.ok()) return in_context(landmarks.error(), path);
  return landmarks;
}

// Whether labels lie on their side against the photo: one is wide and the other high, as where a photo is turned by its
// EXIF orientation and its labels are not.
inline bool are_turned(const Image& photo, const Image& truth) {
  constexpr double kClear = 1.05;  // sides nearer to each other than this may be so by rounding
  const auto ratio = [](const Image& image) {
    return static_cast<double>(image.width()) / static_cast<double>(image.height());
  };
  const double a = ratio(photo), b = ratio(truth);
  const bool swapped =
      photo.width() == truth.height() && photo.height() == truth.width() && photo.width() != photo.height();
  return swapped || (a > kClear && b < 1 / kClear) || (a < 1 / kClear && b > kClear);
}

// `warped`: whether the network needs landmarks. Errors: of the files, which the message names.
inline Result<LoadedSample> load_sample(const DatasetFolder& folder, const Sample& sample, Index side, bool warped) {
  SEGFACE_ASSIGN(photo, load_image(sample.photo));
  SEGFACE_ASSIGN(truth, folder.layout == Layout::celeb ? merge_celeb_parts(sample.labels) : load_labels(sample.labels));
  if (are_turned(photo, truth)) {
    return error(Errc::bad_format, sample.labels, ": ", truth.width(), " x ", truth.height(),
                 " pixels, but the photo has ", photo.width(), " x ", photo.height(),
                 ": one is turned against the other; photos are turned as their ",
                 "EXIF orientation says, so turn the labels too");
  }
  const bool same_size = photo.width() == truth.width() && photo.height() == truth.height();
  if (!same_size && (folder.layout == Layout::lapa || folder.layout == Layout::helen)) {
    return error(Errc::bad_format, sample.labels, ": ", truth.width(), " x ", truth.height(), " pixels, the photo has ",
                 photo.width(), " x ", photo.height());
  }
  LoadedSample loaded;
  loaded.same_shape = photo.width() * truth.height() == photo.height() * truth.width();
  if (folder.layout == Layout::helen) {
    const auto points = read_helen_points(folder.points, sample.name);
    if (!points.ok()) return in_context(points.error(), sample.photo, ": landmarks.txt");
    const Box box = helen_box(*points, photo.width(), photo.height());
    const auto cut = [&](Image& picture) -> Status {
      SEGFACE_ASSIGN(inside, crop(picture.view(), box));
      picture = std::move(inside);
      return {};
    };
    SEGFACE_RETURN_IF_ERROR(in_context(cut(photo), sample.photo, ": the square of the landmarks"));
    SEGFACE_RETURN_IF_ERROR(in_context(cut(truth), sample.labels, ": the square of the landmarks"));
    if (warped)
      loaded.landmarks = helen_landmarks(*points).moved(-static_cast<double>(box.x), -static_cast<double>(box.y));
  } else if (warped) {
    if (folder.layout == Layout::celeb) {
      return error(Errc::invalid_argument, sample.photo, ": this network needs landmarks, CelebAMask-HQ has none");
    }
    SEGFACE_ASSIGN(landmarks, read_landmark_file(sample.landmarks));
    loaded.landmarks = landmarks;
  }
  if (loaded.landmarks) {
    const auto r = static_cast<double>(side);
    loaded.landmarks =
        loaded.landmarks->scaled(r / static_cast<double>(photo.width()), r / static_cast<double>(photo.height()));
  }
  SEGFACE_ASSIGN(small, resize_bicubic(photo.view(), side, side));
  SEGFACE_ASSIGN(labels, resize_labels(truth.view(), side, side));
  loaded.photo = std::move(small);
  loaded.truth = std::move(labels);
  return Result<LoadedSample>(std::move(loaded));
}

}  // namespace tool
