// SafetensorsFile and SafetensorsWriter: the format that the library's own weight files have.
//
//   8 bytes     N, little-endian
//   N bytes     the header, see safetensors_header.hpp
//   the rest    the tensors, contiguous, row-major, little-endian
//
// The reader checks everything before any tensor is read, and allocates by sizes it has compared with the file. The
// writer aligns the data to 64 bytes, and gives the file its name only when it is complete.
//
// Traps: data need not be aligned, since N may be any number; a file that is something else altogether mostly shows
// as an absurd N, and is then called by its name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/byte_reader.hpp"
#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/file.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/foreign_format.hpp"
#include "segface/tensors/safetensors_header.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

struct SafetensorsLimits {
  static constexpr std::size_t kMostHeaderBytes = 100'000'000;  // the format's own limit

  std::size_t header_bytes = std::size_t{16} << 20;  // values above kMostHeaderBytes mean kMostHeaderBytes
  std::size_t tensors = 65536;
};

class SafetensorsFile final : public TensorSource {
 public:
  using Limits = SafetensorsLimits;

  // Errors: io, not_regular_file; bad_format (not such a file); truncated; limit_exceeded; out_of_memory; those of
  // SafetensorsHeader::parse.
  static Result<SafetensorsFile> open(const std::string& path, const Limits& limits = {}) noexcept {
    return guarded([&]() -> Result<SafetensorsFile> {
      SEGFACE_ASSIGN(file, InputFile::open(path));
      return make(ByteReader(std::move(file)), path, limits);
    });
  }

  // The same from memory, which must outlive the result; `name` stands in messages.
  static Result<SafetensorsFile> from_memory(Bytes bytes, const std::string& name = "memory",
                                             const Limits& limits = {}) noexcept {
    return guarded([&]() -> Result<SafetensorsFile> { return make(ByteReader(bytes), name, limits); });
  }

  const std::string& name() const noexcept override { return name_; }
  std::size_t size() const noexcept override { return header_.tensors.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return header_.tensors[index].info; }

  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    const SafetensorsHeader::Tensor& tensor = header_.tensors[index];
    return in_context(reader_.read_at(data_ + tensor.begin, out, tensor.info.bytes()), name_, ": tensor '",
                      tensor.info.name, "'");
  }

  const Metadata& metadata() const noexcept { return header_.metadata; }
  // The text of `key`; null where there is none.
  const std::string* metadata(std::string_view key) const noexcept {
    for (const auto& item : header_.metadata) {
      if (item.first == key) return &item.second;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kLengthBytes = 8;

  SafetensorsFile(std::string name, ByteReader reader) noexcept : name_(std::move(name)), reader_(std::move(reader)) {}

  static Result<SafetensorsFile> make(ByteReader reader, const std::string& name, const Limits& limits) {
    SafetensorsFile file(name, std::move(reader));
    SEGFACE_RETURN_IF_ERROR(in_context(file.load(limits), name));
    return Result<SafetensorsFile>(std::move(file));
  }

  Status load(const Limits& limits) {
    std::uint8_t front[kForeignFormatBytes];
    const auto front_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(reader_.size(), sizeof front));
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(0, front, front_bytes));
    if (front_bytes < kLengthBytes) {
      return error(Errc::truncated, "need ", kLengthBytes, " header bytes, found ", front_bytes);
    }
    const std::uint64_t header_bytes = little<std::uint64_t>(front);
    SEGFACE_RETURN_IF_ERROR(refuse_other_format(header_bytes, {reinterpret_cast<const char*>(front), front_bytes}));
    SEGFACE_RETURN_IF_ERROR(check_length(header_bytes, limits.header_bytes));
    SEGFACE_ASSIGN(text, Buffer<char>::make(static_cast<std::size_t>(header_bytes)));
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(kLengthBytes, text.data(), text.size()));
    data_ = kLengthBytes + header_bytes;
    auto header = SafetensorsHeader::parse({text.data(), text.size()}, reader_.size() - data_, limits.tensors);
    if (!header.ok()) return in_context(header.error(), "header");
    header_ = std::move(*header);
    return {};
  }

  Status check_length(std::uint64_t header_bytes, std::size_t limit) const noexcept {
    limit = std::min(limit, Limits::kMostHeaderBytes);
    if (header_bytes > limit) {
      return error(Errc::limit_exceeded, "the file declares a header of ", header_bytes, " bytes, at most ", limit,
                   " are read; is it a safetensors file?");
    }
    if (header_bytes > reader_.size() - kLengthBytes) {
      return error(Errc::truncated, "the file declares a header of ", header_bytes, " bytes, found ",
                   reader_.size() - kLengthBytes, "; it was cut short, fetch it again");
    }
    if (header_bytes < 2) return error(Errc::bad_format, "a header of ", header_bytes, " bytes, expected at least {}");
    return {};
  }

  // Says what a file looks like that is not safetensors, by its first bytes. Read as a length, those of other formats
  // are absurd, except those of a gzip archive without date.
  static Status refuse_other_format(std::uint64_t header_bytes, std::string_view front) noexcept {
    const bool gzip = front.substr(0, 3) == "\x1f\x8b\x08" && (front.size() <= 8 || front[8] != '{');
    const ForeignFormat* format = header_bytes > Limits::kMostHeaderBytes || gzip ? foreign_format(front) : nullptr;
    if (format == nullptr) return {};
    return error(Errc::bad_format, "this looks like ", format->what, ", expected safetensors; ", format->advice);
  }

  std::string name_;
  ByteReader reader_;
  SafetensorsHeader header_;
  std::uint64_t data_ = 0;  // position of the first tensor
};

