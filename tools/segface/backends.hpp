// The backends the command line can name.
#pragma once

#include <string>
#include <vector>

#include "networks/networks.hpp"

namespace tool {

// With the kernels that SEGFACE_ISA names; main() has asked before whether it names any.
inline segface::cpu::Backend cpu_backend() {
  return networks::cpu_backend().value_or_throw();
}

// The first is the default.
inline const std::vector<std::string>& backend_names() {
  static const std::vector<std::string> names = {"cpu", "reference"};
  return names;
}

// Calls function(backend) with the backend at a place of backend_names().
template <class Function>
auto with_backend(std::size_t which, const Function& function) {
  return which == 0 ? function(cpu_backend()) : function(segface::reference::Backend<float>());
}

}  // namespace tool
