// Where weight files are looked for that the command line does not name.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/base/status.hpp"

#include "photo_list.hpp"
#include "request.hpp"
#include "system.hpp"

namespace tool {

// The first of: beside `near` (a file; may be empty), beside this program, in ../share/segface of it, in the source tree
// of a build. Empty where it is in none.
inline std::string find_weights(const std::string& name, const std::string& near) {
  const std::string program = program_folder();
  std::vector<std::string> folders;
  if (!near.empty()) folders.push_back(near.substr(0, near.size() - base_name(near).size()));
  if (!program.empty()) {
    folders.push_back(program);
    folders.push_back(program + "../share/segface/");
  }
#if defined(SEGFACE_SOURCE_WEIGHTS)
  folders.push_back(SEGFACE_SOURCE_WEIGHTS "/");
#endif
  for (const std::string& folder : folders) {
    FileInfo info;
    if (describe_path(folder + name, info) == 0 && info.kind == FileInfo::Kind::regular) return folder + name;
  }
  return {};
}

// A network file that nobody named: what SEGFACE_WEIGHTS says, else the demonstration's. Errors: invalid_argument.
inline Result<std::string> default_weights() {
  const char* const named = std::getenv("SEGFACE_WEIGHTS");
  if (named != nullptr && *named != '\0') return std::string(named);
  const std::string demo = find_weights("demo.safetensors", "");
  if (!demo.empty()) return demo;
  return error(
      Errc::invalid_argument,
      "--weights is missing, SEGFACE_WEIGHTS is not set, and no demo.safetensors lies beside this program; weight "
      "files are made by `segface convert`");
}

// Errors: invalid_argument.
inline Result<std::string> default_finder(const std::string& weights) {
  const std::string found = find_weights("finder.safetensors", weights);
  if (!found.empty()) return found;
  return error(Errc::invalid_argument,
               "there is no finder.safetensors beside the weights or this program, which finds "
               "the faces of a photo; name it with --finder, or say what to look at: --whole, "
               "--box or --landmarks");
}

// Names the files of weights that are not given. Errors: invalid_argument.
inline Status find_weight_files(Request& request) {
  if (request.weights.empty() && !request.draws_faces) {
    SEGFACE_ASSIGN(weights, default_weights());
    request.weights = weights;
  }
  if (request.finder.empty() && request.finds_faces()) {
    SEGFACE_ASSIGN(finder, default_finder(request.weights));
    request.finder = finder;
  }
  return {};
}

}  // namespace tool
