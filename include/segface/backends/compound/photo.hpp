// Compound: a photo to the network's input.
#pragma once

#include "segface/backends/compound/compound.hpp"
#include "segface/backends/memory.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/image.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

// Resized by Pillow's bicubic (image/resize.hpp) and normalised (image/preprocess.hpp), on the host. Keeps the tables
// of the last size: a call with the same one allocates nothing.
template <class B>
class PhotoInput {
 public:
  // Takes a photo, of any size and order, for an input of side x side; its pixels must stay until the input has been
  // written. Errors: those of BicubicResize::make, out_of_memory.
  Status take(MemoryOf<B>&, const ImageView& photo, Index side, Executor& executor) noexcept {
    SEGFACE_RETURN_IF_ERROR(resize_.set(photo.width, photo.height, side, side));
    const auto rgb_bytes = static_cast<std::size_t>(side * side * 3);
    SEGFACE_RETURN_IF_ERROR(reserve_amply(pixels_, rgb_bytes + resize_.scratch_bytes()));
    resize_.rgb(photo, pixels_.data(), pixels_.data() + rgb_bytes, executor);
    return {};
  }
  // The photo taken last -> image [1, side, side, 3].
  void give(Run<B>& run, const MapOf<B>& image) const noexcept {
    run.write(image, [&](const HostMapOf<B>& map) { normalize(pixels_.data(), map.rows(), map.data, map.stride); });
  }

  // Bytes it holds.
  std::size_t bytes() const noexcept { return pixels_.size(); }

 private:
  BicubicResize resize_;
  Buffer<std::uint8_t> pixels_;  // the resized photo, then scratch
};

}  // namespace compound
SEGFACE_COMPOUND_OPERAND(PhotoInput)
SEGFACE_END_CORE
