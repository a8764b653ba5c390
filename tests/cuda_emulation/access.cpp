#include "access.hpp"

#include <algorithm>
#include <iterator>

#include "block.hpp"
#include "device.hpp"
#include "shared_memory.hpp"
#include "symbols.hpp"
#include "traffic.hpp"

namespace emulation {
namespace {

thread_local bool in_block = false;
std::uintptr_t device_begin = 0;
SharedMemory shared_memory;
AddressRange buffers[8];  // of the device, where accesses were lately
std::size_t oldest = 0;

// Whether all bytes are in one buffer, which guard pages alone do not tell of the last bytes of a page.
bool in_buffer(const Access& access) {
  const auto holds = [&](const AddressRange& range) {
    return range.holds(access.address) && access.bytes <= range.end - access.address;
  };
  if (std::any_of(std::begin(buffers), std::end(buffers), holds)) return true;
  AddressRange& range = buffers[oldest++ % std::size(buffers)];
  range = buffer_of(access.address);
  return holds(range);
}

}  // namespace

void see(const Access& access) {
  if (!in_block) return;
  const unsigned thread = thread_in_block();
  if (access.address - device_begin < kDeviceSpan) {
    if (!in_buffer(access)) abandon_kernel("an address beside the buffers of the device");
    if (Traffic::current() != nullptr) Traffic::current()->device_access(thread, access);
  } else if (shared_memory.near(access.address)) {
    shared_memory.check(thread, access);
    if (Traffic::current() != nullptr) Traffic::current()->shared_access(thread, access);
  }
}

void begin_kernel(const void* kernel) {
  device_begin = 0 - device_offset(0);
  std::fill(std::begin(buffers), std::end(buffers), AddressRange{});
  if (Traffic::current() != nullptr) Traffic::current()->begin_kernel(kernel);
}
void end_kernel() {
  if (Traffic::current() != nullptr) Traffic::current()->end_kernel();
}
void begin_block(std::size_t threads, const void* dynamic_shared, std::size_t shared_bytes) {
  shared_memory.begin_block(threads, dynamic_shared, shared_bytes);
  if (Traffic::current() != nullptr) Traffic::current()->begin_block();
  in_block = true;
}
void end_block() {
  in_block = false;
  if (Traffic::current() != nullptr) Traffic::current()->end_block();
}
void meet_block() {
  shared_memory.meet_block();
  if (Traffic::current() != nullptr) Traffic::current()->meet_block();
}
void meet_warp(std::size_t warp) {
  shared_memory.meet_warp(warp);
  if (Traffic::current() != nullptr) Traffic::current()->meet_warp(warp);
}
void library_kernel(const char* name, double bytes) {
  if (Traffic::current() != nullptr) Traffic::current()->library_kernel(name, bytes);
}

}  // namespace emulation
