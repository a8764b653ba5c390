// Label numbers of other programs: CelebAMask-HQ's own, and those of BiSeNet, which most programs in the field write.
//
// The three share CelebAMask-HQ's classes under other numbers. LaPa and Helen have fewer: what they lack becomes background,
// but for glasses, which hide skin, and that the other way is what stands there. (Their publishers do not say whether
// ears are skin; here they become background.)
// Sources: the label_list of CelebAMask-HQ's g_mask.py, the attributes of face-parsing.PyTorch's prepropess_data.py.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/nearest_name.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class Numbering : std::uint8_t {
  celeb,       // ours for networks of CelebAMask-HQ: the official SegFace code's
  lapa,        // ours, and the publishers', for LaPa and Helen
  celebamask,  // CelebAMask-HQ's own
  bisenet      // face-parsing.PyTorch, and who took its weights: facefusion, uniface ...
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// What number i means, as one of CelebAMask-HQ's classes: the number in Numbering::celeb.
struct NumberingRow {
  Numbering numbering;
  std::string_view name;
  Span<const std::uint8_t> meanings;
};
inline constexpr std::uint8_t kCelebMeanings[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
inline constexpr std::uint8_t kLapaMeanings[] = {0, 2, 6, 7, 8, 9, 10, 13, 11, 12, 14};
// skin, nose, eye_g, l_eye, r_eye, l_brow, r_brow, l_ear, r_ear, mouth, u_lip, l_lip, hair, hat, ear_r, neck_l, neck, cloth
inline constexpr std::uint8_t kCelebAMaskMeanings[] = {0,  2,  10, 15, 8,  9,  6,  7, 4, 5,
                                                       11, 13, 12, 14, 16, 17, 18, 1, 3};
// skin, l_brow, r_brow, l_eye, r_eye, eye_g, l_ear, r_ear, ear_r, nose, mouth, u_lip, l_lip, neck, neck_l, cloth, hair, hat
inline constexpr std::uint8_t kBiSeNetMeanings[] = {0, 2, 6, 7, 8, 9, 15, 4, 5, 17, 10, 11, 13, 12, 1, 18, 3, 14, 16};
inline constexpr NumberingRow kNumberings[] = {
    {Numbering::celeb, "celeb", kCelebMeanings},
    {Numbering::lapa, "lapa", kLapaMeanings},
    {Numbering::celebamask, "celebamask", kCelebAMaskMeanings},
    {Numbering::bisenet, "bisenet", kBiSeNetMeanings},
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

inline constexpr Numbering numbering_of(Dataset dataset) noexcept {
  return dataset == Dataset::celeb ? Numbering::celeb : Numbering::lapa;
}

// Errors: invalid_argument.
inline Result<Numbering> parse_numbering(std::string_view name) noexcept {
  for (const core::NumberingRow& known : core::kNumberings) {
    if (name == known.name) return known.numbering;
  }
  return core::guarded([&]() -> Result<Numbering> {
    constexpr std::string_view kNames[] = {"celeb", "lapa", "celebamask", "bisenet"};
    return error(Errc::invalid_argument, "numbering '", name, "' is unknown; did you mean ",
                 core::nearest_name(name, kNames), "? Known are celeb, lapa, celebamask and bisenet");
  });
}

// conversion[label] is the same class's number in another numbering; 0 where there is none, and for what is no label.
inline std::array<std::uint8_t, 256> numbering_conversion(Numbering from, Numbering to) noexcept {
  constexpr std::uint8_t kSkin = 2, kGlasses = 15;
  const auto& meanings_from = core::kNumberings[static_cast<std::size_t>(from)].meanings;
  const auto& meanings_to = core::kNumberings[static_cast<std::size_t>(to)].meanings;
  std::array<std::uint8_t, 256> conversion = {};
  for (std::size_t label = 0; label < meanings_from.size(); ++label) {
    const bool hidden = to == Numbering::lapa && meanings_from[label] == kGlasses;
    const std::uint8_t meaning = hidden ? kSkin : meanings_from[label];
    for (std::size_t i = 0; i < meanings_to.size(); ++i) {
      if (meanings_to[i] == meaning) conversion[label] = static_cast<std::uint8_t>(i);
    }
  }
  return conversion;
}

// A grey picture of labels in another numbering. Errors: invalid_argument (not grey), overflow, out_of_memory.
inline Result<Image> renumber(const ImageView& labels, Numbering from, Numbering to) noexcept {
  SEGFACE_RETURN_IF_ERROR(labels.validate());
  if (labels.order != PixelOrder::gray) {
    return error(Errc::invalid_argument, "labels to be numbered anew are in a grey picture, one byte a pixel");
  }
  const std::array<std::uint8_t, 256> conversion = numbering_conversion(from, to);
  SEGFACE_ASSIGN(out, Image::make(labels.width, labels.height, PixelOrder::gray));
  for (Index y = 0; y < labels.height; ++y) {
    std::transform(labels.row(y), labels.row(y) + labels.width, out.row(y),
                   [&](std::uint8_t label) { return conversion[label]; });
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
