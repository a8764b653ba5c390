// The header of a safetensors file: its JSON text to and from names, formats, shapes and positions.
//
//   {"__metadata__": {"key": "text", ...},
//    "name": {"dtype": "F32", "shape": [256, 1024], "data_offsets": [begin, end]}, ...}
//
// Offsets count from the first byte after the header, and the tensors tile the data: in the order of their offsets
// each begins where the one before it ends, the first at 0, the last at the end of the file. So no byte belongs to
// two tensors, and none to nobody. Format: https://github.com/huggingface/safetensors, whose reader is laxer: it
// takes the last of two equal keys, and skips unknown fields.
//
// Traps: a size of 0 must not hide that the product of the others overflows; a tensor of no elements has
// begin == end, and may lie between any two others but inside none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/json.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

// Texts by name, in the order of the file.
using Metadata = std::vector<std::pair<std::string, std::string>>;

class SafetensorsHeader {
 public:
  struct Tensor {
    TensorInfo info;
    std::uint64_t begin = 0;  // bytes [begin, end) of the data
    std::uint64_t end = 0;
  };

  static constexpr std::size_t kMaxNameBytes = 1024;
  static constexpr std::size_t kMaxMetadata = 4096;

  // Reads a header that `data_bytes` bytes of data follow. Errors: bad_format (with the byte); limit_exceeded (more
  // than `max_tensors`, or than the limits above); unsupported_dtype; duplicate_tensor; overflow; bad_layout; truncated (the tensors tile more
  // data than there is).
  static Result<SafetensorsHeader> parse(std::string_view text, std::uint64_t data_bytes,
                                         std::size_t max_tensors) noexcept {
    return guarded([&]() -> Result<SafetensorsHeader> {
      SafetensorsHeader header;
      SEGFACE_RETURN_IF_ERROR(header.read(text, max_tensors));
      SEGFACE_RETURN_IF_ERROR(header.check_names());
      SEGFACE_RETURN_IF_ERROR(header.check_layout(data_bytes));
      return Result<SafetensorsHeader>(std::move(header));
    });
  }

  // The text for tensors stored one after the other, padded with spaces to `alignment` k - 8 bytes: behind the
  // eight bytes of its length it ends at a multiple of `alignment`. Fails only where memory does; what parse()
  // would refuse is written as it is.
  static Result<std::string> format(const std::vector<TensorInfo>& tensors, const Metadata& metadata,
                                    std::size_t alignment) noexcept {
    return guarded([&]() -> Result<std::string> {
      std::string text = "{";
      const auto begin_entry = [&](std::string_view name) {
        if (text.size() != 1) text += ',';
        append_json_string(name, text);
        text += ":{";
      };
      if (!metadata.empty()) {
        begin_entry(kMetadata);
        for (const auto& item : metadata) {
          if (&item != &metadata.front()) text += ',';
          append_json_string(item.first, text);
          text += ':';
          append_json_string(item.second, text);
        }
        text += '}';
      }
      std::uint64_t offset = 0;
      for (const TensorInfo& tensor : tensors) {
        begin_entry(tensor.name);
        text.append("\"dtype\":\"").append(dtype_name(tensor.dtype)).append("\",\"shape\":[");
        for (int i = 0; i < tensor.shape.rank; ++i) {
          text.append(i == 0 ? "" : ",").append(std::to_string(tensor.shape.dims[i]));
        }
        text.append("],\"data_offsets\":[").append(std::to_string(offset)).append(",");
        offset += tensor.bytes();
        text.append(std::to_string(offset)).append("]}");
      }
      text += '}';
      text.append((alignment - (text.size() + 8) % alignment) % alignment, ' ');
      return text;
    });
  }

  std::vector<Tensor> tensors;  // in the order of the text
  Metadata metadata;

 private:
  static constexpr std::string_view kMetadata = "__metadata__";

