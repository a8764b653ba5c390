#include "segface/compiled.cpp"

#include "networks.hpp"

namespace networks {

segface::cpu::Backend cpu_backend(segface::cpu::Isa isa) {
  return segface::cpu::Backend(isa);
}
segface::Result<segface::cpu::Backend> cpu_backend() {
  return segface::cpu::Backend::from_environment();
}

}  // namespace networks
