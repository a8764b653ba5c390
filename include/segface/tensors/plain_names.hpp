// PlainNames: the tensors of a source under the network's own names, without what training wrapped around them.
//
// DistributedDataParallel saves "module.NAME", torch.compile "_orig_mod.NAME", Lightning and many scripts
// "model.NAME", also inside each other. What does not carry such a prefix keeps its name, so that a spare tensor
// beside a wrapped network is seen as that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

class PlainNames final : public TensorSource {
 public:
  // `source` itself where no name carries a prefix. Errors: duplicate_tensor (two names differ in their prefixes
  // alone, so that nothing tells which is the network's).
  static Result<std::unique_ptr<TensorSource>> make(std::unique_ptr<TensorSource> source) noexcept {
    return guarded([&]() -> Result<std::unique_ptr<TensorSource>> {
      bool wrapped = false;
      for (std::size_t i = 0; i < source->size(); ++i) wrapped = wrapped || prefix_bytes(source->info(i).name) != 0;
      if (!wrapped) return std::move(source);
      std::unique_ptr<PlainNames> plain(new PlainNames(std::move(source)));
      SEGFACE_RETURN_IF_ERROR(plain->check_names());
      return std::unique_ptr<TensorSource>(std::move(plain));
    });
  }

  // Bytes of the prefixes in front of a name.
  static std::size_t prefix_bytes(std::string_view name) noexcept {
    constexpr std::string_view kPrefixes[] = {"module.", "_orig_mod.", "model."};
    std::size_t bytes = 0;
    for (bool more = true; more;) {
      more = false;
      for (const std::string_view prefix : kPrefixes) {
        if (name.substr(bytes, prefix.size()) != prefix) continue;
        bytes += prefix.size();
        more = true;
      }
    }
    return bytes;
  }

  const std::string& name() const noexcept override { return source_->name(); }
  std::size_t size() const noexcept override { return infos_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return infos_[index]; }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override { return source_->read(index, out); }

 private:
  explicit PlainNames(std::unique_ptr<TensorSource> source) : source_(std::move(source)) {
    infos_.reserve(source_->size());
    for (std::size_t i = 0; i < source_->size(); ++i) {
      infos_.push_back(source_->info(i));
      infos_.back().name.erase(0, prefix_bytes(infos_.back().name));
    }
  }

  Status check_names() const {
    std::vector<std::string_view> names;
    for (const TensorInfo& info : infos_) names.push_back(info.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return {};
    return error(Errc::duplicate_tensor, name(), ": '", *twice,
                 "' is there with several prefixes; save one network's state dict alone");
  }

  std::unique_ptr<TensorSource> source_;
  std::vector<TensorInfo> infos_;
};

SEGFACE_END_CORE
