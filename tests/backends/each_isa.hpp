// The cpu backend beside the reference in double, on every instruction set of this processor.
#pragma once

#include <memory>

#include "segface/backends/cpu.hpp"
#include "segface/backends/reference.hpp"
#include "segface/base/threads/pool.hpp"

#include "random_maps.hpp"

namespace test {

struct Size {
  Index batch, height, width;
};
struct Widths {
  Index in, out;
};

// Calls body(kernels, cpu bench, reference bench) for each instruction set.
template <class Body>
void on_each_isa(const Body& body) {
  const std::unique_ptr<Executor> threads = ThreadPool::make(3).value();
  SerialExecutor serial;
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    Bench<cpu::Backend> fast(cpu::Backend(row.isa), *threads);
    Bench<reference::Backend<double>> exact(reference::Backend<double>(), serial);
    CAPTURE(fast.backend().isa_name());
    body(cpu::kernels(row.isa), fast, exact);
  }
}

}  // namespace test
