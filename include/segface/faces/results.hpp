// Where the results of a call go: memory of the caller's, of the host or, with a backend on a device, of the device.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

struct Results {
  std::uint8_t* labels = nullptr;  // [height, width] of the photo; null where only logits are wanted
  float* confidence = nullptr;     // [height, width]: the label's probability; null where it is not wanted
  Span<float> logits;              // as for BasicWorkspace::parse; empty where they are not wanted
};

// Of a photo, maps of [height, width] without padding, on the host; empty ones are ParsedPhoto's own. None may share memory
// with the photo, which is still read when they are begun.
struct PhotoResults {
  Span<std::uint8_t> labels, numbers, coverage;
  Span<float> confidence;
  Span<float> mattes = {};  // [sets, height, width]
};

SEGFACE_END_NAMESPACE