  Status read(std::string_view text, std::size_t max_tensors) {
    JsonCursor cursor(text);
    SEGFACE_RETURN_IF_ERROR(cursor.expect('{'));
    bool has_metadata = false;
    std::string name;
    for (bool more = !cursor.take('}'); more;) {
      SEGFACE_RETURN_IF_ERROR(cursor.read_string(name));
      SEGFACE_RETURN_IF_ERROR(cursor.expect(':'));
      if (name == kMetadata) {
        if (std::exchange(has_metadata, true)) return error(Errc::bad_format, "'", kMetadata, "' stands there twice");
        SEGFACE_RETURN_IF_ERROR(in_context(read_metadata(cursor), "'", kMetadata, "'"));
      } else {
        if (tensors.size() == max_tensors) {
          return error(Errc::limit_exceeded, "more than ", max_tensors, " tensors");
        }
        if (name.size() > kMaxNameBytes) {
          return error(Errc::limit_exceeded, "the name '", std::string_view(name).substr(0, 64), "...' has ",
                       name.size(), " bytes, at most ", kMaxNameBytes, " are read");
        }
        tensors.emplace_back();
        tensors.back().info.name = name;
        SEGFACE_RETURN_IF_ERROR(in_context(read_tensor(cursor, tensors.back()), "tensor '", name, "'"));
      }
      SEGFACE_RETURN_IF_ERROR(cursor.expect_next('}', more));
    }
    return cursor.expect_end();
  }

  Status read_metadata(JsonCursor& cursor) {
    SEGFACE_RETURN_IF_ERROR(cursor.expect('{'));
    for (bool more = !cursor.take('}'); more;) {
      if (metadata.size() == kMaxMetadata) {
        return error(Errc::limit_exceeded, "more than ", kMaxMetadata, " texts");
      }
      metadata.emplace_back();
      SEGFACE_RETURN_IF_ERROR(cursor.read_string(metadata.back().first));
      SEGFACE_RETURN_IF_ERROR(cursor.expect(':'));
      SEGFACE_RETURN_IF_ERROR(cursor.read_string(metadata.back().second));
      SEGFACE_RETURN_IF_ERROR(cursor.expect_next('}', more));
    }
    std::vector<std::string_view> keys;
    for (const auto& item : metadata) keys.push_back(item.first);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    return twice == keys.end() ? Status() : error(Errc::bad_format, "the key '", *twice, "' stands there twice");
  }

  static Status read_tensor(JsonCursor& cursor, Tensor& tensor) {
    constexpr std::string_view kFields[] = {"dtype", "shape", "data_offsets"};
    bool seen[3] = {};
    std::string field;
    SEGFACE_RETURN_IF_ERROR(cursor.expect('{'));
    for (bool more = !cursor.take('}'); more;) {
      const std::size_t offset = cursor.offset();
      SEGFACE_RETURN_IF_ERROR(cursor.read_string(field));
      SEGFACE_RETURN_IF_ERROR(cursor.expect(':'));
      const auto which = static_cast<std::size_t>(std::find(kFields, kFields + 3, field) - kFields);
      if (which == 3 || std::exchange(seen[which], true)) {
        return error(Errc::bad_format, "byte ", offset, ": ", which == 3 ? "unknown field '" : "a second field '",
                     field, "', expected dtype, shape and data_offsets");
      }
      SEGFACE_RETURN_IF_ERROR(which == 0   ? read_dtype(cursor, tensor.info.dtype)
                              : which == 1 ? read_shape(cursor, tensor.info.shape)
                                           : read_offsets(cursor, tensor));
      SEGFACE_RETURN_IF_ERROR(cursor.expect_next('}', more));
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (!seen[i]) return error(Errc::bad_format, "no field '", kFields[i], "'");
    }
    return check_size(tensor);
  }

  static Status read_dtype(JsonCursor& cursor, DType& dtype) {
    constexpr int kCount = static_cast<int>(DType::boolean) + 1;
    std::string name;
    SEGFACE_RETURN_IF_ERROR(cursor.read_string(name));
    Message accepted;
    for (int i = 0; i < kCount; ++i) {
      dtype = static_cast<DType>(i);
      if (name == dtype_name(dtype)) return {};
      append_parts(accepted, i == 0 ? "" : ", ", dtype_name(dtype));
    }
    return error(Errc::unsupported_dtype, "number format '", name, "', expected one of ", accepted.view());
  }

