// Preparation: turns weights into a backend's operands, reading tensor by tensor; the first failure sticks.
//
// Layers are built by constructors that take a Preparation and their XWeights. A constructor cannot return a
// Status, so the Preparation keeps the first one: build the whole tree, then look at status().
#pragma once

#include <utility>

#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/weights/visit.hpp"

SEGFACE_BEGIN_NAMESPACE

template <class Backend>
class Preparation {
 public:
  explicit Preparation(const Backend& backend) noexcept : backend_(backend) {}
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
      if (status_.ok()) status_ = result.status();
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

  void fail(const Status& status) noexcept {
    if (status_.ok()) status_ = status;
  }

 private:
  const Backend& backend_;
  Status status_;
};

SEGFACE_END_NAMESPACE
