// Weight and Visit: how a layer names its tensors.
//
// A layer's XWeights is a plain struct of Weights with one function `visit(v)`, the only place where the official
// names and the expected shapes stand. Loading, counting, describing, synthesising and converting are all
// for_each_tensor with another function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

// A handle on one tensor of a source; the numbers are read when a layer is prepared.
struct Weight {
  const TensorSource* source = nullptr;
  std::size_t index = 0;

  // All elements as float. Errors: those of the source, unsupported_dtype, non_finite.
  Result<Buffer<float>> read() const noexcept {
    const TensorInfo& info = source->info(index);
    if (!is_floating(info.dtype)) {
      return error(Errc::unsupported_dtype, source->name(), ": tensor '", info.name, "' holds ", dtype_name(info.dtype),
                   ", expected F32, F16, BF16 or F64");
    }
    const std::size_t count = info.shape.count();
    SEGFACE_ASSIGN(values, Buffer<float>::make(count));
    if (info.dtype == DType::f32) {
      SEGFACE_RETURN_IF_ERROR(source->read(index, reinterpret_cast<std::uint8_t*>(values.data())));
    } else {
      SEGFACE_ASSIGN(raw, Buffer<std::uint8_t>::make(info.bytes()));
      SEGFACE_RETURN_IF_ERROR(source->read(index, raw.data()));
      to_float(info.dtype, raw.data(), count, values.data());
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_finite(values[i])) {
        return error(Errc::non_finite, source->name(), ": tensor '", info.name, "' is not a finite number at index ", i,
                     "; the file is damaged or training diverged");
      }
    }
    return std::move(values);
  }
};

// Whether the network computes with a tensor, or accepts it in a checkpoint and leaves it out.
enum class Use : std::uint8_t { needed, dropped, dropped_integers };

// Walks a tree of XWeights with a function f(name, shape, use, Weight*); the Weight is null where dropped. No template of
// that function, and cold: compilers would make the whole walk anew for each, and its strings anew in each step.
class Visit {
 public:
  template <class Function>
  explicit Visit(Function& function)
      : function_([](void* context, const std::string& name, const Shape& shape, Use use, Weight* weight) {
          (*static_cast<Function*>(context))(name, shape, use, weight);
        }),
        context_(&function) {}

  // A tensor of this layer.
  SEGFACE_COLD void tensor(const char* name, Weight& weight, const Shape& shape) {
    function_(context_, prefix_ + name, shape, Use::needed, &weight);
  }
  // Tensors that checkpoints carry and the network does not compute with: floats, and counters or indices.
  SEGFACE_COLD void dropped(const char* name, const Shape& shape) {
    function_(context_, prefix_ + name, shape, Use::dropped, nullptr);
  }
  SEGFACE_COLD void dropped_integers(const char* name, const Shape& shape) {
    function_(context_, prefix_ + name, shape, Use::dropped_integers, nullptr);
  }
  // A layer inside this one: its names get `name` and a dot in front.
  template <class Weights>
  void child(std::string_view name, Weights& weights) {
    const std::size_t length = enter(name);
    weights.visit(*this);
    prefix_.resize(length);
  }

 private:
  SEGFACE_COLD std::size_t enter(std::string_view name) {
    const std::size_t length = prefix_.size();
    prefix_ += name;
    prefix_ += '.';
    return length;
  }

  void (*function_)(void* context, const std::string&, const Shape&, Use, Weight*);
  void* context_;
  std::string prefix_;
};

// Calls function(name, shape, use, weight) for every tensor, in the checkpoint's order.
template <class Weights, class Function>
void for_each_tensor(Weights& weights, Function&& function) {
  Visit visit(function);
  weights.visit(visit);
}

// Number of elements the network computes with.
template <class Weights>
std::size_t count_parameters(Weights& weights) {
  std::size_t count = 0;
  for_each_tensor(weights, [&](const std::string&, const Shape& shape, Use use, Weight*) {
    if (use == Use::needed) count += shape.count();
  });
  return count;
}

// The tensors as a list in the checkpoint's order; dropped ones only where asked for.
template <class Weights>
std::vector<TensorInfo> list_tensors(Weights& weights, bool with_dropped = false) {
  std::vector<TensorInfo> list;
  for_each_tensor(weights, [&](const std::string& name, const Shape& shape, Use use, Weight*) {
    if (use == Use::needed || with_dropped) {
      list.push_back({name, use == Use::dropped_integers ? DType::i64 : DType::f32, shape});
    }
  });
  return list;
}

SEGFACE_END_CORE
