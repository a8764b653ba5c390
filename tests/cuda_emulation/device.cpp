#include "device.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "cuda_runtime.h"

struct CUstream_st {
  bool waits_for_legacy;
  std::deque<std::function<void()>> work;
};

namespace emulation {
namespace {

constexpr std::size_t kPage = 4096, kAlignment = 256;
constexpr unsigned char kFill = 0xff;  // NaN

// A buffer [begin, begin + bytes) ends at most kAlignment - 1 bytes before its last page does.
struct DeviceBuffer {
  unsigned char* pages;
  std::size_t page_bytes, bytes;
  unsigned char* begin;
};

struct Device {
  std::recursive_mutex mutex;
  unsigned char* region = nullptr;
  std::size_t used = 0;  // of the region; nothing is handed out twice
  std::map<const unsigned char*, DeviceBuffer> buffers;
  std::map<const unsigned char*, std::size_t> pinned;
  std::vector<std::unique_ptr<CUstream_st>> streams;
  CUstream_st legacy{false, {}};
  CUstream_st* latest = nullptr;  // that was given work; null: the legacy stream
  std::ptrdiff_t handles = 0;
  std::size_t calls = 0, failing = SIZE_MAX, kernels = 0, allocations = 0;
  std::string fault;
  Order order = Order::ascending;
  int devices = 1;
  bool works = true;
  Listener listener;
};
Device& device() {
  static Device* const one = new Device;  // never destroyed: tests' own statics may free buffers at exit
  return *one;
}

using Lock = std::lock_guard<std::recursive_mutex>;

void on_signal(int signal, siginfo_t*, void*) {
  if (in_kernel()) abandon_kernel("an address that is in no buffer of the device");
  ::signal(signal, SIG_DFL);  // the host's own; comes again when the handler returns
}

void protect(const DeviceBuffer& buffer, bool accessible) {
  ::mprotect(buffer.pages, buffer.page_bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
}

// While one lives, this thread plays the device.
class DeviceSide {
 public:
  DeviceSide() {
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;  // the handler may leave by a jump
    ::sigaction(SIGSEGV, &action, &before_);
    for (const auto& [begin, buffer] : device().buffers) protect(buffer, true);
  }
  ~DeviceSide() {
    for (const auto& [begin, buffer] : device().buffers) {
      const auto untouched = [](const unsigned char* from, const unsigned char* to) {
        return std::all_of(from, to, [](unsigned char byte) { return byte == kFill; });
      };
      if (!untouched(buffer.pages, buffer.begin) ||
          !untouched(buffer.begin + buffer.bytes, buffer.pages + buffer.page_bytes)) {
        report("bytes beside a buffer of " + std::to_string(buffer.bytes) + " bytes were written");
      }
      protect(buffer, false);
    }
    ::sigaction(SIGSEGV, &before_, nullptr);
  }
  DeviceSide(const DeviceSide&) = delete;
  DeviceSide& operator=(const DeviceSide&) = delete;

 private:
  struct sigaction before_ = {};
};

bool drain(const std::vector<CUstream_st*>& streams) {
  const Lock lock(device().mutex);
  if (std::all_of(streams.begin(), streams.end(), [](const CUstream_st* s) { return s->work.empty(); })) {
    return device().fault.empty();
  }
  {
    const DeviceSide side;
    for (CUstream_st* const stream : streams) {
      while (!stream->work.empty()) {
        const std::function<void()> work = std::move(stream->work.front());
        stream->work.pop_front();
        if (device().fault.empty() && device().works) work();
      }
    }
  }
  return device().fault.empty();
}

}  // namespace

// ---- what tests ask -------------------------------------------------------------------------------------------

void set_order(Order order) {
  device().order = order;
}
Order order() {
  return device().order;
}
void set_devices(int count) {
  device().devices = count;
}
int devices() {
  return device().devices;
}
void set_works(bool works) {
  device().works = works;
}
void set_listener(Listener listener) {
  device().listener = std::move(listener);
}
const Listener& listener() {
  return device().listener;
}
const std::string& fault() {
  return device().fault;
}
void reset() {
  device().fault.clear();
  device().failing = SIZE_MAX;
  device().legacy.work.clear();
  for (const auto& stream : device().streams) stream->work.clear();
}
std::size_t live_objects() {
  const Device& d = device();
  return d.buffers.size() + d.pinned.size() + d.streams.size() + static_cast<std::size_t>(d.handles);
}
std::size_t device_bytes() {
  std::size_t bytes = 0;
  for (const auto& [begin, buffer] : device().buffers) bytes += buffer.bytes;
  return bytes;
}
std::size_t allocations() {
  return device().allocations;
}
std::size_t kernels_run() {
  return device().kernels;
}
std::size_t calls() {
  return device().calls;
}
void fail_after(std::size_t more) {
  device().failing = device().calls + more;
}

// ---- what the interface asks ----------------------------------------------------------------------------------

Permission ask() {
  const Lock lock(device().mutex);
  if (!device().fault.empty()) return Permission::broken;
  return device().calls++ == device().failing ? Permission::refused : Permission::granted;
}
void report(const std::string& fault) {
  if (device().fault.empty()) device().fault = fault;
}
void count_kernel() {
  ++device().kernels;
}
void count_handle(int difference) {
  device().handles += difference;
  if (difference > 0) ++device().allocations;
}

void* allocate_device(std::size_t bytes) {
  const Lock lock(device().mutex);
  Device& d = device();
  if (d.region == nullptr) {
    void* const region = ::mmap(nullptr, kDeviceSpan, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) return nullptr;
    d.region = static_cast<unsigned char*>(region);
  }
  const std::size_t rounded = (std::max(bytes, std::size_t{1}) + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t page_bytes = (rounded + kPage - 1) / kPage * kPage;
  if (bytes > kDeviceSpan / 2 || d.used + page_bytes + 2 * kPage > kDeviceSpan) return nullptr;
  DeviceBuffer buffer = {d.region + d.used + kPage, page_bytes, bytes, nullptr};
  buffer.begin = buffer.pages + page_bytes - rounded;
  d.used += page_bytes + kPage;  // the page before the next buffer is the page after this one
  protect(buffer, true);
  std::memset(buffer.pages, kFill, page_bytes);
  protect(buffer, false);
  d.buffers[buffer.begin] = buffer;
  ++d.allocations;
  return buffer.begin;
}
bool free_device(void* data) {
  const Lock lock(device().mutex);
  const auto found = device().buffers.find(static_cast<unsigned char*>(data));
  if (found == device().buffers.end()) return false;
  ::madvise(found->second.pages, found->second.page_bytes, MADV_DONTNEED);
  device().buffers.erase(found);
  return true;
}
void* allocate_pinned(std::size_t bytes) {
  const Lock lock(device().mutex);
  ++device().allocations;
  void* const block = std::malloc(std::max(bytes, std::size_t{1}));
  if (block != nullptr) device().pinned[static_cast<unsigned char*>(block)] = bytes;
  return block;
}
bool free_pinned(void* block) {
  const Lock lock(device().mutex);
  if (device().pinned.erase(static_cast<unsigned char*>(block)) == 0) return false;
  std::free(block);
  return true;
}

AddressRange buffer_of(std::uintptr_t address) {
  const AddressRange none = {address, address};
  auto found = device().buffers.upper_bound(reinterpret_cast<const unsigned char*>(address));
  if (found == device().buffers.begin()) return none;
  const DeviceBuffer& buffer = (--found)->second;
  const auto begin = reinterpret_cast<std::uintptr_t>(buffer.begin);
  const AddressRange range = {begin, begin + buffer.bytes};
  return range.holds(address) ? range : none;
}
bool on_device(const void* data, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const AddressRange buffer = buffer_of(begin);
  return buffer.holds(begin) && bytes <= buffer.end - begin;
}
bool pinned(const void* data, std::size_t bytes) {
  const auto* const first = static_cast<const unsigned char*>(data);
  auto found = device().pinned.upper_bound(first);
  if (found == device().pinned.begin()) return false;
  --found;
  return first + bytes <= found->first + found->second;
}

std::size_t device_offset(std::uintptr_t address) {
  return address - reinterpret_cast<std::uintptr_t>(device().region);
}

// Sizes are below 2^32, and numbers with a fraction above 2^47: in between are addresses, or two numbers side by side.
bool looks_like_host_address(std::size_t number) {
  if (number >> 32 == 0 || number >> 47 != 0) return false;
  if (device_offset(number) < kDeviceSpan) return false;
#if defined(__SANITIZE_ADDRESS__)  // has a shadow of all memory at low addresses, where no pointer leads
  std::size_t scale = 0, offset = 0;
  __asan_get_shadow_mapping(&scale, &offset);
  if (number - offset < std::size_t{1} << (47 - scale)) return false;
#endif
  unsigned char resident = 0;
  return ::mincore(reinterpret_cast<void*>(number / kPage * kPage), 1, &resident) == 0;
}

CUstream_st* make_stream(bool waits_for_legacy) {
  const Lock lock(device().mutex);
  device().streams.push_back(std::make_unique<CUstream_st>(CUstream_st{waits_for_legacy, {}}));
  return device().streams.back().get();
}
// Its work is still done, as on a GPU.
bool free_stream(CUstream_st* stream) {
  const Lock lock(device().mutex);
  auto& streams = device().streams;
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const auto& s) { return s.get() == stream; });
  if (found == streams.end()) return false;
  static_cast<void>(drain(stream));
  if (device().latest == stream) device().latest = nullptr;
  streams.erase(found);
  return true;
}
void enqueue(CUstream_st* stream, std::function<void()> work) {
  if (record(stream, work)) return;
  const Lock lock(device().mutex);
  (stream == nullptr ? device().legacy : *stream).work.push_back(std::move(work));
  device().latest = stream;
}
void enqueue_after_latest(std::function<void()> work) {
  const Lock lock(device().mutex);
  enqueue(device().latest, std::move(work));
}
bool drain(CUstream_st* stream) {
  return drain(std::vector<CUstream_st*>{stream == nullptr ? &device().legacy : stream});
}
bool drain_all() {
  std::vector<CUstream_st*> streams = {&device().legacy};
  for (const auto& stream : device().streams) streams.push_back(stream.get());
  return drain(streams);
}
bool drain_legacy() {
  std::vector<CUstream_st*> streams = {&device().legacy};
  for (const auto& stream : device().streams) {
    if (stream->waits_for_legacy) streams.push_back(stream.get());
  }
  return drain(streams);
}

}  // namespace emulation
