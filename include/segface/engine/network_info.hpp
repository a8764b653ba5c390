// What a weight file says about its network.
#pragma once

#include <string>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/networks/segface/backbones/backbone.hpp"
#include "segface/networks/segface/dataset.hpp"

SEGFACE_BEGIN_NAMESPACE

struct NetworkInfo {
  Backbone backbone = Backbone::mobilenet;
  Dataset dataset = Dataset::celeb;
  Index resolution = 512;     // side of the square the photo is resized to
  DType dtype = DType::f32;   // of the stored tensors
  std::string source_digest;  // of the checkpoint it was converted from: "fnv1a64:" and 16 digits

  Index classes() const noexcept { return class_count(dataset); }
  // Whether faces are warped to a standard one first, for which five landmarks are needed.
  bool warped() const noexcept { return core::row(dataset).warped; }
};

SEGFACE_END_NAMESPACE
