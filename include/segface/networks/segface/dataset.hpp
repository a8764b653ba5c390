// The data sets that networks were trained on, one row each.
//
// Trap: lapa and helen have the same tokens, and so the same tensors; only lapa's networks warp faces.
#pragma once

#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/nearest_name.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class Dataset : std::uint8_t { celeb, lapa, helen };

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Official names of the class tokens, in label order, which is not alphabetical.
inline constexpr const char* kCelebTokens[] = {"background", "neck",       "face",     "cloth",    "rightear",
                                               "leftear",    "rightbro",   "leftbro",  "righteye", "lefteye",
                                               "nose",       "innermouth", "lowerlip", "upperlip", "hair",
                                               "glass",      "hat",        "earring",  "necklace"};
inline constexpr const char* kLapaTokens[] = {"background", "face",     "leftbro",    "rightbro", "lefteye", "righteye",
                                              "nose",       "upperlip", "innermouth", "lowerlip", "hair"};

struct DatasetRow {
  Dataset dataset;
  std::string_view name;
  Span<const char* const> tokens;
  bool warped;  // faces are put in a standard place first, for which five landmarks are needed
};
inline constexpr DatasetRow kDatasets[] = {
    {Dataset::celeb, "celeb", kCelebTokens, false},
    {Dataset::lapa, "lapa", kLapaTokens, true},
    {Dataset::helen, "helen", kLapaTokens, false},
};
inline constexpr const DatasetRow& row(Dataset dataset) noexcept {
  return kDatasets[static_cast<std::size_t>(dataset)];
}
static_assert(
    [] {
      std::size_t at = 0;
      for (const DatasetRow& known : kDatasets) {
        if (static_cast<std::size_t>(known.dataset) != at++) return false;
      }
      return true;
    }(),
    "rows stand in the order of Dataset");

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

inline std::string_view dataset_name(Dataset dataset) noexcept {
  return core::row(dataset).name;
}

inline Index class_count(Dataset dataset) noexcept {
  return static_cast<Index>(core::row(dataset).tokens.size());
}

// Reads dataset_name(), and celeba as the released folders spell it. Errors: invalid_argument.
inline Result<Dataset> parse_dataset(std::string_view name) noexcept {
  for (const core::DatasetRow& known : core::kDatasets) {
    if (name == known.name) return known.dataset;
  }
  if (name == "celeba") return Dataset::celeb;
  return core::guarded([&]() -> Result<Dataset> {
    constexpr std::string_view kNames[] = {"celeb", "lapa", "helen"};
    return error(Errc::invalid_argument, "data set '", name, "' is unknown; did you mean ",
                 core::nearest_name(name, kNames), "? Known are celeb, lapa and helen");
  });
}

SEGFACE_END_NAMESPACE
