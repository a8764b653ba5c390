// How the library says that something went wrong: Errc, Status, Result<T>, and the throwing layer Error.
//
// Every function that can fail is noexcept and returns Status or Result; a caller looks at it, or lets value() and
// or_throw() throw segface::Error, where exceptions are enabled. A message says what, where, what was expected, what was
// found, and what to do next; every byte that could disturb a terminal is escaped.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/utf8.hpp"
#if SEGFACE_EXCEPTIONS
#include <stdexcept>
#endif

SEGFACE_BEGIN_NAMESPACE

// What went wrong, in one word. The order is stable: codes are only ever appended.
enum class Errc : std::uint8_t {
  ok,
  invalid_argument,    // the caller's values make no sense
  buffer_too_small,    // the message names the size needed; nothing was written
  busy,                // a workspace is in use by another thread
  cancelled,           // the caller's callback asked to stop
  io,                  // the operating system refused; the message carries its words
  not_regular_file,    // a directory, pipe or device where a file belongs
  truncated,           // the data ends too early
  corrupt,             // a checksum does not match
  bad_format,          // the bytes are not what the format says
  bad_layout,          // offsets and sizes contradict each other
  overflow,            // a product of sizes does not fit
  duplicate_tensor,    // one name twice
  missing_tensor,      // the network needs what the file lacks
  unexpected_tensor,   // the file holds what the network does not know
  shape_mismatch,      // right name, wrong shape
  unsupported_dtype,   // a number format that is not read here
  unsupported_image,   // not a PNG or JPEG that is read here
  unsupported_format,  // a known format that is not read here
  unsupported_global,  // a pickle refers to code where data belongs
  unsupported_opcode,  // a pickle instruction that is not read here
  unsupported_cpu,     // the processor lacks the instructions asked for
  non_finite,          // NaN or infinity where a number belongs
  limit_exceeded,      // larger than the limits allow
  out_of_memory,
  output,     // a result could not be written
  no_device,  // no accelerator
  mismatch,   // a self-test or golden does not agree
  internal    // a bug in the library
};

// The code's name as written above, for logs and tests.
inline const char* errc_name(Errc code) noexcept {
  constexpr const char* kNames[] = {"ok",
                                    "invalid_argument",
                                    "buffer_too_small",
                                    "busy",
                                    "cancelled",
                                    "io",
                                    "not_regular_file",
                                    "truncated",
                                    "corrupt",
                                    "bad_format",
                                    "bad_layout",
                                    "overflow",
                                    "duplicate_tensor",
                                    "missing_tensor",
                                    "unexpected_tensor",
                                    "shape_mismatch",
                                    "unsupported_dtype",
                                    "unsupported_image",
                                    "unsupported_format",
                                    "unsupported_global",
                                    "unsupported_opcode",
                                    "unsupported_cpu",
                                    "non_finite",
                                    "limit_exceeded",
                                    "out_of_memory",
                                    "output",
                                    "no_device",
                                    "mismatch",
                                    "internal"};
  return kNames[static_cast<std::size_t>(code)];
}

// A text of fixed capacity that grows by parts and never allocates; what does not fit is cut with "...".
class Message {
 public:
  static constexpr std::size_t kCapacity = 1024;

  Message() noexcept { text_[0] = '\0'; }
  Message(const Message& other) noexcept { *this = other; }
  Message& operator=(const Message& other) noexcept {
    std::memmove(text_, other.text_, other.size_ + 1);
    size_ = other.size_;
    full_ = other.full_;
    return *this;
  }

  const char* c_str() const noexcept { return text_; }
  std::string_view view() const noexcept { return {text_, size_}; }

  // Appends text; control bytes and bytes that are not UTF-8 become \xNN.
  Message& append(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t length = printable_length(text.substr(i));
      if (length != 0) {
        put(text.substr(i, length));
        i += length;
      } else {
        constexpr char kHex[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(text[i++]);
        const char escaped[] = {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
        put({escaped, sizeof escaped});
      }
    }
    return *this;
  }
  Message& append(const char* text) noexcept { return append(std::string_view(text)); }
  Message& append(const std::string& text) noexcept { return append(std::string_view(text)); }
  Message& append(char c) noexcept { return append(std::string_view(&c, 1)); }

  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  Message& append(Integer number) noexcept {
    char digits[24];
    std::size_t at = sizeof digits;
    bool negative = false;
    if constexpr (std::is_signed_v<Integer>) negative = number < 0;
    auto rest = static_cast<std::uint64_t>(number);
    if (negative) rest = 0 - rest;
    do {
      digits[--at] = static_cast<char>('0' + rest % 10);
      rest /= 10;
    } while (rest != 0);
    if (negative) digits[--at] = '-';
    put({digits + at, sizeof digits - at});
    return *this;
  }

 private:
  // Bytes of the printable UTF-8 character at the front of text; 0 where there is none.
  static std::size_t printable_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const bool control = byte(0) < 0x20 || byte(0) == 0x7f || (text.size() > 1 && byte(0) == 0xc2 && byte(1) < 0xa0);
    return control ? 0 : core::utf8_length(text);
  }

  void put(std::string_view text) noexcept {
    constexpr std::string_view kCut = "...";
    const std::size_t room = kCapacity - 1 - kCut.size() - size_;
    if (full_) return;
    full_ = text.size() > room;
    const std::size_t taken = full_ ? room : text.size();
    std::memcpy(text_ + size_, text.data(), taken);
    size_ += taken;
    if (full_) {
      std::memcpy(text_ + size_, kCut.data(), kCut.size());
      size_ += kCut.size();
    }
    text_[size_] = '\0';
  }

