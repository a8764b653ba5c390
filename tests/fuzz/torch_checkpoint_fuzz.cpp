// Any bytes, opened as a checkpoint and read tensor by tensor. Bytes that begin as a pickle are wrapped in an archive
// first, because mutation alone does not find checksums.
#include <memory>

#include "segface/networks/segface/variant.hpp"
#include "segface/tensors/plain_names.hpp"
#include "segface/tensors/torch_checkpoint.hpp"

#include "fuzz.hpp"
#include "tensors/torch_writer.hpp"

namespace {

using namespace fuzz;

std::string archive_of(Bytes pickle) {
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  zip.add("x/data.pkl", pickle.data(), pickle.size());
  for (const std::size_t record : {432u, 16u, 8u, 40u}) {
    zip.add("x/data/" + std::to_string(zip.size() - 1), std::string(record, 'x'));
  }
  zip.add("x/version", "3\n");
  zip.finish();
  return std::move(sink.content);
}

}  // namespace

SEGFACE_FUZZ_TARGET(torch_checkpoint, 200) {
  constexpr std::size_t kLargest = std::size_t{1} << 20;  // an expanded view may claim any size
  std::string archive;
  if (!input.empty() && input[0] == 0x80) archive = archive_of(input);
  const Bytes bytes = archive.empty() ? input : bytes_of(archive);
  auto checkpoint = TorchCheckpoint::from_memory(bytes);
  if (!checkpoint.ok()) return demand_reason(checkpoint.error());
  for (std::size_t i = 0; i < checkpoint->size(); ++i) {
    const std::size_t needed = checkpoint->info(i).bytes();
    if (needed > kLargest) continue;
    std::vector<std::uint8_t> out(needed + 1);
    const Status status = checkpoint->read(i, out.data());
    if (!status.ok()) demand_reason(status);
  }
  const auto plain = PlainNames::make(std::make_unique<TorchCheckpoint>(std::move(*checkpoint)));
  if (!plain.ok()) return demand_reason(plain.error());
  (void)detect_variant(**plain);
}
