// A golden, computed again by any backend.
#pragma once

#include <vector>

#include "segface/base/threads/make_executor.hpp"
#include "segface/engine/golden.hpp"
#include "segface/engine/plan.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/faces/warp.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/networks/segface/model.hpp"

namespace networks {

// Runs a pass on a golden's picture with the network of the weight file, every stage compared.
template <class Backend>
segface::Result<std::vector<segface::StageComparison>> replay(const segface::Golden& golden,
                                                              const segface::Image& picture,
                                                              const segface::WeightFile& file, const Backend& backend) {
  using namespace segface;
  SEGFACE_ASSIGN(network, SegFace<Backend>::prepare(backend, file.weights()));
  SEGFACE_ASSIGN(executor, make_executor(0));
  std::vector<TanhWarp> warps;
  if (file.info().warped()) {
    SEGFACE_ASSIGN(numbers, golden.landmarks());
    const Landmarks landmarks = Landmarks::from_numbers(numbers);
    SEGFACE_RETURN_IF_ERROR(check_landmarks(landmarks, picture.width(), picture.height()));
    SEGFACE_ASSIGN(warp, make_tanh_warp(landmarks, picture.width()));
    warps.push_back(warp);
  }
  const Span<const TanhWarp> given = {warps.data(), warps.size()};
  SEGFACE_ASSIGN(plan, (Plan<SegFace, Backend>::make(network, 1, picture.height(), picture.width(), *executor, given)));
  GoldenObserver<HostScalarOf<Backend>> observer(golden);
  const auto fill = [&](const HostMapOf<Backend>& image) {
    normalize(picture.data(), image.rows(), image.data, image.stride);
  };
  SEGFACE_RETURN_IF_ERROR(pass_once(
      network, plan, *executor, &observer, fill, [](const HostMapOf<Backend>&) {}, given));
  SEGFACE_RETURN_IF_ERROR(observer.status());
  return observer.results();
}

}  // namespace networks
