// What a GPU's memory would have to do for kernels: counts of the accesses that access.hpp sees, warp by warp.
//
// Of device memory a block asks for the 32-byte sectors that its threads' bytes are in, each once between two of its
// barriers, since the level-one cache keeps them so long; the least is the bytes / 32, rounded up. An access of shared memory is what the lanes do at one instruction the n-th time since they last met. Word i (4 bytes) is in bank i % 32, and as many different words as are in one bank are that many
// ways of conflict; lanes that access 8 or 16 bytes are served 16 or 8 at a time. A block asks the level-two cache for
// a sector once for reading and once for writing, a kernel asks the memory so: its caches keep what they have seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "access.hpp"

namespace emulation {

struct KernelTraffic {
  std::string name;
  std::size_t launches = 0;
  // Of device memory, by all blocks: 32-byte sectors asked for, and the least that hold the bytes.
  std::uint64_t sectors = 0, least = 0;
  // Of shared memory: services (one where nothing conflicts), and the least; the most ways of one access.
  std::uint64_t services = 0, least_services = 0;
  unsigned most_ways = 1;
  // Bytes in whole sectors: each once for a block, each once for a launch.
  std::uint64_t block_bytes = 0, bytes = 0;
  // The instructions with the most sectors, and with the most services, beyond the least, and how many.
  struct Worst {
    std::uint64_t beyond = 0;
    std::uintptr_t place = 0;  // for addr2line
  } worst_sectors, worst_services;

  double efficiency() const { return sectors == 0 ? 1.0 : static_cast<double>(least) / static_cast<double>(sectors); }
};

// What a stretch of a program's kernels moved, and what a model of the cost said.
struct OperationTraffic {
  std::string kernels;
  std::size_t runs = 0;
  double bytes = 0, model_bytes = 0;
};

// Counts while it lives; one at a time.
class Traffic {
 public:
  Traffic();
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // All that a stream has been given since the last call is one operation, which should move so many bytes.
  void end_operation(double model_bytes);

  // Most bytes first.
  std::vector<KernelTraffic> kernels() const;
  std::vector<OperationTraffic> operations() const;
  std::string table() const;

  // ---- the emulator's side ----
  static Traffic* current();
  void begin_kernel(const void* kernel);
  void end_kernel();
  void begin_block() { ++block_; }
  void end_block() { meet_block(); }
  void meet_block();
  void meet_warp(std::size_t warp);
  void device_access(unsigned thread, const Access& access);
  void shared_access(unsigned thread, const Access& access);
  // A kernel of a library's, of which only the bytes are known.
  void library_kernel(const std::string& name, double bytes);

 private:
  // An instruction, with what each thread of the block did there since its warp last met: addresses, in order.
  struct Instruction {
    const void* place;
    unsigned bytes;
    bool shared, write;
    std::vector<std::vector<std::uintptr_t>> by_thread;
    std::uint64_t beyond = 0;  // the least: bytes of sectors, or services
  };
  // For each sector of device memory, the last block, and launch, that asked for it; counted from 1.
  struct Seen {
    std::vector<std::uint32_t> block, launch;
  };

  void log(unsigned thread, const Access& access, bool shared);
  void ask(Seen& seen, std::size_t sector);
  // What a lane accessed at an instruction, which is counted from 1.
  struct Stretch {
    std::uintptr_t address;
    unsigned bytes;
    std::uint32_t instruction;
  };
  void count_device(std::vector<Stretch>& stretches);
  void count_shared(Instruction& instruction, const std::vector<std::uintptr_t>& addresses);
  void finish_operation(double model_bytes);
  void finish_launch(KernelTraffic& kernel, double bytes);

  std::map<const void*, std::string> names_;
  std::map<std::string, KernelTraffic> kernels_;
  std::map<std::string, OperationTraffic> operations_;
  OperationTraffic operation_;  // since the last one ended
  KernelTraffic* kernel_ = nullptr;
  std::vector<std::uint32_t> numbers_;  // of instructions, by place in the program; from 1
  std::vector<Instruction> instructions_;
  std::vector<Stretch> read_, written_;             // of device memory, since the block last met
  std::vector<std::vector<std::uint32_t>> logged_;  // by warp, numbers of instructions since it last met
  Seen reads_, writes_;
  std::uint32_t block_ = 0, launch_ = 0;
  std::uint64_t launch_bytes_ = 0;
};

}  // namespace emulation
