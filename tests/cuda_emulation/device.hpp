// The emulated device: its memory, its streams, and what went wrong on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "emulation.hpp"

struct CUstream_st;

namespace emulation {

// Whether the call that asks may go on: not after a fault, and not where it is the one to fail.
enum class Permission { granted, refused, broken };
Permission ask();

// Device memory of its own pages, NaN throughout; null where there is none. False where it is no such buffer.
void* allocate_device(std::size_t bytes);
bool free_device(void* buffer);
void* allocate_pinned(std::size_t bytes);
bool free_pinned(void* block);

// Whether all `bytes` are in one buffer of the device, or in one pinned block of the host.
bool on_device(const void* data, std::size_t bytes);
bool pinned(const void* data, std::size_t bytes);
// How far from the begin of all device memory an address is; at least kDeviceSpan where it is elsewhere.
inline constexpr std::size_t kDeviceSpan = std::size_t{1} << 40;
std::size_t device_offset(std::uintptr_t address);
struct AddressRange {
  std::uintptr_t begin = 0, end = 0;
  bool holds(std::uintptr_t address) const { return address - begin < end - begin; }
};
// The buffer of the device that an address is in; of no bytes where it is in none.
AddressRange buffer_of(std::uintptr_t address);
// Whether a number may be an address of the host's memory.
bool looks_like_host_address(std::size_t number);

CUstream_st* make_stream(bool waits_for_legacy);
bool free_stream(CUstream_st* stream);
// Work to do when somebody waits for the stream; null is the legacy stream.
void enqueue(CUstream_st* stream, std::function<void()> work);
// The same, in the stream that was last given some.
void enqueue_after_latest(std::function<void()> work);
void count_handle(int difference);
// Does the stream's work, or all streams'. False after a fault.
bool drain(CUstream_st* stream);
bool drain_all();
// The legacy stream's and those that wait for it.
bool drain_legacy();

const Listener& listener();
void report(const std::string& fault);
void count_kernel();
Order order();
int devices();

}  // namespace emulation
