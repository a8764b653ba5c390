// Small weight files in memory: mobilenet, synthetic weights.
#pragma once

#include <string>

#include "segface/backends/reference.hpp"
#include "segface/engine/convert.hpp"

#include "base/temp_directory.hpp"
#include "network.hpp"

namespace test {

// Made once, by converting a checkpoint of the official layout.
inline std::string make_small_weight_file(Dataset dataset, Index resolution = 64) {
  const TempDirectory directory;
  const std::string checkpoint = directory.file("model_299.safetensors");
  const SyntheticCheckpoint source = synthetic(Backbone::mobilenet, dataset, 1);
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < source.size(); ++i) infos.push_back(source.info(i));
  SafetensorsWriter writer = SafetensorsWriter::open(checkpoint, infos, {}, OutputFile::Existing::refuse).value();
  for (std::size_t i = 0; i < source.size(); ++i) {
    std::vector<std::uint8_t> tensor(source.info(i).bytes());
    source.read(i, tensor.data()).or_throw();
    writer.append({tensor.data(), tensor.size()}).or_throw();
  }
  writer.commit().or_throw();
  ConvertOptions options;
  options.resolution = resolution;
  options.dataset = dataset;
  SerialExecutor executor;
  convert(reference::Backend<float>(), checkpoint, directory.file("small.safetensors"), options, executor).value();
  return directory.read("small.safetensors");
}

// CelebAMask-HQ, or LaPa, of resolution 64.
inline Bytes small_weight_file(Dataset dataset = Dataset::celeb) {
  static const std::string celeb = make_small_weight_file(Dataset::celeb), lapa = make_small_weight_file(Dataset::lapa);
  const std::string& bytes = dataset == Dataset::lapa ? lapa : celeb;
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace test
