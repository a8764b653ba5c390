// Weight files of bytes with scales: what is read of them, and what is refused.
#include "segface/tensors/scaled_tensors.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "segface/segface.hpp"

#include "check_error.hpp"
#include "network/small_weight_file.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// The small network as a checkpoint, converted once more.
const std::string& bytes_file() {
  static const std::string file = [] {
    const TempDirectory directory;
    const Bytes floats = test::small_weight_file();
    directory.write("w.safetensors", std::string(reinterpret_cast<const char*>(floats.data()), floats.size()));
    ConvertOptions options;
    options.dtype = DType::i8;
    options.resolution = 64;
    SerialExecutor executor;
    const Converted converted =
        convert(cpu::Backend(), directory.file("w.safetensors"), directory.file("i8.safetensors"), options, executor)
            .value();
    CHECK(converted.dropped == 0);
    return directory.read("i8.safetensors");
  }();
  return file;
}
Bytes bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Tensors in memory.
class Tensors final : public TensorSource {
 public:
  struct Tensor {
    TensorInfo info;
    std::vector<std::uint8_t> bytes;
  };
  void add(const std::string& tensor, DType dtype, const Shape& shape, const void* values) {
    const auto* const begin = static_cast<const std::uint8_t*>(values);
    const TensorInfo info = {tensor, dtype, shape};
    tensors_.push_back({info, {begin, begin + info.bytes()}});
  }
  const std::string& name() const noexcept override { return name_; }
  std::size_t size() const noexcept override { return tensors_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return tensors_[index].info; }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    std::copy(tensors_[index].bytes.begin(), tensors_[index].bytes.end(), out);
    return {};
  }

 private:
  std::string name_ = "w.safetensors";
  std::vector<Tensor> tensors_;
};

constexpr std::int8_t kBytes[] = {127, -127, 0, 1, 2, -3};
constexpr float kScales[] = {0.5f, 0.25f};

void refused(const Tensors& tensors, Errc code, const std::vector<std::string>& words) {
  const auto scaled = ScaledTensors::make(tensors);
  REQUIRE_FALSE(scaled.ok());
  test::check_error(scaled.error(), code, words);
}

}  // namespace

TEST_CASE("bytes with scales are read as floats, others as they are") {
  Tensors tensors;
  tensors.add("a.weight.scale", DType::f32, {2}, kScales);
  tensors.add("b.scale", DType::f32, {2}, kScales);
  tensors.add("a.weight", DType::i8, {2, 3}, kBytes);
  const ScaledTensors scaled = ScaledTensors::make(tensors).value();
  CHECK(scaled.any());
  REQUIRE(scaled.size() == 2);
  CHECK(scaled.info(0).name == "b.scale");
  CHECK(scaled.info(1).name == "a.weight");
  CHECK(scaled.info(1).dtype == DType::f32);
  const Buffer<float> values = Weight{&scaled, 1}.read().value();
  const std::vector<float> expected = {63.5f, -63.5f, 0, 0.25f, 0.5f, -0.75f};
  CHECK(std::vector<float>(values.begin(), values.end()) == expected);
  CHECK(Weight{&scaled, 0}.read().value()[1] == 0.25f);

  Tensors plain;
  plain.add("b", DType::f32, {2}, kScales);
  CHECK_FALSE(ScaledTensors::make(plain)->any());
}

TEST_CASE("scales that are missing, misshapen or no numbers are named") {
  Tensors missing;
  missing.add("a.weight", DType::i8, {2, 3}, kBytes);
  missing.add("b.weight", DType::i8, {1, 6}, kBytes);
  refused(missing, Errc::missing_tensor,
          {"w.safetensors: 2 tensors of I8 lack their scales, the first is 'a.weight.scale'", "convert"});
  Tensors misshapen;
  misshapen.add("a.weight", DType::i8, {3, 2}, kBytes);
  misshapen.add("a.weight.scale", DType::f32, {2}, kScales);
  refused(misshapen, Errc::shape_mismatch, {"'a.weight.scale' has shape [2], expected [3]"});
  Tensors halves;
  halves.add("a.weight", DType::i8, {2, 3}, kBytes);
  halves.add("a.weight.scale", DType::f16, {2}, kScales);
  refused(halves, Errc::unsupported_dtype, {"'a.weight.scale' holds F16, expected F32"});
  Tensors infinite;
  const float bad[] = {1, INFINITY};
  infinite.add("a.weight", DType::i8, {2, 3}, kBytes);
  infinite.add("a.weight.scale", DType::f32, {2}, bad);
  const ScaledTensors scaled = ScaledTensors::make(infinite).value();
  const auto read = Weight{&scaled, 0}.read();
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code() == Errc::non_finite);
  CHECK(std::string(read.error().message()).find("'a.weight.scale' is not a finite number at index 1") !=
        std::string::npos);
}

TEST_CASE("a weight file of bytes: near its floats, a third of their size, the same network on every backend") {
  const Bytes floats = test::small_weight_file();
  const Bytes bytes = bytes_of_text(bytes_file());
  CHECK(3 * bytes.size() < floats.size());
  const WeightFile before = WeightFile::from_memory(floats).value(), after = WeightFile::from_memory(bytes).value();
  CHECK(after.info().dtype == DType::i8);
  REQUIRE(after.tensors().size() == before.tensors().size());
  std::size_t rounded = 0;
  for (std::size_t i = 0; i < before.tensors().size(); ++i) {
    const TensorInfo& info = before.tensors().info(i);
    CAPTURE(info.name);
    REQUIRE(after.tensors().info(i).name == info.name);
    const Buffer<float> x = Weight{&before.tensors(), i}.read().value();
    const Buffer<float> y = Weight{&after.tensors(), i}.read().value();
    const std::size_t row = info.shape.rank == 0 ? 1 : x.size() / static_cast<std::size_t>(info.shape.dims[0]);
    bool equal = true, near = true;
    for (std::size_t first = 0; first < x.size(); first += row) {
      float most = 0;
      for (std::size_t k = first; k < first + row; ++k) most = std::max(most, std::fabs(x[k]));
      for (std::size_t k = first; k < first + row; ++k) {
        equal = equal && x[k] == y[k];
        near = near && std::fabs(x[k] - y[k]) <= most * (0.501f / 127);
      }
    }
    CHECK(near);
    rounded += !equal;
  }
  CHECK(rounded > 80);

  Options options;
  options.self_test = true;  // of the values as they are stored
  CHECK(Parser::from_memory(bytes, options).ok());
  CHECK(BasicParser<reference::Backend<float>>::from_memory(bytes, options).ok());

  // A scale that is lost on the way.
  std::string cut = bytes_file();
  const std::size_t at = cut.find("linear_fuse.weight.scale");
  REQUIRE(at != std::string::npos);
  cut[at] = 'L';
  const auto opened = WeightFile::from_memory(bytes_of_text(cut));
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code() == Errc::missing_tensor);
  CHECK(std::string(opened.error().message()).find("'linear_fuse.weight.scale'") != std::string::npos);
}
