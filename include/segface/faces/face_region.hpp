// The part of a photo that a network is to be shown of a face, as the photos were cut that it was trained on.
//
//   celeb   the square of CelebA-HQ, turned with the face
//   helen   a square from brows to chin, turned with the face
//   lapa    an upright square around the face, clipped to the photo; the network's warp turns it
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/align.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/faces/region.hpp"
#include "segface/networks/segface/dataset.hpp"

SEGFACE_BEGIN_NAMESPACE

// `zoom`: sides so many times as long, 1 for the face's own part. Errors: those of check_landmarks, limit_exceeded.
inline Result<Region> face_region(Dataset dataset, const Landmarks& landmarks, Index width, Index height,
                                  double zoom = 1) noexcept {
  constexpr double kLapa = 2.5;  // sides of CelebA-HQ's square: all of the head, with room around it
  SEGFACE_RETURN_IF_ERROR(check_landmarks(landmarks, width, height));
  const AlignedSquare square =
      dataset == Dataset::helen ? AlignedSquare::like_helen(landmarks) : AlignedSquare(landmarks);
  if (dataset != Dataset::lapa) return Region::square(square.scaled(zoom), width, height);
  const AlignedSquare around = square.scaled(kLapa * zoom);
  const double last = static_cast<double>(around.side() - 1) / 2;
  const Point middle = around.to_photo({last, last});
  const auto from = [&](double centre) {
    return static_cast<Index>(std::floor(centre + 0.5 - static_cast<double>(around.side()) / 2));
  };
  const Box box = clip_box({from(middle.x), from(middle.y), around.side(), around.side()}, width, height);
  const bool whole = box.width == width && box.height == height;
  return whole ? Region::whole(width, height) : Region::box(box, width, height);
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
