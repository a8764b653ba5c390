// The program's own symbols: what a kernel is called, and where its __shared__ arrays begin and end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device.hpp"

namespace emulation {

// A kernel's name as a reader knows it: without return type, namespaces and parameters, with template arguments. An
// address where the program is stripped.
std::string kernel_name(const void* kernel);

// A name of the linker's, in words.
std::string demangled(const std::string& symbol);

struct SharedArray {
  std::uintptr_t begin, end;
  std::string symbol;
};
// All __shared__ arrays, by address: the objects that are aligned as those are.
const std::vector<SharedArray>& shared_arrays();

// The file offset of an address of the program's, as addr2line takes it.
std::uintptr_t file_address(const void* address);

// The program's writable memory, in which the arrays are.
AddressRange static_memory();
// Its instructions.
AddressRange program_text();

}  // namespace emulation
