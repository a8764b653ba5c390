// Every map between photo and labels as numbers: one file a stage, which numpy.load reads.
// Usage: 06_dump_stages WEIGHTS.safetensors PHOTO FOLDER [reference]
//
// Writes FOLDER/input.npy, the normalised input, and FOLDER/STAGE.npy for each stage, [height, width, channels] in float32,
// and prints a line for each. FOLDER must exist. With `reference` the plain backend computes them, else the fast one.
#include <cstdio>
#include <string>
#include <vector>

#include "segface/backends/reference.hpp"
#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/segface.hpp"

// What is inside is no API: it may change with any version.
namespace core = segface::core;

namespace {

using segface::Index;
using View = core::Map<const float>;

// Writes image 0 of a map as FOLDER/NAME.npy: magic, version, a header of Python text that ends at a multiple of 64 bytes,
// the numbers.
segface::Status save(const std::string& folder, const std::string& name, const View& map) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(map.height) + ", " +
                       std::to_string(map.width) + ", " + std::to_string(map.channels) + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  for (Index row = 0; row < map.pixels(); ++row) {
    bytes.append(reinterpret_cast<const char*>(map.row(row)), sizeof(float) * static_cast<std::size_t>(map.channels));
  }
  std::printf("%-10s %td x %td x %td\n", name.c_str(), map.height, map.width, map.channels);
  return segface::save_file(folder + "/" + name + ".npy",
                            {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// Is told of every stage when it ends, and writes it.
class Dump final : public core::Observer<float> {
 public:
  explicit Dump(const std::string& folder) : folder_(folder) {}

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const View& output, const core::Cost&) noexcept override {
    if (status.ok()) status = save(folder_, name, output);
  }

  segface::Status status;

 private:
  const std::string& folder_;
};

template <class Backend>
segface::Status dump(const char* weights, const char* photo_path, const std::string& folder) {
  SEGFACE_ASSIGN(file, core::WeightFile::open(weights));
  if (core::row(file.info().dataset).warped) {
    return segface::error(segface::Errc::invalid_argument, weights,
                          ": a network trained on LaPa warps the photo first; ",
                          "03_stages shows how it is given landmarks");
  }
  SEGFACE_ASSIGN(network, core::SegFace<Backend>::prepare(Backend(), file.weights()));
  SEGFACE_ASSIGN(executor, segface::make_executor(0));
  const Index side = file.info().resolution;
  SEGFACE_ASSIGN(plan, (core::Plan<core::SegFace, Backend>::make(network, 1, side, side, *executor)));

  SEGFACE_ASSIGN(photo, segface::load_image(photo_path));
  SEGFACE_ASSIGN(small, segface::resize_bicubic(photo.view(), side, side));
  Dump observer(folder);
  const auto fill = [&](const core::Map<float>& input) {
    core::normalize(small.data(), input.rows(), input.data, input.stride);
    observer.stage("input", input, {});
  };
  SEGFACE_RETURN_IF_ERROR(core::pass_once(network, plan, *executor, &observer, fill, [](const core::Map<float>&) {}));
  return observer.status;
}

}  // namespace

int main(int argc, char** argv) {
  const bool reference = argc == 5 && argv[4] == std::string("reference");
  if (argc != 4 && !reference) {
    std::fputs("usage: 06_dump_stages WEIGHTS.safetensors PHOTO FOLDER [reference]\n", stderr);
    return 2;
  }
  const auto run = reference ? dump<core::reference::Backend<float>> : dump<segface::cpu::Backend>;
  const segface::Status status = run(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
  return status.ok() ? 0 : 1;
}
