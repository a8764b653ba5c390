// libFuzzer target: any bytes, opened as a checkpoint and read tensor by tensor. Bytes that begin as a pickle are
// wrapped in an archive first, because mutation alone does not find checksums.
//
// clang++ -std=c++17 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Itests
//         tests/fuzz/torch_checkpoint_fuzz.cpp -o fuzz
// ./fuzz -max_len=11000 -max_total_time=60 CORPUS tests/data/pt
#include <cstdint>
#include <string>

#include "segface/tensors/torch_checkpoint.hpp"

#include "tensors/torch_writer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLargest = std::size_t{1} << 20;  // an expanded view may claim any size
  torch_writer::MemorySink sink;
  segface::Bytes bytes(data, size);
  if (size != 0 && data[0] == 0x80) {
    torch_writer::ZipWriter zip(sink);
    zip.add("x/data.pkl", data, size);
    for (const std::size_t record : {432u, 16u, 8u, 40u}) {
      zip.add("x/data/" + std::to_string(zip.size() - 1), std::string(record, 'x'));
    }
    zip.add("x/version", "3\n");
    zip.finish();
    bytes = {reinterpret_cast<const std::uint8_t*>(sink.content.data()), sink.content.size()};
  }
  const auto checkpoint = segface::TorchCheckpoint::from_memory(bytes);
  for (std::size_t i = 0; checkpoint.ok() && i < checkpoint->size(); ++i) {
    const std::size_t needed = checkpoint->info(i).bytes();
    if (needed > kLargest) continue;
    auto out = segface::Buffer<std::uint8_t>::make(needed);
    if (out.ok()) (void)checkpoint->read(i, out->data());
  }
  return 0;
}
