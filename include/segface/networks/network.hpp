// What the engine asks of a network: a class template on the backend, ready to run, immutable, used by any number of
// threads. SegFace (networks/segface/model.hpp) is one. Of a network N and a backend B, N<B> has
//
//   Weights   its tensors, plain and backend-free, with visit()
//   Given     what a pass is given besides its images, for all of the batch
//   Tables    what follows from the size of the input alone
//   Output    the maps that a pass ends with: a Map, or an aggregate of them
//   Target    where results of one image go that are made without all of the output being in memory
// each of the last four Nothing where there is none, and
//   static Result<N> prepare(const B&, const Weights&)         reads the weights, one tensor at a time
//   const B& backend() const
//   static Status check_input(batch, height, width, given)     whether it takes such images; sides below 1 never
//   Tables tables(run, height, width) const                    in the memory of run; where there are Tables
//   Output operator()(run, tables, image, given) const         image [B, H, W, 3]; (run, image) without Tables and Given
//   void label(run, tables, image, given, target) const        where there is a Target: of one image
//   void label(run, output, target) const                      the same of output that is whole
//
// What passes may differ by besides Tables and Given makes another network: finder and judge of faces are two.
#pragma once

#include <type_traits>

#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE

struct Nothing {};

// A pass of any network.
template <template <class> class Network, class B>
typename Network<B>::Output pass_of(const Network<B>& network, Run<B>& run, const typename Network<B>::Tables& tables,
                                    const ViewOf<B>& image, const typename Network<B>::Given& given) noexcept {
  constexpr bool kNoTables = std::is_same_v<typename Network<B>::Tables, Nothing>;
  if constexpr (kNoTables && std::is_same_v<typename Network<B>::Given, Nothing>) {
    return network(run, image);
  } else {
    return network(run, tables, image, given);
  }
}

SEGFACE_END_NAMESPACE
