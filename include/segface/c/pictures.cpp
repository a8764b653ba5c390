// The C interface: what labels mean, and pictures from files, to files, and of labels.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <utility>

#include "segface/c/call.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/labels.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/faces/render.hpp"
#include "segface/image/cutout.hpp"
#include "segface/image/file.hpp"

using namespace segface;
using segface::core::c::answer;
using segface::core::c::check_given;
using segface::core::c::dataset_of;
using segface::core::c::make_handle;
using segface::core::c::view_of;

struct segface_picture {
  Image pixels;
};

static_assert(SEGFACE_GRAY - SEGFACE_RGB == static_cast<int>(PixelOrder::gray), "an order is a PixelOrder, from 1 on");
static_assert(SEGFACE_GROUP_HAIR == static_cast<int>(LabelGroup::hair), "a group is a LabelGroup");
static_assert(SEGFACE_AS_BISENET == static_cast<int>(Numbering::bisenet), "a numbering is a Numbering");
static_assert(SEGFACE_HELEN == static_cast<int>(Dataset::helen), "a data set is a Dataset");

namespace {

const ClassInfo* find_class(std::int32_t dataset, std::int32_t label) noexcept {
  const auto known = dataset_of(dataset);
  if (!known.ok() || label < 0 || label >= class_count(*known)) return nullptr;
  return &classes(*known)[static_cast<std::size_t>(label)];
}

template <class Read>
segface_status make_picture(segface_picture** picture, Read&& read) noexcept {
  return make_handle(picture, "the place for the picture", [&]() -> Status {
    SEGFACE_ASSIGN(pixels, read());
    *picture = new segface_picture{std::move(pixels)};
    return {};
  });
}

}  // namespace

const char* segface_class_name(std::int32_t dataset, std::int32_t label, std::int32_t which) {
  const ClassInfo* const known = find_class(dataset, label);
  if (known == nullptr) return nullptr;
  switch (which) {
    case SEGFACE_NAME:
      return known->name.data();
    case SEGFACE_OFFICIAL_NAME:
      return known->official.data();
    case SEGFACE_SUBJECT_NAME:
      return known->subject.data();
    default:
      return nullptr;
  }
}
std::uint32_t segface_class_color(std::int32_t dataset, std::int32_t label) {
  const ClassInfo* const known = find_class(dataset, label);
  if (known == nullptr) return 0;
  const Rgb color = known->color;
  return static_cast<std::uint32_t>(color.r << 16 | color.g << 8 | color.b);
}
std::uint32_t segface_group_labels(std::int32_t dataset, std::int32_t group) {
  const auto known = dataset_of(dataset);
  if (!known.ok() || group < SEGFACE_GROUP_SKIN || group > SEGFACE_GROUP_HAIR) return 0;
  return label_mask(*known, static_cast<LabelGroup>(group));
}
segface_status segface_numbering(std::int32_t dataset, std::int32_t numbering, std::uint8_t* table) {
  return answer([&]() -> Status {
    SEGFACE_ASSIGN(known, dataset_of(dataset));
    if (numbering < SEGFACE_AS_CELEB || numbering > SEGFACE_AS_BISENET) {
      return error(Errc::invalid_argument, "numbering ", numbering, " is none of SEGFACE_AS_CELEB and so on");
    }
    SEGFACE_RETURN_IF_ERROR(check_given(table, "the table"));
    const auto conversion = numbering_conversion(numbering_of(known), static_cast<Numbering>(numbering));
    std::copy(conversion.begin(), conversion.end(), table);
    return {};
  });
}

segface_status segface_picture_read(const char* path, segface_picture** picture) {
  return make_picture(picture, [&]() -> Result<Image> {
    SEGFACE_RETURN_IF_ERROR(check_given(path, "the path"));
    return load_image(path);
  });
}
segface_status segface_picture_decode(const void* file, size_t size, segface_picture** picture) {
  return make_picture(picture, [&]() -> Result<Image> {
    SEGFACE_RETURN_IF_ERROR(check_given(file, "the file"));
    return decode_image({static_cast<const std::uint8_t*>(file), size}, "the picture");
  });
}
segface_status segface_picture_view(const segface_picture* picture, segface_image* view) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(picture, "the picture"));
    SEGFACE_RETURN_IF_ERROR(check_given(view, "the place for the view"));
    const Image& pixels = picture->pixels;
    *view = {pixels.data(), pixels.width(), pixels.height(), pixels.stride_bytes(), SEGFACE_RGB};
    return {};
  });
}
void segface_picture_free(segface_picture* picture) {
  delete picture;
}

segface_status segface_overlay(const segface_image* photo, const std::uint8_t* labels, std::int32_t dataset,
                               double alpha, std::uint8_t* rgb) {
  return answer([&]() -> Status {
    SEGFACE_ASSIGN(view, view_of(photo, "the photo"));
    SEGFACE_ASSIGN(known, dataset_of(dataset));
    SEGFACE_RETURN_IF_ERROR(check_given(rgb, "the place for the overlay"));
    const ImageView grey(labels, view.width, view.height, PixelOrder::gray);
    SEGFACE_ASSIGN(rows, Overlay::make(view, grey, known, static_cast<float>(alpha)));
    for (Index y = 0; y < view.height; ++y) rows.row(y, rgb + 3 * y * view.width);
    return {};
  });
}

segface_status segface_cutout(const segface_image* photo, const float* matte, std::uint8_t* rgba) {
  return answer([&]() -> Status {
    SEGFACE_ASSIGN(view, view_of(photo, "the photo"));
    SEGFACE_RETURN_IF_ERROR(check_given(matte, "the matte"));
    SEGFACE_RETURN_IF_ERROR(check_given(rgba, "the place for the cutout"));
    SEGFACE_ASSIGN(cut, cutout(view, Span<const float>(matte, static_cast<std::size_t>(view.width * view.height))));
    std::copy_n(cut.data(), cut.size_bytes(), rgba);
    return {};
  });
}

segface_status segface_save_picture(const char* path, const segface_image* picture) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(path, "the path"));
    SEGFACE_ASSIGN(view, view_of(picture, "the picture"));
    const bool alpha = view.order == PixelOrder::rgba || view.order == PixelOrder::bgra;
    return save_png(path, view, OutputFile::Existing::replace, alpha ? PngAlpha::keep : PngAlpha::leave_out);
  });
}
segface_status segface_save_labels(const char* path, const std::uint8_t* labels, ptrdiff_t width, ptrdiff_t height,
                                   std::int32_t dataset) {
  return answer([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(check_given(path, "the path"));
    SEGFACE_ASSIGN(known, dataset_of(dataset));
    const ImageView view(labels, width, height, PixelOrder::gray);
    SEGFACE_RETURN_IF_ERROR(view.validate());
    return save_label_png(path, view, known);
  });
}
