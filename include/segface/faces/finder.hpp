// BasicFinder: what users call to find faces in a photo, for any backend; they write segface::Finder.
//
// A finder is loaded once, is immutable, and is cheap to copy; any number of threads use it at a time.
//
// Declarations only; faces/finder_definitions.hpp defines them, which segface/finder.hpp includes.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <memory>
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/engine/call.hpp"
#include "segface/faces/face.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

class FinderFile;
template <class Backend>
struct SharedDetector;
template <class Backend>
class Tracking;
namespace cpu {
class Backend;
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

struct FinderInfo;
namespace cpu = core::cpu;

template <class Backend>
class BasicFinder {
 public:
  // An empty finder; every call answers invalid_argument.
  BasicFinder() noexcept = default;

  // From weights/finder.safetensors or its bytes, which are not needed afterwards. Errors: those of core::FinderFile::open,
  // non_finite, out_of_memory. Without a backend given, it is the one that the environment asks for (SEGFACE_ISA).
  static Result<BasicFinder> load(const std::string& path, const Options& options = {}) noexcept;
  static Result<BasicFinder> load(const std::string& path, const Options& options, const Backend& backend) noexcept;
  static Result<BasicFinder> from_memory(Bytes bytes, const Options& options = {}) noexcept;
  static Result<BasicFinder> from_memory(Bytes bytes, const Options& options, const Backend& backend) noexcept;

  // The faces of a photo, which is upright where its file said so (EXIF comes before). No face is an answer, not an
  // error. Errors: invalid_argument (the view, the options), out_of_memory, those of a device.
  Result<Faces> find(const ImageView& photo, const FindOptions& options = {}) const noexcept;

  bool empty() const noexcept { return shared_ == nullptr; }
  // Only where not empty.
  const FinderInfo& info() const noexcept;
  // Replays the file's self-test: the largest difference, which agrees up to core::FinderSelfTest::kTolerance.
  Result<double> self_test() const noexcept;

 private:
  friend core::Tracking<Backend>;

  static Status no_networks() noexcept;
  static Result<BasicFinder> make(const core::FinderFile& file, const Options& options,
                                  const Backend& backend) noexcept;

  std::shared_ptr<core::SharedDetector<Backend>> shared_;
};

using Finder = BasicFinder<cpu::Backend>;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
