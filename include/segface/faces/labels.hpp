// What the labels mean: classes, colours and groups of the three data sets.
//
// Sides. "image-left" is the side at the left of the picture, which is the subject's right. For celeb, l_* is taken
// as image-left: the decoder's token for label 4 (l_ear) is called rightear, and the official loader's 'human' table
// calls l_ear 'rr', though its 'all' table says the opposite. For lapa and helen "left" is taken the same way.
// None of this was verified on the data sets themselves; if it proves wrong, only these names change.
// Abbreviations mislead: l_lip is the LOWER lip, ear_r an earring, neck_l a necklace, eye_g glasses.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"
#include "segface/networks/segface/dataset.hpp"

SEGFACE_BEGIN_NAMESPACE

struct ClassInfo {
  std::string_view name;      // full words, sides as in the picture
  std::string_view official;  // as the data set's publishers write it
  std::string_view subject;   // full words, sides of the person
  Rgb color;
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

inline constexpr ClassInfo kCelebClasses[] = {
    {"background", "background", "background", {0, 0, 0}},
    {"neck", "neck", "neck", {201, 128, 92}},
    {"skin", "skin", "skin", {242, 188, 148}},
    {"clothes", "cloth", "clothes", {74, 111, 165}},
    {"image-left ear", "l_ear", "subject's right ear", {255, 140, 66}},
    {"image-right ear", "r_ear", "subject's left ear", {214, 90, 49}},
    {"image-left brow", "l_brow", "subject's right brow", {138, 201, 38}},
    {"image-right brow", "r_brow", "subject's left brow", {67, 145, 44}},
    {"image-left eye", "l_eye", "subject's right eye", {0, 180, 216}},
    {"image-right eye", "r_eye", "subject's left eye", {2, 110, 190}},
    {"nose", "nose", "nose", {255, 214, 74}},
    {"inner mouth", "mouth", "inner mouth", {122, 12, 46}},
    {"lower lip", "l_lip", "lower lip", {199, 44, 92}},
    {"upper lip", "u_lip", "upper lip", {244, 110, 150}},
    {"hair", "hair", "hair", {124, 82, 155}},
    {"glasses", "eye_g", "glasses", {64, 224, 190}},
    {"hat", "hat", "hat", {186, 186, 186}},
    {"earring", "ear_r", "earring", {235, 235, 120}},
    {"necklace", "neck_l", "necklace", {160, 120, 30}},
};

// LaPa and Helen have the same classes in the same order.
inline constexpr ClassInfo kLapaClasses[] = {
    {"background", "background", "background", {0, 0, 0}},
    {"skin", "skin", "skin", {242, 188, 148}},
    {"image-left brow", "left brow", "subject's right brow", {138, 201, 38}},
    {"image-right brow", "right brow", "subject's left brow", {67, 145, 44}},
    {"image-left eye", "left eye", "subject's right eye", {0, 180, 216}},
    {"image-right eye", "right eye", "subject's left eye", {2, 110, 190}},
    {"nose", "nose", "nose", {255, 214, 74}},
    {"upper lip", "upper lip", "upper lip", {244, 110, 150}},
    {"inner mouth", "inner mouth", "inner mouth", {122, 12, 46}},
    {"lower lip", "lower lip", "lower lip", {199, 44, 92}},
    {"hair", "hair", "hair", {124, 82, 155}},
};

// The lists of classes, and which of them a data set has.
inline constexpr Span<const ClassInfo> kClassLists[] = {kCelebClasses, kLapaClasses};
constexpr std::size_t class_list(Dataset dataset) noexcept {
  switch (dataset) {
    case Dataset::celeb:
      return 0;
    case Dataset::lapa:
    case Dataset::helen:
      break;
  }
  return 1;
}
static_assert(
    [] {
      for (const DatasetRow& row : kDatasets) {
        if (kClassLists[class_list(row.dataset)].size() != row.tokens.size()) return false;
        if (row.tokens.size() > kMaxClasses) return false;
      }
      return true;
    }(),
    "token i is label i, and labels fit");

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// classes(dataset)[label] describes the label.
inline Span<const ClassInfo> classes(Dataset dataset) noexcept {
  return core::kClassLists[core::class_list(dataset)];
}

// Black for what is no label of the data set.
inline Rgb color_of(Dataset dataset, std::uint8_t label) noexcept {
  const Span<const ClassInfo> known = classes(dataset);
  return label < known.size() ? known[label].color : Rgb{0, 0, 0};
}

// Labels that are often wanted together.
enum class LabelGroup : std::uint8_t {
  skin,   // all bare skin: face, nose, ears, neck
  face,   // the face without ears: skin, brows, eyes, nose, mouth, and glasses, which hide eyes
  brows,  //
  eyes,   //
  ears,   // empty for lapa and helen
  lips,   // without what is between them
  mouth,  // lips and what is between them
  hair
};

// Bit `label` is set where the label is in the group; none for what is no group.
constexpr std::uint32_t label_mask(Dataset dataset, LabelGroup group) noexcept {
  constexpr std::uint32_t kMasks[][8] = {
      // celeb
      {1u << 2 | 1u << 10 | 1u << 4 | 1u << 5 | 1u << 1,
       1u << 2 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 15,
       1u << 6 | 1u << 7, 1u << 8 | 1u << 9, 1u << 4 | 1u << 5, 1u << 12 | 1u << 13, 1u << 11 | 1u << 12 | 1u << 13,
       1u << 14},
      // lapa, helen
      {1u << 1 | 1u << 6, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9,
       1u << 2 | 1u << 3, 1u << 4 | 1u << 5, 0, 1u << 7 | 1u << 9, 1u << 7 | 1u << 8 | 1u << 9, 1u << 10}};
  static_assert(sizeof(kMasks) / sizeof(kMasks[0]) == sizeof(core::kClassLists) / sizeof(core::kClassLists[0]),
                "a row for each list of classes");
  const auto index = static_cast<std::size_t>(group);
  return index < 8 ? kMasks[core::class_list(dataset)][index] : 0;
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
