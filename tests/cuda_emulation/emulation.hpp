// What a test may ask of the emulated GPU, and set.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

// Of a test that a real GPU passes too, what only the emulated one can do or tell; see tests/cuda_device.
#define ON_EMULATOR(...) __VA_ARGS__

namespace emulation {

inline constexpr bool kEmulated = true;

// The order of the threads of a block between two barriers, and of the blocks of a grid.
enum class Order { ascending, descending, shuffled };
inline constexpr Order kOrders[] = {Order::ascending, Order::descending, Order::shuffled};
void set_order(Order order);

// How many GPUs there are; one, until somebody says otherwise.
void set_devices(int count);
// Whether cuBLASLt is installed, as it is until somebody says otherwise.
void set_cublas(bool installed);

// Whether the work in streams is done, as it is until somebody says otherwise, or dropped when its turn comes: what
// calls answer without it is the same, and soon known.
void set_works(bool works);

// Is told of all work that is put into a stream, in order: of a kernel its name, of a product "cublasLt"; "copy",
// "fill". Empty, as it is until somebody says otherwise: nobody is told.
using Listener = std::function<void(const std::string& work)>;
void set_listener(Listener listener);

// What went wrong on the device, in words; empty where nothing did.
const std::string& fault();
// Forgets the fault; work still in streams is dropped.
void reset();

// Buffers, pinned blocks, streams and handles that are not yet freed.
std::size_t live_objects();
// Bytes in use on the device; allocations of any kind, and kernels run, so far.
std::size_t device_bytes();
std::size_t allocations();
std::size_t kernels_run();
// Calls so far that can be made to fail: all but those that free something.
std::size_t calls();
// The call after `more` further ones fails, once.
void fail_after(std::size_t more);

}  // namespace emulation