// Writes a file of tensors whose names, formats and shapes are known beforehand, one tensor at a time. Move-only.
class SafetensorsWriter {
 public:
  // Errors: output; invalid_argument where a reader with default limits would refuse the file: equal or malformed
  // names, sizes that overflow, too many tensors.
  static Result<SafetensorsWriter> open(const std::string& path, std::vector<TensorInfo> tensors,
                                        const Metadata& metadata, OutputFile::Existing existing) noexcept {
    return guarded([&]() -> Result<SafetensorsWriter> {
      SEGFACE_ASSIGN(text, SafetensorsHeader::format(tensors, metadata, kAlignment));
      SEGFACE_RETURN_IF_ERROR(in_context(check(text, tensors), path));
      SEGFACE_ASSIGN(file, OutputFile::open(path, existing));
      std::uint8_t length[8];
      for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<std::uint8_t>(std::uint64_t{text.size()} >> (8 * i));
      SEGFACE_RETURN_IF_ERROR(file.append(length));
      SEGFACE_RETURN_IF_ERROR(file.append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
      return SafetensorsWriter(std::move(file), std::move(tensors));
    });
  }

  // The bytes of the next tensor, in the order given to open(). Errors: output; invalid_argument (a wrong number of
  // bytes, or a tensor too many).
  Status append(Bytes bytes) noexcept {
    if (next_ == tensors_.size()) {
      return error(Errc::invalid_argument, file_.path(), ": all ", next_, " tensors are written already");
    }
    const TensorInfo& tensor = tensors_[next_];
    if (bytes.size() != tensor.bytes()) {
      return error(Errc::invalid_argument, file_.path(), ": tensor '", tensor.name, "' has ", tensor.bytes(),
                   " bytes, got ", bytes.size());
    }
    SEGFACE_RETURN_IF_ERROR(file_.append(bytes));
    ++next_;
    return {};
  }

  // Completes the file. Errors: output; invalid_argument (tensors are missing).
  Status commit() noexcept {
    if (next_ != tensors_.size()) {
      return error(Errc::invalid_argument, file_.path(), ": ", next_, " of ", tensors_.size(), " tensors are written");
    }
    return file_.commit();
  }

  // See OutputFile::temporary_path.
  const std::string& temporary_path() const noexcept { return file_.temporary_path(); }

 private:
  SafetensorsWriter(OutputFile file, std::vector<TensorInfo> tensors) noexcept
      : file_(std::move(file)), tensors_(std::move(tensors)) {}

  static Status check(const std::string& text, const std::vector<TensorInfo>& tensors) noexcept {
    constexpr SafetensorsLimits kLimits;
    std::uint64_t bytes = 0;
    for (const TensorInfo& tensor : tensors) bytes += tensor.bytes();
    if (text.size() > kLimits.header_bytes) {
      return error(Errc::invalid_argument, "a header of ", text.size(), " bytes, at most ", kLimits.header_bytes);
    }
    const auto header = SafetensorsHeader::parse(text, bytes, kLimits.tensors);
    return header.ok() ? Status() : error(Errc::invalid_argument, header.error().message());
  }

  OutputFile file_;
  std::vector<TensorInfo> tensors_;
  std::size_t next_ = 0;
};

SEGFACE_END_CORE
