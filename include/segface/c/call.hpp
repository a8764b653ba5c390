// What the functions of the C interface share: they answer by a status and keep a failure's text for their thread, read
// structures of older and newer programs, and take pixels. Included by its .cpp files only.
#pragma once

#include <cstring>
#include <utility>

#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/c/segface.h"
#include "segface/image/image.hpp"
#include "segface/networks/segface/dataset.hpp"

SEGFACE_BEGIN_CORE
namespace c {

// This thread's last failure.
inline Status& last_failure() noexcept {
  static thread_local Status failure;
  return failure;
}

// The status of a function that returns Status.
template <class Function>
segface_status answer(Function&& function) noexcept {
  Status status = guarded(function);
  if (status.ok()) return SEGFACE_OK;
  const auto code = static_cast<segface_status>(status.code());
  last_failure() = std::move(status);
  return code;
}

inline Status check_given(const void* pointer, const char* what) noexcept {
  if (pointer != nullptr) return {};
  return error(Errc::invalid_argument, what, " is a null pointer");
}

// make() -> Status sets *made where it succeeds; null before. what: the place for it, for the message.
template <class Handle, class Make>
segface_status make_handle(Handle** made, const char* what, Make&& make) noexcept {
  if (made != nullptr) *made = nullptr;
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(made, what));
    return make();
  });
}

// A structure as this version knows it, from one of `size` bytes or NULL; what that lacks is 0. Errors: invalid_argument
// (a size that none can have, or fields that are set and not known here).
template <class Structure>
Result<Structure> take(const Structure* given, const char* name) noexcept {
  constexpr std::size_t kWord = sizeof(std::size_t), kMost = 4096;
  Structure taken = {};
  if (given == nullptr) return taken;
  std::size_t size = 0;
  std::memcpy(&size, given, kWord);
  if (size < kWord || size > kMost || size % kWord != 0) {
    return error(Errc::invalid_argument, name, ": its size is ", size, "; set it to the sizeof of that structure, ",
                 sizeof taken, " in this version");
  }
  std::memcpy(&taken, given, size < sizeof taken ? size : sizeof taken);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof taken; i < size; ++i) {
    if (bytes[i] == 0) continue;
    return error(Errc::invalid_argument, name, ": byte ", i, " of it is set, which segface ", SEGFACE_VERSION_STRING,
                 " does not know; use the library of the version that the program was compiled for");
  }
  return taken;
}
// The way back: as much of it as the caller's has room for.
template <class Structure>
void give_back(const Structure& taken, Structure* given) noexcept {
  std::size_t size = 0;
  std::memcpy(&size, given, sizeof size);
  constexpr std::size_t kWord = sizeof(std::size_t);
  std::memcpy(reinterpret_cast<unsigned char*>(given) + kWord, reinterpret_cast<const unsigned char*>(&taken) + kWord,
              (size < sizeof taken ? size : sizeof taken) - kWord);
}

inline Result<ImageView> view_of(const segface_image* image, const char* what) noexcept {
  SEGFACE_RETURN_IF_ERROR(check_given(image, what));
  if (image->order < SEGFACE_RGB || image->order > SEGFACE_GRAY) {
    return error(Errc::invalid_argument, what, ": ", image->order,
                 " is no order of colours; set `order` to SEGFACE_RGB, SEGFACE_BGR, SEGFACE_RGBA, SEGFACE_BGRA or "
                 "SEGFACE_GRAY");
  }
  const auto order = static_cast<PixelOrder>(image->order - SEGFACE_RGB);
  ImageView view(image->pixels, image->width, image->height, order);
  if (image->stride != 0) view.stride_bytes = image->stride;
  SEGFACE_RETURN_IF_ERROR(view.validate());
  return view;
}

inline Result<Dataset> dataset_of(std::int32_t dataset) noexcept {
  if (dataset >= SEGFACE_CELEB && dataset <= SEGFACE_HELEN) return static_cast<Dataset>(dataset);
  return error(Errc::invalid_argument, "data set ", dataset, "; expected SEGFACE_CELEB, SEGFACE_LAPA or SEGFACE_HELEN");
}

}  // namespace c
SEGFACE_END_CORE
