// The commands of the tool, each in a file of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/torch_checkpoint.hpp"

#include "output.hpp"

namespace tool {

struct Command {
  std::string_view name;
  const char* summary;
  const char* usage;
  const char* more;  // options that few need; null where there are none
  int (*run)(const std::vector<std::string>& words);
};

extern const Command kParse, kVideo, kConvert, kQuantize, kInfo, kVerify, kBench, kEval;

// A usage error of a command: one line with the way to its help.
inline int misuse(const Command& command, const Status& status) {
  std::fprintf(stderr, "segface %s: %s (see segface %s --help)\n", command.name.data(), status.message(),
               command.name.data());
  return kUsage;
}

// Why a weight file cannot be used, with the command that makes one.
inline Status explain_weights(const Status& status, const std::string& path) {
  const auto file = InputFile::open(path);
  if (!file.ok()) {
    return error(
        status.code(), status.message(),
        "; weight files are made by `segface convert CHECKPOINT.pt`; `sh tools/demo.sh` makes one to begin with");
  }
  unsigned char front[9] = {};
  if (file->size() <= sizeof front || !file->read_at(0, front, sizeof front).ok()) return status;
  const bool zip = front[0] == 'P' && front[1] == 'K', pickle = front[0] == 0x80;
  if (zip || pickle) {
    const auto checkpoint = TorchCheckpoint::open(path);
    if (checkpoint.error().code() == Errc::unsupported_format) return checkpoint.error();  // nor can it be converted
    return error(Errc::bad_format, path, ": this is a checkpoint of PyTorch, not a weight file; make one with ",
                 "`segface convert ", shell_word(path), "`");
  }
  if (front[8] == '{' && status.code() == Errc::bad_format) {  // safetensors without what a weight file says of itself
    return error(Errc::bad_format, status.message(), ": `segface convert ", shell_word(path), "`");
  }
  return status;
}

}  // namespace tool
