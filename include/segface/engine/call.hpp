// What facades are asked for and tell: options of loading, tensors and their sizes, times of a call.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/precision.hpp"

SEGFACE_BEGIN_NAMESPACE

struct Options {
  // Threads that all calls share: 0 is default_threads() of base/threads/processors.hpp, and never more than this process
  // may keep busy.
  Index threads = 0;
  // Replays the file's self-test after loading (about 20 ms): Errc::mismatch where it does not agree.
  bool self_test = false;
  // Of the cpu backend's products. bf16 takes AVX-512 BF16, and is float32 on a processor without; int8 is fast with AVX-VNNI
  // or AVX-512 VNNI, and slower than float32 without. Backend::has_instructions() tells. What a weight file's recipe says
  // of a layer is the lowest that this layer gets. automatic goes by the recipe and the processor, so that nothing is
  // slower than with float32, and is float32 with other backends.
  Precision precision = Precision::float32;
};

// A normalised input, planar as PyTorch's: [batch, 3, height, width], (rgb / 255 - mean) / std.
struct TensorView {
  const float* data = nullptr;
  Index batch = 0, height = 0, width = 0;
};

// Sizes of the logits for an input: [batch, classes, height, width].
struct LogitsShape {
  Index batch = 0, classes = 0, height = 0, width = 0;

  std::size_t count() const noexcept { return static_cast<std::size_t>(batch * classes * height * width); }
};

// How long a stage of the last call took.
struct StageTime {
  const char* name = "";
  double milliseconds = 0;
};

SEGFACE_END_NAMESPACE