  static Status read_shape(JsonCursor& cursor, Shape& shape) noexcept {
    SEGFACE_RETURN_IF_ERROR(cursor.expect('['));
    for (bool more = !cursor.take(']'); more;) {
      if (shape.rank == Shape::kMaxRank) {
        return error(Errc::bad_format, "byte ", cursor.offset(), ": more than ", Shape::kMaxRank, " dimensions");
      }
      std::uint64_t size = 0;
      SEGFACE_RETURN_IF_ERROR(cursor.read_number(size));
      if (size > PTRDIFF_MAX)
        return error(Errc::overflow, "dimension ", shape.rank, " is ", size, ", beyond any memory");
      shape.dims[shape.rank++] = static_cast<Index>(size);
      SEGFACE_RETURN_IF_ERROR(cursor.expect_next(']', more));
    }
    return {};
  }

  static Status read_offsets(JsonCursor& cursor, Tensor& tensor) noexcept {
    SEGFACE_RETURN_IF_ERROR(cursor.expect('['));
    SEGFACE_RETURN_IF_ERROR(cursor.read_number(tensor.begin));
    SEGFACE_RETURN_IF_ERROR(cursor.expect(','));
    SEGFACE_RETURN_IF_ERROR(cursor.read_number(tensor.end));
    return cursor.expect(']');
  }

  // The offsets enclose as many bytes as the shape needs.
  static Status check_size(const Tensor& tensor) noexcept {
    std::size_t bytes = bytes_of(tensor.info.dtype);
    bool empty = false, fits = true;
    for (int i = 0; i < tensor.info.shape.rank; ++i) {
      const auto size = static_cast<std::size_t>(tensor.info.shape.dims[i]);
      empty = empty || size == 0;
      if (size != 0) fits = fits && multiply_fits(bytes, size, bytes) && bytes <= PTRDIFF_MAX;
    }
    if (!fits) return error(Errc::overflow, "the bytes of ", tensor.info.shape, " do not fit in any memory");
    if (empty) bytes = 0;
    if (tensor.begin > tensor.end || tensor.end - tensor.begin != bytes) {
      return error(Errc::bad_layout, "data_offsets [", tensor.begin, ", ", tensor.end, "], expected ", bytes,
                   " bytes for ", dtype_name(tensor.info.dtype), " ", tensor.info.shape);
    }
    return {};
  }

  // Indices of the tensors in the order that `key` gives.
  template <class Key>
  std::vector<std::size_t> sorted_by(const Key& key) const {
    std::vector<std::size_t> order(tensors.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return key(tensors[a]) < key(tensors[b]); });
    return order;
  }

  Status check_names() const {
    const auto order = sorted_by([](const Tensor& tensor) { return std::string_view(tensor.info.name); });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const std::string& name = tensors[order[i]].info.name;
      if (name == tensors[order[i - 1]].info.name) {
        return error(Errc::duplicate_tensor, "two tensors have the name '", name, "'");
      }
    }
    return {};
  }

  // The tensors tile [0, data_bytes).
  Status check_layout(std::uint64_t data_bytes) const {
    const auto order = sorted_by([](const Tensor& tensor) { return std::make_pair(tensor.begin, tensor.end); });
    const auto before = [&](std::size_t k) {
      Message message;
      if (k == 0) return message.append("the header");
      append_parts(message, "tensor '", tensors[order[k - 1]].info.name, "'");
      return message;
    };
    std::uint64_t end = 0;
    for (std::size_t k = 0; k < order.size(); ++k) {
      const Tensor& tensor = tensors[order[k]];
      if (tensor.begin != end) {
        return error(Errc::bad_layout, "tensor '", tensor.info.name, "' begins at byte ", tensor.begin,
                     " of the data, expected ", end, ", the end of ", before(k).view(),
                     tensor.begin < end ? ": they overlap" : ": the bytes between belong to no tensor");
      }
      end = tensor.end;
    }
    if (end > data_bytes) {
      return error(Errc::truncated, "the tensors need ", end, " bytes of data, found ", data_bytes,
                   "; the file was cut short, fetch it again");
    }
    if (end < data_bytes) {
      return error(Errc::bad_layout, data_bytes - end, " bytes follow ", before(order.size()).view(),
                   ", expected none");
    }
    return {};
  }
};

SEGFACE_END_CORE
