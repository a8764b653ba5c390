// BasicParser and BasicWorkspace: what users call, for any backend; they write segface::Parser and segface::Workspace.
//
// A parser is loaded once, is immutable, and is cheap to copy; any number of threads parse with it at a time. A
// workspace holds what one caller needs between calls: activations, tables; with one, parsing allocates
// nothing after the first photo of a size, as long as logits are always wanted or never.
//
// Declarations only; parser_definitions.hpp defines them, which segface.hpp includes.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <functional>
#include <memory>
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/engine/call.hpp"
#include "segface/engine/network_info.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/faces/mask.hpp"
#include "segface/faces/results.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

class WeightFile;
class PrecisionRecipe;
template <class Backend>
class SegFace;
template <template <class> class Network, class Backend>
class Plan;
template <class Backend>
class ParsingWorkspace;
template <class Backend>
struct ParserState;
template <class Backend>
class PhotoParsing;
namespace cpu {
class Backend;
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

class Executor;
namespace cpu = core::cpu;

template <class Backend>
class BasicWorkspace;

template <class Backend>
class BasicParser {
 public:
  using Workspace = BasicWorkspace<Backend>;

  // An empty parser; every call answers invalid_argument.
  BasicParser() noexcept = default;

  // From a weight file, made by `segface convert`. Errors: those of core::WeightFile::open, non_finite, out_of_memory.
  // Without a backend given, it is the one that the environment asks for (SEGFACE_ISA).
  static Result<BasicParser> load(const std::string& path, const Options& options = {}) noexcept;
  static Result<BasicParser> load(const std::string& path, const Options& options, const Backend& backend) noexcept;
  // From the bytes of a weight file, which are not needed afterwards.
  static Result<BasicParser> from_memory(Bytes bytes, const Options& options = {}) noexcept;
  static Result<BasicParser> from_memory(Bytes bytes, const Options& options, const Backend& backend) noexcept;

  // From a file that is open already, which is not needed afterwards.
  static Result<BasicParser> make(const core::WeightFile& file, const Options& options,
                                  const Backend& backend) noexcept;

  // Photo in, mask of the photo's size out. A LaPa network needs the five landmarks, in pixels of the photo; others
  // only check them. Errors: invalid_argument, out_of_memory.
  Result<Mask> parse(const ImageView& photo) const noexcept;
  Result<Mask> parse(const ImageView& photo, const Landmarks& landmarks) const noexcept;

  // A workspace of this parser, which shares the parser's threads; `executor`, where given, runs its kernels instead and
  // must outlive it.
  Result<Workspace> workspace(Executor* executor = nullptr) const noexcept;

  // Only where not empty.
  bool empty() const noexcept { return state_ == nullptr; }
  const NetworkInfo& info() const noexcept;
  const Backend& backend() const noexcept;
  // The layers whose products are rounded, with their precisions; none with float32.
  const core::PrecisionRecipe& rounded() const noexcept;
  // The plan of the network's own resolution: memory, cost, stages.
  const core::Plan<core::SegFace, Backend>& plan() const noexcept;
  // Threads of one call that is alone, and what its calls share them by.
  Index threads() const noexcept;
  Executor& executor() const noexcept;
  // Replays the file's self-test: the largest difference in parts of the logits' root mean square, which agrees
  // up to core::SelfTest::kTolerance; with rounded products it tells what rounding does to logits, and nothing is wrong
  // with more.
  Result<double> self_test() const noexcept;

 private:
  static Status no_network() noexcept;
  // With a workspace of the parser's own; landmarks: null where there are none.
  Result<Mask> parse(const ImageView& photo, const Landmarks* landmarks) const noexcept;

  std::shared_ptr<core::ParserState<Backend>> state_;
};

// What one caller needs between calls. One call at a time: a second thread gets Errc::busy. Move-only.
template <class Backend>
class BasicWorkspace {
 public:
  // Called between kernels with the share done, 0 to 1; false cancels the call.
  using Progress = std::function<bool(double)>;

  BasicWorkspace(BasicWorkspace&&) noexcept;
  BasicWorkspace& operator=(BasicWorkspace&&) noexcept;
  ~BasicWorkspace();

  // Photo in, mask of the photo's size out; `mask` is unspecified after an error. `logits`, where given, gets the
  // network's output for a resolution x resolution input before it is resized, planar as from logits().
  // A LaPa network needs the landmarks, in pixels of the photo; others only check them. Labels with logits and without
  // agree up to rounding: they are computed in other tiles. With a backend on a device, the photo's pixels and the
  // logits may be in its memory. Errors: invalid_argument, buffer_too_small (of the logits; nothing is written), busy,
  // cancelled, out_of_memory.
  Status parse(const ImageView& photo, Mask& mask, Span<float> logits = {}) noexcept;
  Status parse(const ImageView& photo, const Landmarks& landmarks, Mask& mask, Span<float> logits = {}) noexcept;

  // Gives the work of a photo to a device and returns; finish() waits for it. Photo and results must stay, and be left
  // alone, until then, and after an error nothing touches them any more. Until then every other call is busy; two
  // workspaces overlap. Pixels and results may be the device's memory; the host's should be pinned (cudaMallocHost), or
  // the copies make start() wait. A backend on the host does the work here, in memory of the host.
  // Errors: those of parse; invalid_argument (neither labels nor logits, or confidence without labels).
  Status start(const ImageView& photo, const Results& results) noexcept;
  Status start(const ImageView& photo, const Landmarks& landmarks, const Results& results) noexcept;
  // Waits for what was started, and tells what became of it; ok where nothing was. Errors: busy, those of a device.
  Status finish() noexcept;

  // Sizes of the logits for inputs of a size. Errors: invalid_argument, limit_exceeded, out_of_memory.
  Result<LogitsShape> logits_shape(Index batch, Index height, Index width) noexcept;

  // A normalised tensor in, raw logits [batch, classes, 4h, 4w] out: as the official network gives them, before
  // they are resized. A LaPa network needs the landmarks of each image, in pixels of the input; others only check them.
  // Errors: invalid_argument, buffer_too_small (nothing is written), limit_exceeded, busy, cancelled, out_of_memory.
  Status logits(const TensorView& input, Span<float> out, Span<const Landmarks> landmarks = {}) noexcept;

  // The callback of the calls that follow; none by default. It is called by the calling thread, in its own
  // floating-point mode. An exception of its cancels the call: Errc::cancelled, with its text in the message.
  void on_progress(Progress progress);
  // The stages of the last call. Logits that only labels were wanted of are a part of the stage "labels"; with a
  // backend on a device, so is all that the host did not wait for.
  Span<const StageTime> times() const noexcept;
  // Bytes it holds.
  std::size_t bytes() const noexcept;

 private:
  friend BasicParser<Backend>;
  friend core::PhotoParsing<Backend>;

  static Status moved_from() noexcept;
  explicit BasicWorkspace(std::unique_ptr<core::ParsingWorkspace<Backend>> state) noexcept;

  std::unique_ptr<core::ParsingWorkspace<Backend>> state_;  // null where moved from
};

using Parser = BasicParser<cpu::Backend>;
using Workspace = BasicWorkspace<cpu::Backend>;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
