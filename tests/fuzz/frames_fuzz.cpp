// Any bytes as a stream of frames, Y4M or PNM, as they are and in small pieces: what is read is what was there, every pixel
// has a colour, frames on which nothing is drawn stay as they are, and headers that are written are read again.
#include <algorithm>
#include <string>

#include "segface/image/frame_colors.hpp"
#include "segface/image/frame_reader.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

// What a stream may cost here.
ImageLimits limits() {
  ImageLimits narrow;
  narrow.max_pixels = Index{1} << 16;
  return narrow;
}

FrameReader::Source source_of(Bytes bytes, std::size_t at_a_time) {
  return [bytes, at_a_time, at = std::size_t{0}](Span<std::uint8_t> out) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({at_a_time, out.size(), bytes.size() - at});
    std::copy_n(bytes.data() + at, count, out.data());
    at += count;
    return count;
  };
}

volatile unsigned sink;

void check_frame(const FrameFormat& format, Frame& frame) {
  demand(frame.data.size() == format.frame_bytes(), "a whole frame");
  SerialExecutor serial;
  Image room;
  const FrameColors colors(format, likely_matrix(format));
  const auto picture = colors.picture(frame.data.span(), room, serial);
  demand(picture.ok() && picture->width == format.width && picture->height == format.height, "its picture");
  unsigned sum = 0;
  for (Index y = 0; y < picture->height; ++y) {
    for (Index x = 0; x < picture->width; ++x) sum += picture->rgb(x, y).g;
  }
  sink = sum;
  const std::vector<std::uint8_t> before(frame.data.begin(), frame.data.end());
  colors.put(*picture, *picture, {0, 0, picture->width, picture->height}, frame.data.span(), serial);
  demand(std::equal(before.begin(), before.end(), frame.data.begin()), "bytes that stay where nothing is drawn");
  if (!format.is_y4m()) return;
  Image drawn = Image::make(format.width, format.height, PixelOrder::rgb).value();
  for (std::size_t i = 0; i < drawn.size_bytes(); ++i)
    drawn.data()[i] = static_cast<std::uint8_t>(255 - room.data()[i]);
  colors.put(*picture, drawn.view(), {0, 0, picture->width, picture->height}, frame.data.span(), serial);
}

// The stream's frames; the text that was read.
std::string read_all(Bytes input, std::size_t at_a_time, Index& count) {
  auto reader = FrameReader::open(source_of(input, at_a_time), limits());
  if (!reader.ok()) {
    demand_reason(reader.error());
    return {};
  }
  const FrameFormat& format = reader->format();
  demand(format.width > 0 && format.height > 0 && format.width <= limits().max_pixels / format.height,
         "a size within the limits");
  for (const FrameFormat& made : {format, format.gray(), format.with_alpha()}) {
    const std::string header = made.stream_header() + made.frame_header();
    const auto again = FrameReader::open(source_of(bytes_of(header), 64), limits());
    demand(again.ok() && again->format().goes_on_as(made), "a header that is read again", header);
  }
  std::string read = format.header;
  Frame frame;
  while (true) {
    const Result<bool> next = reader->next(frame);
    if (!next.ok()) demand_reason(next.error());
    if (!next.ok() || !*next) break;
    read += frame.header;
    read.append(reinterpret_cast<const char*>(frame.data.data()), frame.data.size());
    if (++count <= 2) check_frame(format, frame);
  }
  demand(count == reader->count(), "all frames counted");
  demand(text_of(input).substr(0, read.size()) == read, "the very bytes that came");
  return read;
}

}  // namespace

SEGFACE_FUZZ_TARGET(frames, 150) {
  Index at_once = 0, in_pieces = 0;
  const std::string whole = read_all(input, SIZE_MAX, at_once);
  demand(whole == read_all(input, 3, in_pieces) && at_once == in_pieces, "the same in pieces");
}
