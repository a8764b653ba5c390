// Compounds: logits to labels, on any size of photo, and to planes, as PyTorch has them.
#pragma once

#include <algorithm>

#include "segface/backends/compound/compound.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/settled_labels.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

// Logits of one image [1, h, w, K] to labels; see label_pixels in image/postprocess.hpp, whose results these are. Where
// the target is much larger than the logits, only what is not settled is interpolated: image/settled_labels.hpp.
template <class B>
void label_map(Run<B>& run, const MapOf<B>& logits, const LabelTarget& target) noexcept {
  using Scalar = HostScalarOf<B>;
  const auto scope = run.scope();
  auto* const room = run.template scratch<std::uint8_t>(logits.rows());
  std::uint8_t* const settled = target.settled != nullptr ? target.settled : room;
  run.read(logits, [&](const HostViewOf<B>& map) {
    const auto view = LogitsView<Scalar>::interleaved(map.data, map.channels, map.width, map.height, map.stride);
    const auto each_row = [&](Index height, const auto& body) {
      run.kernel({}, label_tasks(height), [&](Index task, Index) {
        const LabelRows rows(task, height);
        for (Index y = rows.first; y < rows.last; ++y) body(y);
      });
    };
    const bool pays = target.confidence == nullptr && SettledLabels::pay_for(map.rows(), target.width * target.height);
    const bool settles = pays || target.settled != nullptr;
    if (settles || target.row_confidence != nullptr) {
      each_row(map.height, [&](Index y) {
        if (target.row_confidence != nullptr) target.row_confidence[y] = row_confidence(view, y);
        for (Index i = y * map.width; settles && i < (y + 1) * map.width; ++i) {
          settled[i] = settled_label(map.row(i), map.channels, 1);
        }
      });
    }
    const SettledLabels cells = {settled, map.width, map.height};
    const auto to_logits = AffineMap<Scalar>::scaled(target.width, target.height, map.width, map.height);
    each_row(target.height, [&](Index y) {
      const auto mix = [&](Index first, Index last) { label_run(view, to_logits, target, y, first, last); };
      if (!pays) return mix(0, target.width);
      const auto fill = [&](Index first, Index last, std::uint8_t label) {
        std::fill_n(target.labels + y * target.width + first, last - first, label);
      };
      cells.each_run(to_logits, 0, target.width, y, fill, mix);
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
SEGFACE_END_CORE
