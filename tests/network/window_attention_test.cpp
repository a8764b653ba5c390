// What no golden reaches: Swin V2's clamp, and masked keys that still matter.
#include "segface/layers/window_attention.hpp"

#include <cmath>

#include "segface/backends/cpu.hpp"
#include "segface/backends/reference.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/synthetic.hpp"

#include "backends/random_maps.hpp"

using namespace segface;

namespace {

// A checkpoint whose logit scales are 4.6 and 5.
class LogitScales final : public TensorSource {
 public:
  explicit LogitScales(SyntheticCheckpoint source) : source_(std::move(source)) {}
  const std::string& name() const noexcept override { return source_.name(); }
  std::size_t size() const noexcept override { return source_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return source_.info(index); }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    if (source_.info(index).name != "logit_scale") return source_.read(index, out);
    const float scales[2] = {4.6f, 5.0f};
    std::memcpy(out, scales, sizeof scales);
    return {};
  }

 private:
  SyntheticCheckpoint source_;
};

// Attention of one channel inside windows of 2 x 2, of an image of 4 x 2 that is cut after a shift by 1: the second
// window holds the last row and, wrapped around, the first one.
template <class B>
void check_masked_keys(const B& backend) {
  SerialExecutor executor;
  test::Bench<B> bench(backend, executor);
  const float scale = 100, bias[16] = {}, padding[3] = {};
  const auto operand = backend.prepare_window_attention({1, 1, 2, /*cosine=*/true, &scale, bias, padding}).value();
  const MapOf<B> qkv = bench.run().map(1, 4, 2, 3);
  for (Index y = 0; y < 4; ++y) {
    for (Index x = 0; x < 2; ++x) {
      qkv.pixel(0, y, x)[0] = 1;                // every query looks for the key 1
      qkv.pixel(0, y, x)[1] = y == 3 ? -1 : 1;  // the last row's own keys are the opposite
      qkv.pixel(0, y, x)[2] = static_cast<typename B::Scalar>(y);
    }
  }
  const MapOf<B> read = ops::windowed_attention<B>(bench.run(), operand, qkv, 1);
  // Row 3: its own keys score -100; those of row 0, in another region, 100 - 100 = 0, and win.
  CHECK(static_cast<double>(read.pixel(0, 3, 0)[0]) == doctest::Approx(0));
  // Row 0: its own keys score 100, those of row 3 -200. Rows 1 and 2 share a window, all keys alike.
  CHECK(static_cast<double>(read.pixel(0, 0, 1)[0]) == doctest::Approx(0));
  CHECK(static_cast<double>(read.pixel(0, 1, 1)[0]) == doctest::Approx(1.5));
  // Without the shift, rows 2 and 3 share a window: row 2's keys win.
  const MapOf<B> unshifted = ops::windowed_attention<B>(bench.run(), operand, qkv, 0);
  CHECK(static_cast<double>(unshifted.pixel(0, 3, 0)[0]) == doctest::Approx(2));
}

}  // namespace

TEST_CASE("Swin V2's scale is e^logit_scale, and never above 100") {
  WindowAttentionV2Weights w(8, 2, 3);
  const LogitScales source(SyntheticCheckpoint::make(list_tensors(w, /*with_dropped=*/true), 1).value());
  bind(w, source).or_throw();
  const reference::Backend<double> backend;
  Preparation<reference::Backend<double>> preparation(backend);
  const auto operand = prepare(preparation, w);
  preparation.status().or_throw();
  CHECK(operand.attention.scale(0) == doctest::Approx(std::exp(4.6)).epsilon(1e-6));
  CHECK(operand.attention.scale(1) == doctest::Approx(100).epsilon(1e-6));
  CHECK(operand.attention.cosine);
  // The key's part of the bias is zero, in the layer and for padded pixels.
  for (Index i = 8; i < 16; ++i) {
    CHECK(operand.attention.padding(i) == 0);
    CHECK(operand.qkv.bias(i) == 0);
  }
  CHECK(operand.qkv.bias(0) != 0);
}

TEST_CASE("keys of another region are lowered by 100, not left out") {
  check_masked_keys(reference::Backend<double>());
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (row.supported()) check_masked_keys(cpu::Backend(row.isa));
  }
}
