#include "segface/tensors/synthetic.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

using namespace segface;
using namespace segface::core;

namespace {

std::string content(const TensorSource& source, std::size_t index) {
  std::string bytes(source.info(index).bytes(), '\0');
  CHECK(source.read(index, reinterpret_cast<std::uint8_t*>(bytes.data())).ok());
  return bytes;
}
template <class T>
std::vector<T> values(const TensorSource& source, std::size_t index) {
  const std::string bytes = content(source, index);
  std::vector<T> result(bytes.size() / sizeof(T));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}
Errc failure(std::vector<TensorInfo> tensors) {
  return SyntheticCheckpoint::make(std::move(tensors), 1).error().code();
}

}  // namespace

TEST_CASE("the published vectors, seed 1") {
  CHECK(fnv1a("linear_fuse.weight") == 0x301a50a4f05e48aau);
  const auto checkpoint =
      SyntheticCheckpoint::make({{"backbone.0.0.weight", DType::f32, {16, 3, 3, 3}},
                                 {"face_decoder.output_upscaling.0.weight", DType::f32, {256, 64, 2, 2}},
                                 {"linear_fuse.weight", DType::f32, {256, 1024, 1, 1}}},
                                1);
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->name() == "synthetic, seed 1");
  CHECK(checkpoint->size() == 3);
  const float kFirst[3][3] = {{0.06826608f, 0.09231993f, -0.08942411f},
                              {0.055130966f, 0.09290869f, 0.07972919f},
                              {-0.0076400256f, 0.048572853f, 0.04653871f}};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<float> all = values<float>(*checkpoint, i);
    CHECK(all.size() == checkpoint->info(i).shape.count());
    for (std::size_t k = 0; k < 3; ++k) CHECK(all[k] == kFirst[i][k]);
  }
}

// FNV-1a of all bytes of tensors of every rule, seed 7, as NumPy computes them.
TEST_CASE("every rule gives the bytes that NumPy gives") {
  const struct {
    const char* name;
    Shape shape;
    std::uint64_t checksum;
  } kTensors[] = {
      {"backbone.0.0.weight", {16, 3, 3, 3}, 0xe8c7529a12d2222cu},
      {"face_decoder.output_upscaling.0.weight", {256, 64, 2, 2}, 0x3461ea8c4e3aab52u},
      {"face_decoder.output_upscaling.3.weight", {64, 32, 2, 2}, 0xd81cad1b101c066cu},
      {"backbone.0.1.0.mlp.0.weight", {8, 4}, 0x90290477750c3a08u},
      {"x.running_mean", {64}, 0x03e10ac3bbab6e60u},
      {"x.running_var", {64}, 0x8cbf11064ee987f5u},
      {"face_decoder.pe_layer.positional_encoding_gaussian_matrix", {2, 128}, 0x448c1cc1d433289eu},
      {"a.relative_position_bias_table", {529, 4}, 0xa4f0c5480b8bfe16u},
      {"a.attn.logit_scale", {4, 1, 1}, 0x4e65c244a21657d5u},
      {"backbone.0.1.0.layer_scale", {128, 1, 1}, 0x5859eeafefd97aa6u},
      {"face_decoder.mask_token.weight", {1, 256}, 0x8025a8ef7221c4dfu},
      {"a.norm.weight", {32}, 0xaa59e60bee3b2d3au},
      {"a.norm.bias", {32}, 0xd06012c60c9d73e6u},
      {"a.qkv.weight", {24, 8}, 0x13971a551d5423a1u},
      {"backbone.3.block.0.0.weight", {16, 1, 3, 3}, 0xf9b382465a34d93cu},
      {"backbone.3.block.1.0.weight", {16, 8, 1, 1}, 0xda1038460b1b07d2u},
      {"backbone.2.1.block.0.0.weight", {8, 8, 3, 3}, 0x69497b65cd724d0au},
      {"backbone.0.2.0.weight", {8, 1, 7, 7}, 0xf68f98d4d63720b1u},
      {"decoder.weight", {8, 4, 1, 1}, 0xf117e459e8662863u},
  };
  std::vector<TensorInfo> infos;
  for (const auto& tensor : kTensors) infos.push_back({tensor.name, DType::f32, tensor.shape});
  const auto checkpoint = SyntheticCheckpoint::make(infos, 7);
  REQUIRE(checkpoint.ok());
  for (std::size_t i = 0; i < infos.size(); ++i) {
    CAPTURE(infos[i].name);
    CHECK(fnv1a(content(*checkpoint, i)) == kTensors[i].checksum);
  }
}

