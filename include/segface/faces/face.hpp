// Found faces: what a finder tells of each, of those it left out, and what it can be asked for.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cmath>
#include <cstdint>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/landmarks.hpp"

SEGFACE_BEGIN_NAMESPACE

// A rectangle with sides along the photo's, in pixels of the photo from the outer edge of its first pixel; it may reach
// outside.
struct FaceRectangle {
  double x = 0, y = 0, width = 0, height = 0;

  // Pixels along the longer side: a face's size.
  double size() const noexcept { return width > height ? width : height; }
};

struct Face {
  FaceRectangle box;
  // The subject's right eye first, at any turn of the head: see Landmarks. A face at the photo's edge may have points
  // outside.
  Landmarks landmarks;
  double score = 0;        // of the network that finds, 0 to 1
  double probability = 0;  // that it is a face, says the network that places the points, 0 to 1
  double roll = 0;         // degrees that the head is turned by, clockwise in the picture: above -180, at most 180

  double size() const noexcept { return box.size(); }
};

// Why a face was left out.
enum class SkipReason : std::uint8_t {
  uncertain,      // neither network is sure
  small,          // fewer pixels than FindOptions::smallest
  smaller_share,  // smaller beside the largest than FindOptions::smallest_share
  beyond_most     // FindOptions::most larger ones were found
};
inline const char* skip_reason(SkipReason reason) noexcept {
  switch (reason) {
    case SkipReason::uncertain:
      return "uncertain";
    case SkipReason::small:
      return "small";
    case SkipReason::smaller_share:
      return "small beside the largest";
    case SkipReason::beyond_most:
      return "beyond the most that were asked for";
  }
  return "";
}

struct SkippedFace {
  FaceRectangle box;
  double score = 0;
  SkipReason reason = SkipReason::uncertain;
};

// Both in the order of size, the largest first; of equal ones the one further left, then the one further up.
struct Faces {
  std::vector<Face> found;
  std::vector<SkippedFace> skipped;
};

struct FindOptions {
  // Most faces, the largest; 0: all.
  Index most = 0;
  // Smallest face: in pixels of the photo, and in parts of the largest face found. See Face::size.
  double smallest = 0;
  double smallest_share = 0;
  // Score from which a face counts, above 0 and at most 1, where the network that places the points thinks so too: a
  // probability of 0.7. From a third of it on it counts where that network is sure: a probability of 0.93.
  double threshold = 0.6;
  // 4: heads turned any way; 1: only those within about 60 degrees of upright, in less time.
  int turns = 4;
  // Looks at the photo in its own size too: for faces smaller than a fiftieth of its longer side.
  bool small_faces = false;

  // Errors: invalid_argument, with the reason.
  Status check() const noexcept {
    if (most < 0) return error(Errc::invalid_argument, "most faces: ", most, "; expected a count, or 0 for all");
    if (!(smallest >= 0) || !std::isfinite(smallest)) {
      return error(Errc::invalid_argument, "smallest face: expected pixels, a finite number from 0 on");
    }
    if (!(smallest_share >= 0 && smallest_share <= 1)) {
      return error(Errc::invalid_argument, "smallest face beside the largest: expected a part, 0 to 1");
    }
    if (!(threshold > 0 && threshold <= 1)) {
      return error(Errc::invalid_argument, "threshold: expected a score above 0 and at most 1");
    }
    if (turns != 1 && turns != 4) return error(Errc::invalid_argument, "turns: ", turns, "; expected 1 or 4");
    return {};
  }
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
