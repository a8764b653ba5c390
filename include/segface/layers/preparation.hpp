// Preparation: turns weights into a backend's operands, reading tensor by tensor; the first failure sticks. It knows the
// tensors' names, so it is here that each layer gets the precision of its products.
//
// Layers are built by constructors that take a Preparation and their XWeights. A constructor cannot return a
// Status, so the Preparation keeps the first one: build the whole tree, then look at status().
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/layers/precision_recipe.hpp"
#include "segface/tensors/visit.hpp"

SEGFACE_BEGIN_CORE

// Whether an operand knows a precision of its products: a backend's that rounds.
template <class Operand, class = void>
inline constexpr bool kHasPrecision = false;
template <class Operand>
inline constexpr bool kHasPrecision<Operand, std::void_t<decltype(std::declval<const Operand&>().precision())>> = true;

template <class Backend>
class Preparation {
 public:
  explicit Preparation(const Backend& backend) noexcept : backend_(backend) {}
  // With the lowest precision of each layer's products, or null.
  Preparation(const Backend& backend, const PrecisionRecipe* recipe) noexcept : backend_(backend), recipe_(recipe) {}
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  const Backend& backend() const noexcept { return backend_; }
  const Status& status() const noexcept { return status_; }

  // The tensor's values; empty after a failure.
  Buffer<float> read(const Weight& weight) noexcept {
    if (!status_.ok()) return {};
    return keep(weight.read());
  }

  // The value, or an empty one and the failure remembered.
  template <class T>
  T keep(Result<T> result) noexcept {
    if (!result.ok()) {
      if (status_.ok()) status_ = result.error();
      return T();
    }
    return *std::move(result);
  }

  // An operand made by `make(backend)`, a Result; an empty one after a failure.
  template <class Make>
  auto operand(const Make& make) noexcept {
    using Operand = std::decay_t<decltype(*make(backend_))>;
    return status_.ok() ? keep(make(backend_)) : Operand();
  }
  // The same of a layer's products with the matrix that `weight` holds: no less exact than the recipe says.
  template <class Make>
  auto operand(const Weight& weight, const Make& make) noexcept {
    using Operand = std::decay_t<decltype(*make(backend_))>;
    if (!status_.ok()) return Operand();
    const std::string_view layer = layer_of(weight.source->info(weight.index).name);
    const Precision lowest = recipe_ == nullptr ? backend_.precision() : recipe_->lowest(layer);
    Operand made = keep(make(lowest < backend_.precision() ? exact_backend(lowest) : backend_));
    if constexpr (kHasPrecision<Operand>) note_used(layer, made.precision());
    return made;
  }

  // The layers whose products are rounded, each with the precision that it got.
  PrecisionRecipe take_used() noexcept { return std::move(used_); }

  void fail(const Status& status) noexcept {
    if (status_.ok()) status_ = status;
  }

 private:
  const Backend& exact_backend(Precision precision) noexcept {
    std::optional<Backend>& exact = exact_[static_cast<std::size_t>(precision)];
    if (!exact) {
      Result<Backend> made = backend_.with(precision);
      if (!made.ok()) return fail(made.error()), backend_;
      exact.emplace(*std::move(made));
    }
    return *exact;
  }

  void note_used(std::string_view layer, Precision precision) noexcept {
    if (precision == Precision::float32) return;
    fail(guarded([&]() -> Status {
      used_.set(layer, precision);
      return {};
    }));
  }

  const Backend& backend_;
  const PrecisionRecipe* recipe_ = nullptr;
  PrecisionRecipe used_;
  std::optional<Backend> exact_[static_cast<std::size_t>(Precision::int8)];  // of lower precisions than the backend's
  Status status_;
};

// The layers that prepare_one makes of weights, as a range, which is all that a vector's constructor asks for: the
// vector is as large as it must be from the beginning, and no code to enlarge it is compiled.
template <class Weights, class PrepareOne>
struct PreparedIterator {
  using iterator_category = std::forward_iterator_tag;
  using value_type = std::invoke_result_t<PrepareOne, const Weights&>;
  using difference_type = std::ptrdiff_t;
  using pointer = const value_type*;
  using reference = value_type;

  const Weights* at;
  const PrepareOne* prepare_one;

  value_type operator*() const { return (*prepare_one)(*at); }
  PreparedIterator& operator++() noexcept { return ++at, *this; }
  bool operator==(const PreparedIterator& other) const noexcept { return at == other.at; }
  bool operator!=(const PreparedIterator& other) const noexcept { return at != other.at; }
};

// prepare_one(weights) of all weights, in order; Layer(p, weights) where no function is given.
template <class Weights, class PrepareOne>
auto prepare_each(const std::vector<Weights>& weights, const PrepareOne& prepare_one) {
  using Iterator = PreparedIterator<Weights, PrepareOne>;
  const Weights* const begin = weights.data();
  return std::vector<typename Iterator::value_type>(Iterator{begin, &prepare_one},
                                                    Iterator{begin + weights.size(), &prepare_one});
}
template <class Layer, class Backend, class Weights>
std::vector<Layer> prepare_each(Preparation<Backend>& p, const std::vector<Weights>& weights) {
  return prepare_each(weights, [&](const Weights& w) { return Layer(p, w); });
}

SEGFACE_END_CORE
