// The backends the command line can name.
#pragma once

#include <string>
#include <vector>

#include "segface/backends/reference.hpp"
#include "segface/segface.hpp"

namespace tool {

// The first is the default.
inline const std::vector<std::string>& backend_names() {
  static const std::vector<std::string> names = {"cpu", "reference"};
  return names;
}

// Calls function(backend) with the backend at a place of backend_names().
template <class Function>
auto with_backend(std::size_t which, const Function& function) {
  return which == 0 ? function(segface::cpu::Backend()) : function(segface::reference::Backend<float>());
}

}  // namespace tool
