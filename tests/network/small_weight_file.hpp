// A small weight file in memory: mobilenet, 19 classes, synthetic weights, resolution 64.
#pragma once

#include <string>

#include "segface/backends/reference.hpp"
#include "segface/weights/convert.hpp"

#include "base/temp_directory.hpp"
#include "network.hpp"

namespace test {

// Made once, by converting a checkpoint of the official layout.
inline Bytes small_weight_file() {
  static const std::string bytes = [] {
    const TempDirectory directory;
    const std::string checkpoint = directory.file("model_299.safetensors");
    const SyntheticCheckpoint source = synthetic(Backbone::mobilenet, 19, 1);
    std::vector<TensorInfo> infos;
    for (std::size_t i = 0; i < source.size(); ++i) infos.push_back(source.info(i));
    SafetensorsWriter writer =
        SafetensorsWriter::open(checkpoint, infos, {}, OutputFile::Existing::refuse).value_or_throw();
    for (std::size_t i = 0; i < source.size(); ++i) {
      std::vector<std::uint8_t> tensor(source.info(i).bytes());
      throw_if_error(source.read(i, tensor.data()));
      throw_if_error(writer.append({tensor.data(), tensor.size()}));
    }
    throw_if_error(writer.commit());
    ConvertOptions options;
    options.resolution = 64;
    SerialExecutor executor;
    convert(reference::Backend<float>(), checkpoint, directory.file("small.safetensors"), options, executor)
        .value_or_throw();
    return directory.read("small.safetensors");
  }();
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace test
