// Compounds: logits to labels, on any size of photo, and to planes, as PyTorch has them.
#pragma once

#include <algorithm>

#include "segface/backends/compound/compound.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/image/postprocess.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace detail {
template <class B, class... A>
auto label_rows(int, const B& backend, const A&... a) noexcept -> decltype(backend.label_rows(a...)) {
  return backend.label_rows(a...);
}
template <class B, class... A>
void label_rows(long, const B&, const A&... a) noexcept {
  segface::label_rows(a...);
}
}  // namespace detail
namespace compound {

// Logits of one image [1, h, w, K] to labels; see label_pixels in image/postprocess.hpp. By the backend's own
// label_rows where it has one.
template <class B>
void label_map(Run<B>& run, const MapOf<B>& logits, const LabelTarget& target) noexcept {
  run.read(logits, [&](const HostViewOf<B>& map) {
    const auto view =
        LogitsView<HostScalarOf<B>>::interleaved(map.data, map.channels, map.width, map.height, map.stride);
    run.kernel({}, label_tasks(target.height), [&](Index task, Index) {
      const LabelRows rows(task, target.height);
      detail::label_rows(0, run.backend(), view, target, rows.first, rows.last);
    });
  });
}

}  // namespace compound
SEGFACE_COMPOUND(label_map)
namespace compound {

// Logits [B, h, w, K] -> out [B, K, h, w]. A task takes pixels that stay in the cache while their classes are taken.
template <class B>
void class_planes(Run<B>& run, const MapOf<B>& logits, const Span<float>& out) noexcept {
  run.read(logits, [&](const HostViewOf<B>& map) {
    constexpr Index kBlock = 512;
    const Index pixels = map.pixels(), blocks = (pixels + kBlock - 1) / kBlock;
    run.executor().for_each(map.batch * blocks, [&](Index task, Index) {
      const Index b = task / blocks, first = task % blocks * kBlock, end = std::min(first + kBlock, pixels);
      for (Index c = 0; c < map.channels; ++c) {
        float* const plane = out.data() + (b * map.channels + c) * pixels;
        for (Index p = first; p < end; ++p) plane[p] = static_cast<float>(map.row(b * pixels + p)[c]);
      }
    });
  });
}

}  // namespace compound
SEGFACE_COMPOUND(class_planes)
SEGFACE_END_NAMESPACE
