// A finder's weights as a file: any bytes; a header's text; or the real file, cut short or with other bytes in its header
// and other numbers among its weights. What is loaded also looks at a photo.
#include <cstring>
#include <fstream>
#include <iterator>

#include "segface/image/file.hpp"

#include "fuzz.hpp"
#include "networks/networks.hpp"

namespace {

using namespace fuzz;

const std::string& real_file() {
  static const std::string file = [] {
    std::ifstream stream(SEGFACE_TEST_DATA "/../../weights/finder.safetensors", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }();
  return file;
}
const Image& photo() {
  static const Image picture = load_image(SEGFACE_TEST_DATA "/images/astronaut_224x224.png").value();
  return picture;
}

// A file of a text as its header, and of zeros.
std::string with_header(std::string_view text) {
  std::string file(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(text.size() >> 8 * i & 255);
  return file.append(text).append(4096, '\0');
}

std::string changed(Numbers& numbers) {
  std::string file = real_file();
  std::uint64_t header = 0;
  for (std::size_t i = 0; i < 8; ++i) header |= std::uint64_t{static_cast<std::uint8_t>(file[i])} << 8 * i;
  const std::size_t first = 8 + static_cast<std::size_t>(header), words = (file.size() - first) / sizeof(float);
  constexpr std::uint32_t kBits[] = {0x7f7fffff, 0xff7fffff, 0x7f800000, 0x7fc00000, 0x00000001, 0x80000000,
                                     0x00800000, 0x5f000000, 0x00000000, 0x4b000000, 0x3f800000, 0xbf800000};
  for (int steps = 0; steps < 4 && numbers.more(); ++steps) {
    const auto place = [&](std::size_t count) {
      return count * static_cast<std::size_t>(numbers.within(0, 0xffff)) / 0x10000;
    };
    switch (numbers.byte() % 8) {
      case 0:
        file.resize(std::min(file.size(), place(real_file().size())));
        break;
      case 1:
      case 2:
      case 3: {
        const std::size_t at = place(first);
        if (at < file.size()) file[at] = static_cast<char>(numbers.byte());
        break;
      }
      default: {
        const std::uint32_t bits = kBits[numbers.byte() % 12];
        const std::size_t at = place(words), count = numbers.flag() ? 1 : 4096;
        for (std::size_t i = at; i < at + count && first + (i + 1) * sizeof bits <= file.size(); ++i) {
          std::memcpy(&file[first + i * sizeof bits], &bits, sizeof bits);
        }
      }
    }
  }
  return file;
}

void load_and_find(Bytes file, Numbers& numbers) {
  Options loading = one_thread();
  loading.self_test = numbers.flag();
  const auto finder = Finder::from_memory(file, loading);
  if (!finder.ok()) return demand_reason(finder.error());
  const auto difference = finder->self_test();
  if (!difference.ok()) demand_reason(difference.error());
  FindOptions options;
  options.turns = numbers.flag() ? 4 : 1;
  options.most = numbers.byte() % 4;
  const Index side = 128 - numbers.byte() % 128;  // the head is in there
  const ImageView part(photo().data(), side, side, photo().stride_bytes(), PixelOrder::rgb);
  const auto faces = finder->find(part, options);
  if (!faces.ok()) return demand_reason(faces.error());
  demand(options.most == 0 || static_cast<Index>(faces->found.size()) <= options.most, "at most as many as asked for");
}

}  // namespace

SEGFACE_FUZZ_TARGET(finder, 8) {
  Numbers numbers(input);
  const int kind = numbers.byte() % 4;
  if (kind == 0) return load_and_find(numbers.rest(), numbers);
  const std::string file = kind == 1 ? with_header(text_of(numbers.rest())) : changed(numbers);
  load_and_find(bytes_of(file), numbers);
}
