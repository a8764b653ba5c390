// One box a face, of many that several cells, sizes and turns gave it.
//
// Boxes are taken from the best to the worst. One goes where it covers much of a better one (intersection over union
// above 0.3), or where its middle lies in a better one and most of the smaller of the two is in both (above 0.6 of it):
// an eye found as a face of its own, a face found with all of its hair.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/faces/overlap.hpp"
#include "segface/networks/detector/cells.hpp"

SEGFACE_BEGIN_CORE

// A box that some cell gave, in pixels of the photo.
struct Proposal {
  FaceBox box;
  int turn = 0;  // quarter turns of the head, clockwise, of the pass that it was found in
};

inline bool same_face(const FaceBox& better, const FaceBox& other) noexcept {
  constexpr double kUnion = 0.3, kSmaller = 0.6;
  const BoxOverlap overlap{BoxEdges(better), BoxEdges(other)};
  if (overlap.both > kUnion * overlap.either) return true;
  const bool middle_inside =
      std::fabs(other.x - better.x) <= better.width / 2 && std::fabs(other.y - better.y) <= better.height / 2;
  return middle_inside && overlap.both > kSmaller * std::min(better.area(), other.area());
}

// The best proposals, at most kMostFaces, none of the same face, the best first; of equal ones the earlier. Throws where
// memory runs out.
inline std::vector<Proposal> distinct(std::vector<Proposal> proposals) {
  constexpr std::size_t kMostProposals = 5000, kMostFaces = 1000;
  std::stable_sort(proposals.begin(), proposals.end(),
                   [](const Proposal& a, const Proposal& b) { return a.box.score > b.box.score; });
  if (proposals.size() > kMostProposals) proposals.resize(kMostProposals);
  std::vector<Proposal> kept;
  for (const Proposal& proposal : proposals) {
    const bool known = std::any_of(kept.begin(), kept.end(),
                                   [&](const Proposal& better) { return same_face(better.box, proposal.box); });
    if (!known && kept.size() < kMostFaces) kept.push_back(proposal);
  }
  return kept;
}

SEGFACE_END_CORE
