// The four maps that a backbone hands to the decoder, at strides 4, 8, 16 and 32.
#pragma once

#include <array>

#include "segface/backends/run.hpp"

SEGFACE_BEGIN_CORE

template <class B>
class Taps {
 public:
  // The next map, finest first; ends the stage of its name.
  void add(Run<B>& run, const ViewOf<B>& map) noexcept {
    constexpr const char* kStages[] = {"feature0", "feature1", "feature2", "feature3"};
    run.stage(kStages[count_], map);
    maps_[count_++] = map;
  }
  const std::array<ViewOf<B>, 4>& maps() const noexcept { return maps_; }

 private:
  std::array<ViewOf<B>, 4> maps_;
  std::size_t count_ = 0;
};

SEGFACE_END_CORE
