// Compound: logits to labels. Unlike the others it runs after the pass, on any size of photo.
#pragma once

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

// See label_pixels in image/postprocess.hpp; by the backend's own label_rows where it has one.
template <class B>
void label_pixels(const B& backend, const LogitsView<typename B::Scalar>& logits, const LabelTarget& target,
                  Executor& executor) noexcept {
  for_label_rows(target.height, executor,
                 [&](Index first, Index last) { detail::label_rows(0, backend, logits, target, first, last); });
}

}  // namespace ops
SEGFACE_END_NAMESPACE