TEST_CASE("what the official models compute is computed") {
  const auto checkpoint = SyntheticCheckpoint::make({{"b.relative_position_index", DType::i64, {4096}},
                                                     {"b.relative_coords_table", DType::f32, {1, 15, 15, 2}},
                                                     {"c.relative_coords_table", DType::f32, {1, 3, 3, 2}},
                                                     {"c.relative_position_index", DType::i64, {16}},
                                                     {"d.num_batches_tracked", DType::i64, {}}},
                                                    1);
  REQUIRE_MESSAGE(checkpoint.ok(), checkpoint.error().message());
  CHECK(values<std::int64_t>(*checkpoint, 4) == std::vector<std::int64_t>{299000});
  CHECK(values<std::int64_t>(*checkpoint, 3) ==
        std::vector<std::int64_t>{4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4});
  CHECK(fnv1a(content(*checkpoint, 0)) == 0x38dcfde5b6f03025u);
  const std::vector<float> small = values<float>(*checkpoint, 2);
  const float edge = std::log2(9.0f) / 3;
  CHECK(small[0] == doctest::Approx(-edge));
  CHECK(small[8] == 0);
  CHECK(small[9] == 0);
  CHECK(small[16] == doctest::Approx(edge));
  const std::vector<float> table = values<float>(*checkpoint, 1);
  const float kRow[] = {-1.0566417f, -1.0566417f, -1.0566417f, -0.9913349f, -1.0566417f, -0.9157446f};
  for (std::size_t i = 0; i < 6; ++i) CHECK(table[i] == kRow[i]);
}

TEST_CASE("values follow name, seed and index alone, and stay in their range") {
  const std::vector<TensorInfo> infos = {{"a.weight", DType::f32, {100, 12}}, {"b.weight", DType::f32, {100, 12}}};
  const auto one = SyntheticCheckpoint::make(infos, 1);
  const auto two = SyntheticCheckpoint::make(infos, 2);
  const auto longer = SyntheticCheckpoint::make({{"a.weight", DType::f32, {200, 12}}}, 1);
  REQUIRE(one.ok());
  REQUIRE(two.ok());
  REQUIRE(longer.ok());
  CHECK(content(*one, 0) != content(*one, 1));
  CHECK(content(*one, 0) != content(*two, 0));
  CHECK(content(*longer, 0).substr(0, 4800) == content(*one, 0));
  double sum = 0, squares = 0;
  for (const float value : values<float>(*one, 0)) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
    CHECK(std::fabs(value) <= 0.5f);  // sqrt(3 / 12)
  }
  CHECK(std::fabs(sum / 1200) < 0.03);
  CHECK(squares / 1200 == doctest::Approx(1.0 / 12).epsilon(0.1));
}

TEST_CASE("tensors that cannot be made are refused") {
  CHECK(failure({{"a.weight", DType::f16, {1}}}) == Errc::unsupported_dtype);
  CHECK(failure({{"a.num_batches_tracked", DType::f32, {}}}) == Errc::unsupported_dtype);
  CHECK(failure({{"a.num_batches_tracked", DType::i64, {2}}}) == Errc::shape_mismatch);
  CHECK(failure({{"a.relative_position_index", DType::i64, {4095}}}) == Errc::shape_mismatch);
  CHECK(failure({{"a.relative_position_index", DType::i64, {1}}}) == Errc::shape_mismatch);
  CHECK(failure({{"a.relative_coords_table", DType::f32, {1, 15, 15, 2}}}) == Errc::missing_tensor);
  CHECK(failure({{"a.relative_position_index", DType::i64, {4096}},
                 {"a.relative_coords_table", DType::f32, {1, 15, 15, 1}}}) == Errc::shape_mismatch);
  CHECK(failure({{"a.relative_position_index", DType::i64, {4096}},
                 {"b.relative_coords_table", DType::f32, {1, 15, 15, 2}}}) == Errc::missing_tensor);
  CHECK(failure({}) == Errc::ok);
}
