// The tensors of both networks of a finder, as its weight file has them.
#pragma once

#include "segface/networks/detector/onet.hpp"
#include "segface/networks/detector/yunet.hpp"

SEGFACE_BEGIN_CORE

struct FinderWeights {
  YuNetWeights yunet;
  ONetWeights onet;

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("yunet", yunet);
    v.child("onet", onet);
  }
};

SEGFACE_END_CORE