  std::size_t size_ = 0;
  bool full_ = false;
  char text_[kCapacity];
};

#if SEGFACE_EXCEPTIONS
// What value() and or_throw() throw.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const char* message) : std::runtime_error(message), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};
#endif

// The outcome of an operation: ok, or a code with its message. Two words, and memory of its own after a failure only.
class SEGFACE_NODISCARD Status {
 public:
  Status() noexcept = default;
  Status(Errc code, const Message& message) noexcept : code_(code), text_(message.c_str()) {}

  bool ok() const noexcept { return code_ == Errc::ok; }
  Errc code() const noexcept { return code_; }
  // The whole message, NUL-terminated; empty when ok.
  const char* message() const noexcept {
    if (text_.get() != nullptr) return text_.get();
    return ok() ? "" : code_ == Errc::out_of_memory ? "out of memory" : "no memory was left for this error's message";
  }

#if SEGFACE_EXCEPTIONS
  // Throws Error unless ok.
  void or_throw() const {
    if (!ok()) throw Error(code_, message());
  }
#endif

 private:
  // A text in memory of its own; null where there is none, and where memory ran out.
  class Text {
   public:
    Text() noexcept = default;
    explicit Text(const char* text) noexcept {
      const std::size_t size = text == nullptr ? 0 : std::strlen(text) + 1;
      if (size != 0) text_.reset(new (std::nothrow) char[size]);
      if (text_ != nullptr) std::memcpy(text_.get(), text, size);
    }
    Text(const Text& other) noexcept : Text(other.get()) {}
    Text(Text&&) noexcept = default;
    Text& operator=(const Text& other) noexcept { return *this = Text(other); }
    Text& operator=(Text&&) noexcept = default;

    const char* get() const noexcept { return text_.get(); }

   private:
    std::unique_ptr<char[]> text_;
  };

  Errc code_ = Errc::ok;
  Text text_;
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// The parts of a message are strings, characters, integers, or types with an append_to(Message&, part) found by ADL.
inline void append_to(Message&) noexcept {}
template <class First, class... Rest>
void append_parts(Message& message, const First& first, const Rest&... rest) noexcept {
  if constexpr (std::is_convertible_v<const First&, std::string_view> || std::is_integral_v<First>) {
    message.append(first);
  } else {
    append_to(message, first);
  }
  if constexpr (sizeof...(rest) != 0) append_parts(message, rest...);
}
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Builds a failure: error(Errc::truncated, path, ": header needs ", 8, " bytes, found ", n).
template <class... Parts>
SEGFACE_COLD Status error(Errc code, const Parts&... parts) noexcept {
  Message message;
  core::append_parts(message, parts...);
  return Status(code, message);
}

// The same failure with its place put in front: "weights.safetensors: tensor 'x' ...".
template <class... Parts>
SEGFACE_COLD Status in_context(const Status& status, const Parts&... place) noexcept {
  if (status.ok()) return status;
  Message message;
  core::append_parts(message, place..., ": ", status.message());
  return Status(status.code(), message);
}

// A value, or the Status that says why there is none: `if (auto mask = parser.parse(photo)) use(*mask);`.
template <class T>
class SEGFACE_NODISCARD Result {
 public:
  Result(T value) noexcept : value_(std::move(value)) {}             // NOLINT: implicit by design
  Result(Status failure) noexcept : failure_(std::move(failure)) {}  // NOLINT: implicit by design

  bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  // Why there is no value; ok where there is one.
  const Status& error() const noexcept { return failure_; }

  // Only where ok().
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return *std::move(value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

#if SEGFACE_EXCEPTIONS
  // Throws Error where there is none.
  T& value() & {
    failure_.or_throw();
    return *value_;
  }
  const T& value() const& {
    failure_.or_throw();
    return *value_;
  }
  T value() && {
    failure_.or_throw();
    return *std::move(value_);
  }
#endif

 private:
  Status failure_;
  std::optional<T> value_;
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Runs a function that returns Status or Result and uses standard containers: where memory runs out inside,
// the answer is Errc::out_of_memory instead of an exception.
template <class Function>
auto guarded(Function&& function) noexcept -> decltype(function()) {
#if SEGFACE_EXCEPTIONS
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return error(Errc::out_of_memory, "out of memory");
  } catch (const std::length_error&) {
    return error(Errc::out_of_memory, "out of memory");
  }
#else
  return function();
#endif
}

SEGFACE_END_CORE

#define SEGFACE_JOIN_NOW(a, b) a##b
#define SEGFACE_JOIN(a, b) SEGFACE_JOIN_NOW(a, b)

// Leaves the enclosing function with the failure of `expression`, a Status.
#define SEGFACE_RETURN_IF_ERROR(expression)                                       \
  do {                                                                            \
    if (::segface::Status SEGFACE_JOIN(segface_status_, __LINE__) = (expression); \
        !SEGFACE_JOIN(segface_status_, __LINE__).ok()) {                          \
      return SEGFACE_JOIN(segface_status_, __LINE__);                             \
    }                                                                             \
  } while (false)

// Declares `name` as the value of `expression`, a Result, or leaves the enclosing function with its failure.
#define SEGFACE_ASSIGN(name, expression)                 \
  auto name##_result = (expression);                     \
  if (!name##_result.ok()) return name##_result.error(); \
  auto& name = *name##_result
//
#include "segface/base/host_macros_end.hpp"
