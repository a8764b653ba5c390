// ParsedPhoto: what is known of a photo when its faces have been found, parsed, and put back.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/mask.hpp"
#include "segface/faces/region.hpp"
#include "segface/faces/results.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/runs.hpp"

SEGFACE_BEGIN_NAMESPACE

struct PhotoOptions {
  FindOptions find;
  // Looks at a square of twice the side around each face too, which fills what no face's own square holds: hair and
  // clothes whole. Takes twice the time.
  bool surroundings = false;
  // Keeps the confidence of each pixel: 4 bytes.
  bool confidence = false;
  // A matte is made of each of these sets of labels, bit i for label i (see label_mask): 4 bytes a pixel each. A matte is
  // how much of a pixel belongs to the set, 0 to 1, along the photo's own edges; labels are what they are without
  // (but for rounding, as with `logits`, where all of a photo is one part).
  std::vector<std::uint32_t> mattes;
  // Draws labels along the photo's edges: of all classes that of the largest matte, with its value as confidence. Labels
  // are the network's without.
  bool refine = false;
  // Memory of the caller's for maps, which has to stay for as long as the ParsedPhoto that is over it.
  PhotoResults into;
  // Called by the calling thread with the share done, 0 to 1; false cancels.
  std::function<bool(double)> progress;
  // Called by the calling thread with the network's output of each part, before it becomes labels of the photo: those of
  // the faces in their order, then their surroundings. The logits stay for the call alone; a failure ends the work.
  std::function<Status(const Region&, const LogitsView<float>&)> logits;
};

struct ParsedFace {
  struct Area {
    Index pixels = 0;
    Box box = {0, 0, 0, 0};  // the smallest around them
  };

  Face face;
  double confidence = 0;                       // mean probability of the labels, of the network's output
  std::array<Area, kMaxClasses> classes = {};  // of each label, what is this face's
};

// Maps are of the photo's size. Move-only.
struct ParsedPhoto {
  Mask mask;                          // labels; 0 is background, or that nobody looked
  Image numbers;                      // gray: 1 for the first face or part, and so on, where a label is not 0
  Image coverage;                     // gray: 255 in a face's own part, 128 in its surroundings, 0 where nobody looked
  Buffer<float> confidence;           // of each label, 0 where nobody looked; empty unless asked for
  std::vector<Buffer<float>> mattes;  // of PhotoOptions::mattes, in their order: [height, width]; 0 where nobody looked
  std::vector<ParsedFace> faces;      // in the order of Faces::found; none where parts were picked by hand
  std::vector<SkippedFace> skipped;   //

  // Fills the areas of the faces from mask and numbers.
  void measure() noexcept {
    for (Index y = 0; y < mask.height(); ++y) {
      const std::uint8_t* const labels = mask.view().row(y);
      core::for_each_run(numbers.view().row(y), mask.width(), [&](Index first, Index last, std::uint8_t owner) {
        if (owner == 0) return;
        core::for_each_run(labels + first, last - first, [&](Index from, Index to, std::uint8_t label) {
          if (label >= kMaxClasses) return;
          ParsedFace::Area& area = faces[owner - std::size_t{1}].classes[label];
          Box& box = area.box;
          if (area.pixels == 0) box = {first + from, y, 0, 0};
          area.pixels += to - from;
          const Index right = std::max(box.x + box.width, first + to);
          box.x = std::min(box.x, first + from);
          box.width = right - box.x;
          box.height = y + 1 - box.y;
        });
      });
    }
  }
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
