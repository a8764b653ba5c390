// Which checkpoints are taken for a network, whatever training wrapped around it, and what is said of the others.
#include "segface/engine/convert.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/temp_directory.hpp"
#include "network/network.hpp"
#include "tensors/torch_writer.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// A checkpoint's tensors under other names, with others beside them, and one number changed.
class Changed final : public TensorSource {
 public:
  explicit Changed(const TensorSource& source) : source_(source) {
    for (std::size_t i = 0; i < source.size(); ++i) infos.push_back(source.info(i));
  }

  const std::string& name() const noexcept override { return source_.name(); }
  std::size_t size() const noexcept override { return infos.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return infos[index]; }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    std::memset(out, 0, infos[index].bytes());
    if (index < source_.size()) SEGFACE_RETURN_IF_ERROR(source_.read(index, out));
    if (infos[index].name == large) std::memcpy(out, &value, sizeof value);
    return {};
  }

  std::vector<TensorInfo> infos;
  std::string large;  // the tensor whose first number is `value`
  float value = 0;

 private:
  const TensorSource& source_;
};

const SyntheticCheckpoint& mobilenet() {
  static const SyntheticCheckpoint source = test::synthetic(Backbone::mobilenet, Dataset::celeb, 1);
  return source;
}

std::string write_torch(const TempDirectory& directory, const TensorSource& source) {
  torch_writer::FileSink sink(directory.file("model_299.pt"));
  torch_writer::write_checkpoint(source, "model_299", false, sink);
  REQUIRE(sink.finish());
  return directory.file("model_299.pt");
}
std::string write_safetensors(const TempDirectory& directory, const TensorSource& source) {
  const std::string path = directory.file("model.safetensors");
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < source.size(); ++i) infos.push_back(source.info(i));
  SafetensorsWriter writer = SafetensorsWriter::open(path, infos, {}, OutputFile::Existing::replace).value();
  for (std::size_t i = 0; i < source.size(); ++i) {
    std::vector<std::uint8_t> tensor(source.info(i).bytes());
    source.read(i, tensor.data()).or_throw();
    writer.append({tensor.data(), tensor.size()}).or_throw();
  }
  writer.commit().or_throw();
  return path;
}

// What is said of the changed checkpoint; empty where it is a network.
std::string verdict(const std::function<void(Changed&)>& change) {
  const TempDirectory directory;
  Changed changed(mobilenet());
  change(changed);
  std::string message;
  for (const std::string& path : {write_torch(directory, changed), write_safetensors(directory, changed)}) {
    const auto checkpoint = open_checkpoint(path, false);
    const auto variant = checkpoint.ok() ? detect_variant(**checkpoint) : Result<Variant>(checkpoint.error());
    CHECK((variant.ok() ? variant->backbone == Backbone::mobilenet : true));
    message += variant.error().message();
  }
  return message;
}
bool says(const std::string& message, const std::string& words) {
  const std::size_t first = message.find(words);
  return first != std::string::npos && message.find(words, first + 1) != std::string::npos;  // in both formats
}

}  // namespace

TEST_CASE("prefixes that training puts in front of all names are taken off, in every format") {
  for (const char* prefix : {"", "module.", "_orig_mod.", "model.", "module.module.", "_orig_mod.module.",
                             "module._orig_mod.", "model._orig_mod.module."}) {
    CAPTURE(prefix);
    CHECK(verdict([&](Changed& c) {
            for (TensorInfo& info : c.infos) info.name.insert(0, prefix);
          }) == "");
  }
  const std::string other = verdict([](Changed& c) {
    for (TensorInfo& info : c.infos) info.name.insert(0, "encoder.");
  });
  CHECK(says(other, "none of the networks known here"));
  CHECK(says(other, "unexpected: encoder.backbone"));
}

TEST_CASE("tensors beside a whole network are told from tensors that it lacks") {
  const auto add = [](const char* name) {
    return [name](Changed& c) {
      for (TensorInfo& info : c.infos) info.name.insert(0, "module.");
      c.infos.push_back({name, DType::f32, {3}});
    };
  };
  const std::string spare = verdict(add("metric.w.a"));
  CAPTURE(spare);
  CHECK(says(spare, "a whole mobilenet with 19 classes and tensors that are not its own"));
  CHECK(says(spare, "1 unexpected: metric.w.a"));
  CHECK(spare.find("none of the networks") == std::string::npos);

  const std::string twice = verdict(add("model.linear_fuse.weight"));
  CAPTURE(twice);
  CHECK(says(twice, "'linear_fuse.weight' is there with several prefixes"));

  const std::string lacking = verdict([](Changed& c) {
    for (TensorInfo& info : c.infos) {
      if (info.name == "linear_fuse.weight") info.name = "linear_fuse.w";
    }
  });
  CHECK(says(lacking, "none of the networks known here; the nearest is mobilenet with 19 classes"));
  CHECK(says(lacking, "1 missing: linear_fuse.weight"));
}

TEST_CASE("a number that the format asked for cannot hold is named as such") {
  const auto written = [](float value, DType dtype) {
    Changed changed(mobilenet());
    changed.large = "backbone.0.1.running_var";
    changed.value = value;
    SegFaceWeights weights(Backbone::mobilenet, Dataset::celeb);
    bind(weights, changed).or_throw();
    const RoundedTensors rounded(changed, weights, dtype);
    std::size_t i = 0;
    while (rounded.info(i).name != changed.large) ++i;
    std::vector<std::uint8_t> bytes(rounded.info(i).bytes());
    return rounded.read(i, bytes.data());
  };
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) CHECK(written(65519.0f, dtype).ok());
  CHECK(written(1e5f, DType::bf16).ok());
  CHECK(written(3.4e38f, DType::f32).ok());
  const Status half = written(1e5f, DType::f16);
  CHECK(half.code() == Errc::overflow);
  CHECK(std::string(half.message())
            .find("'backbone.0.1.running_var' has a number beyond 65504, where F16 ends, at index 0") !=
        std::string::npos);
  CHECK(written(-65520.0f, DType::f16).code() == Errc::overflow);
  CHECK(written(3.4e38f, DType::bf16).code() == Errc::overflow);
}
