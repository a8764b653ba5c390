// Where frames come from and go to: streams in files and pipes, and folders of numbered pictures.
//
// A stream that is written grows in its file: whatever ends it, frames that are whole stay, and can be played.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/image/file.hpp"
#include "segface/image/frame_colors.hpp"
#include "segface/image/frame_reader.hpp"

#include "output.hpp"
#include "photo_list.hpp"
#include "request.hpp"
#include "system.hpp"

namespace tool {

// "frame9.png" comes before "frame10.png".
inline bool comes_before(const std::string& a, const std::string& b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    std::size_t u = i, v = j;
    while (u < a.size() && is_digit(a[u])) ++u;
    while (v < b.size() && is_digit(b[v])) ++v;
    if (u - i != v - j) return u - i < v - j;
    const int order = a.compare(i, u - i, b, j, v - j);
    if (order != 0) return order < 0;
    i = u, j = v;
  }
  return a.size() - i != b.size() - j ? a.size() - i < b.size() - j : a < b;
}

// Frames in their order.
class VideoInput {
 public:
  // A file, a folder, or "-". Errors: those of FrameReader::open and InputFile::open, io and invalid_argument (a folder
  // that cannot be read or has no picture).
  static Result<VideoInput> open(const std::string& path) {
    VideoInput input;
    input.path_ = path;
    if (path != PhotoSelection::kStandardInput && is_directory(path)) {
      SEGFACE_RETURN_IF_ERROR(input.list());
      return Result<VideoInput>(std::move(input));
    }
    FrameReader::Source source = [](Span<std::uint8_t> out) -> Result<std::size_t> {
      const std::ptrdiff_t got = read_standard_input(out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      return error(errno == EINTR ? Errc::cancelled : Errc::io, "cannot read: ", std::strerror(errno));
    };
    if (path != PhotoSelection::kStandardInput) {
      SEGFACE_ASSIGN(file, InputFile::open(path));
      input.bytes_ = file.size();
      auto shared = std::make_shared<InputFile>(std::move(file));
      source = [shared, at = std::uint64_t{0}](Span<std::uint8_t> out) mutable -> Result<std::size_t> {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), shared->size() - at));
        if (count != 0) SEGFACE_RETURN_IF_ERROR(shared->read_at(at, out.data(), count));
        at += count;
        return count;
      };
    }
    auto reader = FrameReader::open(std::move(source));
    if (!reader.ok()) return in_context(reader.error(), input.shown_path());
    input.reader_ = std::move(*reader);
    return Result<VideoInput>(std::move(input));
  }

  bool is_folder() const { return !reader_; }
  // Of a stream.
  const FrameFormat& format() const { return reader_->format(); }
  Frame& frame() { return frame_; }
  // Of a folder: the last picture, and the names of all.
  const Image& picture() const { return picture_; }
  const std::vector<std::string>& names() const { return names_; }
  Index count() const { return reader_ ? reader_->count() : count_; }
  // How many frames there are in all; 0 where that is not known.
  Index total() const {
    if (!reader_) return static_cast<Index>(names_.size());
    const FrameFormat& format = reader_->format();
    return static_cast<Index>(bytes_ / (format.frame_bytes() + format.frame_header().size()));
  }
  std::string shown_path() const { return path_ == PhotoSelection::kStandardInput ? "standard input" : path_; }

  // False behind the last one. Errors name the frame.
  Result<bool> next() {
    if (reader_) {
      const Result<bool> read = reader_->next(frame_);
      return read.ok() ? read : in_context(read.error(), shown_path());
    }
    if (count_ == static_cast<Index>(names_.size())) return false;
    const std::string path = as_folder(path_) + names_[static_cast<std::size_t>(count_)];
    auto image = load_image(path);
    if (!image.ok()) return in_context(image.error(), "frame ", count_ + 1);
    if (!picture_.empty() && (image->width() != picture_.width() || image->height() != picture_.height())) {
      return error(Errc::unsupported_image, "frame ", count_ + 1, ": ", path, ": ", image->width(), " x ",
                   image->height(), " pixels, behind frames of ", picture_.width(), " x ", picture_.height(),
                   "; all frames have one size");
    }
    picture_ = std::move(*image);
    ++count_;
    return true;
  }

 private:
  Status list() {
    SEGFACE_ASSIGN(names, list_directory(path_));
    for (const std::string& name : names) {
      if (is_jpeg_name(name) || ending(name) == ".png") names_.push_back(name);
    }
    std::sort(names_.begin(), names_.end(), comes_before);
    if (!names_.empty()) return {};
    return error(Errc::io, path_, ": a folder without pictures; looked for .png, .jpg and .jpeg");
  }

  std::string path_;
  std::uint64_t bytes_ = 0;
  std::optional<FrameReader> reader_;  // none of a folder
  Frame frame_;
  std::vector<std::string> names_;
  Image picture_;
  Index count_ = 0;
};

// A stream of frames, in a file or on standard output.
class VideoOutput {
 public:
  // Errors: output.
  static Result<VideoOutput> open(const std::string& path) {
    VideoOutput output;
    output.path_ = path;
    if (path == kStandardStream) return Result<VideoOutput>(std::move(output));
    FileInfo info;
    describe_path(path, info);
    const bool grows = info.kind == FileInfo::Kind::regular || info.kind == FileInfo::Kind::none;
    output.cuts_ = grows && !is_standard_stream(path);
    output.file_ = output.cuts_ ? FileDescriptor::create(path) : FileDescriptor::open_device(path);
    if (!output.file_.is_open()) {
      return error(Errc::output, path, ": cannot open for writing: ", std::strerror(errno));
    }
    return Result<VideoOutput>(std::move(output));
  }

  // All of a frame, or the header of a stream. Where that fails, the file ends behind the last that was whole. Errors:
  // output.
  Status write(std::string_view header, Bytes data) {
    const Bytes front(reinterpret_cast<const std::uint8_t*>(header.data()), header.size());
    for (const Bytes& part : {front, data}) {
      const int reason = put(part);
      if (reason == 0) continue;
      if (cuts_) static_cast<void>(file_.cut(whole_));
      return error(Errc::output, shown_path(), ": cannot write: ", std::strerror(reason));
    }
    whole_ += front.size() + data.size();
    return {};
  }
  // Errors: output.
  Status close() {
    if (path_ == kStandardStream || file_.close()) return {};
    return error(Errc::output, path_, ": cannot write: ", std::strerror(errno));
  }

 private:
  std::string shown_path() const { return path_ == kStandardStream ? "standard output" : path_; }
  int put(Bytes bytes) {
    if (bytes.size() == 0) return 0;
    if (path_ != kStandardStream) return file_.write(bytes);
    errno = 0;
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() && std::fflush(stdout) == 0;
    return written ? 0 : errno == 0 ? EIO : errno;
  }

  std::string path_;
  FileDescriptor file_;
  bool cuts_ = false;
  std::uint64_t whole_ = 0;  // bytes of what is whole
};

}  // namespace tool
