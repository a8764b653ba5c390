// Safetensors files and weight files from memory. An input that begins with '{' is a header's text, and gets its length
// and as many bytes of data as its last offset says.
#include <cstring>

#include "segface/engine/weight_file.hpp"
#include "segface/tensors/safetensors.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

std::vector<std::uint8_t> file_of(std::string_view header, std::size_t data_bytes) {
  std::vector<std::uint8_t> file(8 + header.size() + data_bytes, 1);
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i));
  std::memcpy(file.data() + 8, header.data(), header.size());
  return file;
}

// The number before the text's last ']', where it is of a size to be made.
std::size_t last_offset(std::string_view text) {
  const std::size_t end = std::min(text.rfind(']'), text.size());
  std::size_t begin = end;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  std::uint64_t value = 0;
  return parse_decimal(text.substr(begin, end - begin), value) && value <= 1 << 16 ? static_cast<std::size_t>(value)
                                                                                   : 0;
}

std::vector<std::uint8_t> read(const SafetensorsFile& file, std::size_t tensor) {
  std::vector<std::uint8_t> bytes(file.info(tensor).bytes() + 1);  // so that there is a pointer for no bytes, too
  const Status status = file.read(tensor, bytes.data());
  demand(status.ok(), "a tensor of a file that was accepted", status.message());
  bytes.pop_back();
  return bytes;
}

// What was read is written, and read again.
void check_round_trip(const SafetensorsFile& file, std::size_t file_bytes) {
  std::vector<TensorInfo> infos;
  std::vector<std::uint8_t> data;
  for (std::size_t i = 0; i < file.size(); ++i) {
    infos.push_back(file.info(i));
    const auto bytes = read(file, i);
    data.insert(data.end(), bytes.begin(), bytes.end());
  }
  demand(data.size() <= file_bytes, "no byte that belongs to two tensors");
  const std::string text = SafetensorsHeader::format(infos, file.metadata(), 64).value();
  std::vector<std::uint8_t> written = file_of(text, 0);
  demand(written.size() % 64 == 0, "aligned data");
  written.insert(written.end(), data.begin(), data.end());
  const auto again = SafetensorsFile::from_memory({written.data(), written.size()});
  demand(again.ok(), "to read what was written", again.ok() ? "" : again.error().message());
  demand(again->size() == file.size() && again->metadata() == file.metadata(), "the same tensors and metadata");
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const TensorInfo& info = again->info(i);
    demand(info.name == infos[i].name && info.dtype == infos[i].dtype && info.shape == infos[i].shape, "its tensor",
           info.name);
    demand(read(*again, i) == read(file, i), "the tensor's bytes", info.name);
  }
}

void check(Bytes bytes) {
  SafetensorsLimits narrow;
  narrow.header_bytes = 200;
  narrow.tensors = 3;
  for (const SafetensorsLimits& limits : {SafetensorsLimits(), narrow}) {
    const auto file = SafetensorsFile::from_memory(bytes, "memory", limits);
    if (!file.ok()) {
      demand_reason(file.error());
      continue;
    }
    check_round_trip(*file, bytes.size());
    (void)detect_variant(*file);
  }
  const auto weights = WeightFile::from_memory(bytes);
  if (!weights.ok()) demand_reason(weights.error());
}

}  // namespace

SEGFACE_FUZZ_TARGET(safetensors, 200) {
  if (input.empty() || input[0] != '{') return check(input);
  const std::vector<std::uint8_t> file = file_of(text_of(input), last_offset(text_of(input)));
  check({file.data(), file.size()});
}
