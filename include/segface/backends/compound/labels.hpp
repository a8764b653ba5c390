// Compound: logits to labels, on any size of photo.
#pragma once

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
namespace ops {

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

}  // namespace ops
SEGFACE_END_NAMESPACE
