// Binding a network's weights to a source: every tensor by name and shape, strictly.
//
// All that is missing, unexpected or of the wrong shape is listed in one message.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/tensor_source.hpp"
#include "segface/tensors/visit.hpp"

SEGFACE_BEGIN_NAMESPACE

// How a source differs from a network: the numbers, and the first few of each kind for a message.
struct Mismatch {
  static constexpr std::size_t kListed = 5;

  std::size_t needed = 0;   // tensors the network needs
  std::size_t matched = 0;  // of those, found with the right shape
  std::size_t missing_count = 0, unexpected_count = 0, misshapen_count = 0;
  std::vector<std::string> missing, unexpected, misshapen;

  bool none() const noexcept { return missing_count + unexpected_count + misshapen_count == 0; }
  static void list(std::vector<std::string>& names, std::size_t& count, const std::string& name) {
    if (++count <= kListed) names.push_back(name);
  }
  friend void append_to(Message& message, const Mismatch& m) noexcept {
    const auto part = [&](const char* what, std::size_t count, const std::vector<std::string>& names) {
      if (count == 0) return;
      append_parts(message, "; ", count, what);
      for (const std::string& name : names) append_parts(message, &name == names.data() ? " " : ", ", name);
      if (count > names.size()) append_parts(message, ", and ", count - names.size(), " more");
    };
    append_parts(message, m.matched, " of ", m.needed, " tensors match");
    part(" missing:", m.missing_count, m.missing);
    part(" of the wrong shape:", m.misshapen_count, m.misshapen);
    part(" unexpected:", m.unexpected_count, m.unexpected);
  }
};

// The tensors of a source by name. Sorted: a file can choose names that any known hash takes for one.
class NameIndex {
 public:
  explicit NameIndex(const TensorSource& source) : source_(source), order_(source.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return name(a) < name(b); });
  }

  std::optional<std::size_t> find(std::string_view wanted) const {
    const auto at = std::lower_bound(order_.begin(), order_.end(), wanted,
                                     [&](std::size_t index, std::string_view text) { return name(index) < text; });
    if (at == order_.end() || name(*at) != wanted) return std::nullopt;
    return *at;
  }

 private:
  std::string_view name(std::size_t index) const { return source_.info(index).name; }

  const TensorSource& source_;
  std::vector<std::size_t> order_;
};

// Points every Weight at its tensor in `source`, which must outlive the weights' use, and reports what differs.
template <class Weights>
Mismatch match(Weights& weights, const TensorSource& source, const NameIndex& names) {
  std::vector<bool> claimed(source.size());
  Mismatch mismatch;
  for_each_tensor(weights, [&](const std::string& name, const Shape& shape, Use use, Weight* weight) {
    const std::optional<std::size_t> found = names.find(name);
    if (found) claimed[*found] = true;
    if (use != Use::needed) return;
    ++mismatch.needed;
    if (!found) return Mismatch::list(mismatch.missing, mismatch.missing_count, name);
    const Shape& got = source.info(*found).shape;
    if (got == shape) {
      ++mismatch.matched;
      *weight = {&source, *found};
    } else {
      Message text;
      append_parts(text, name, " ", got, " instead of ", shape);
      Mismatch::list(mismatch.misshapen, mismatch.misshapen_count, std::string(text.view()));
    }
  });
  for (std::size_t i = 0; i < source.size(); ++i) {  // in the file's order
    if (!claimed[i]) Mismatch::list(mismatch.unexpected, mismatch.unexpected_count, source.info(i).name);
  }
  return mismatch;
}
template <class Weights>
Mismatch match(Weights& weights, const TensorSource& source) {
  return match(weights, source, NameIndex(source));
}

// The same as a Status: missing_tensor, shape_mismatch or unexpected_tensor, whichever comes first.
template <class Weights>
Status bind(Weights& weights, const TensorSource& source) noexcept {
  return guarded([&]() -> Status {
    const Mismatch mismatch = match(weights, source);
    if (mismatch.none()) return {};
    const Errc code = mismatch.missing_count != 0     ? Errc::missing_tensor
                      : mismatch.misshapen_count != 0 ? Errc::shape_mismatch
                                                      : Errc::unexpected_tensor;
    return error(code, source.name(), ": ", mismatch);
  });
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
