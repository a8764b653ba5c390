// ByteReader: bytes at positions, whether they lie in a file or in memory, so that no format asks which it reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

// A file, or memory that the caller keeps alive. Move-only; const calls are safe from several threads.
class ByteReader {
 public:
  explicit ByteReader(InputFile file) noexcept : file_(std::move(file)), size_(file_->size()) {}
  explicit ByteReader(Bytes memory) noexcept : memory_(memory), size_(memory.size()) {}

  std::uint64_t size() const noexcept { return size_; }

  // Copies bytes [offset, offset + bytes) to `out`. Errors: truncated; io.
  Status read_at(std::uint64_t offset, void* out, std::size_t bytes) const noexcept {
    if (file_) return file_->read_at(offset, out, bytes);
    if (bytes > size_ || offset > size_ - bytes) {
      return error(Errc::truncated, "the data ends at byte ", size_, ", expected ", bytes, " bytes at offset ", offset);
    }
    if (bytes != 0) std::memcpy(out, memory_.data() + static_cast<std::size_t>(offset), bytes);
    return {};
  }

 private:
  std::optional<InputFile> file_;
  Bytes memory_;
  std::uint64_t size_;
};

SEGFACE_END_CORE
