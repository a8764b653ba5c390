// Which of SegFace's networks a source of tensors holds, told by trying them all.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstddef>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/networks/segface/backbones/backbone.hpp"
#include "segface/networks/segface/dataset.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

// A kind of network, as its tensors tell it.
struct Variant {
  Backbone backbone = Backbone::mobilenet;
  Dataset dataset = Dataset::celeb;  // lapa also where it is helen: no tensor tells these two apart
};

// The kind of network whose tensors `source` holds exactly. Errors: missing_tensor, shape_mismatch, with what differs
// from the nearest kind; unexpected_tensor (a whole network, and tensors that are not of it).
inline Result<Variant> detect_variant(const TensorSource& source) noexcept {
  return guarded([&]() -> Result<Variant> {
    const NameIndex names(source);
    Variant nearest;
    std::size_t most = 0;
    for (const BackboneRow& row : kBackbones) {
      for (const DatasetRow& data : kDatasets) {
        if (data.dataset == Dataset::helen) continue;  // the tensors of lapa
        SegFaceWeights weights(row.backbone, data.dataset);
        const Mismatch mismatch = match(weights, source, names);
        if (mismatch.none()) return Variant{row.backbone, data.dataset};
        if (mismatch.matched > most) nearest = {row.backbone, data.dataset};
        most = std::max(most, mismatch.matched);
      }
    }
    SegFaceWeights weights(nearest.backbone, nearest.dataset);
    const Status status = bind(weights, source);
    const char* const backbone = backbone_name(nearest.backbone);
    const Index classes = class_count(nearest.dataset);
    if (status.code() == Errc::unexpected_tensor) {
      return in_context(status, "this is a whole ", backbone, " with ", classes,
                        " classes and tensors that are not its own, which must be left out");
    }
    return in_context(status, "this is none of the networks known here; the nearest is ", backbone, " with ", classes,
                      " classes");
  });
}

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
