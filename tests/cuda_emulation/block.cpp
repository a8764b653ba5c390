#include "block.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "access.hpp"

namespace emulation {
namespace {

enum class State : std::uint8_t { ready, at_barrier, at_exchange, done };

struct Thread {
  uint3 index = {0, 0, 0};
  State state = State::ready;
  Fiber* fiber = nullptr;  // from when it begins
  Site site = {"", 0};
  unsigned mask = 0;
  std::uint64_t value = 0;
  Lanes seen = {};
};

// Numbers that look random and are the same in every run.
struct Shuffle {
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  std::size_t below(std::size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % n;
  }
};

std::vector<std::size_t> arranged(std::size_t count, Order order, Shuffle& shuffle) {
  std::vector<std::size_t> list(count);
  std::iota(list.begin(), list.end(), std::size_t{0});
  if (order == Order::descending) std::reverse(list.begin(), list.end());
  if (order == Order::shuffled) {
    for (std::size_t i = count; i > 1; --i) std::swap(list[i - 1], list[shuffle.below(i)]);
  }
  return list;
}

std::string text(const Site& site) {
  return std::string(site.file) + ":" + std::to_string(site.line);
}
bool same(const Site& a, const Site& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

class Grid;
thread_local Grid* running = nullptr;

class Grid {
 public:
  Grid(const std::function<void()>& kernel, dim3 block, std::size_t shared_bytes, Order order)
      : kernel_(kernel),
        order_(order),
        threads_(std::size_t{block.x} * block.y * block.z),
        shared_bytes_(shared_bytes),
        shared_((shared_bytes + kSpareBytes) / 8) {}

  // False where it went wrong.
  bool run_block(uint3 index) {
    blockIdx = index;
    std::fill(shared_.begin(), shared_.end(), ~std::uint64_t{0});  // NaN
    for (std::size_t t = 0; t < threads_.size(); ++t) {
      const auto place = static_cast<unsigned>(t);
      Thread& thread = threads_[t];
      thread.state = State::ready;
      thread.index = {place % blockDim.x, place / blockDim.x % blockDim.y, place / blockDim.x / blockDim.y};
    }
    turns_ = arranged(threads_.size(), order_, shuffle_);
    next_ = 0;
    begin_block(threads_.size(), shared_.data(), shared_bytes_);
    while (next_ < turns_.size() && fault_.empty()) enter(free_fiber());
    while (fault_.empty() && !all_done()) {
      if (!resume_ready() && !open_barrier()) break;
    }
    end_block();
    const auto* const bytes = reinterpret_cast<const unsigned char*>(shared_.data());
    if (!std::all_of(bytes + shared_bytes_, bytes + shared_.size() * 8,
                     [](unsigned char byte) { return byte == 0xff; })) {
      fail("bytes beyond " + std::to_string(shared_bytes_) + " of dynamic shared memory were written");
    }
    return fault_.empty();
  }

  const std::string& fault() const { return fault_; }
  void fail(const std::string& why) {
    if (fault_.empty()) {
      fault_ = why + ", in thread (" + std::to_string(threadIdx.x) + ", " + std::to_string(threadIdx.y) + ", " +
               std::to_string(threadIdx.z) + ") of block (" + std::to_string(blockIdx.x) + ", " +
               std::to_string(blockIdx.y) + ", " + std::to_string(blockIdx.z) + ")";
    }
  }
  void* shared() { return shared_.data(); }

  // On a fiber: runs threads, one after the other, and waits for more.
  void work() {
    for (;;) {
      while (next_ < turns_.size()) {
        current_ = turns_[next_++];
        Thread& thread = threads_[current_];
        thread.fiber = fiber_;
        threadIdx = thread.index;
        kernel_();
        threads_[current_].state = State::done;
      }
      free_.push_back(fiber_);
      fiber_->leave();
    }
  }

  // On a fiber: waits in a state until somebody makes the thread ready.
  Thread& wait(State state, const Site& site, unsigned mask = 0, std::uint64_t value = 0) {
    const std::size_t me = current_;
    Thread& thread = threads_[me];
    thread.state = state;
    thread.site = site;
    thread.mask = mask;
    thread.value = value;
    if (state == State::at_exchange) open_exchange(me);
    if (thread.state != State::ready) {
      thread.fiber->leave();
      current_ = me;
      threadIdx = thread.index;
    }
    return thread;
  }

  [[noreturn]] void abandon(const char* why) {
    fail(why);
    fiber_->abandon();
  }

 private:
  void enter(Fiber* fiber) {
    fiber_ = fiber;
    fiber->enter();
  }
  Fiber* free_fiber() {
    if (free_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>([] { running->work(); }));
      return fibers_.back().get();
    }
    Fiber* const fiber = free_.back();
    free_.pop_back();
    return fiber;
  }
  bool all_done() const {
    return std::all_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.state == State::done; });
  }
  // Runs all that are ready; false where none was.
  bool resume_ready() {
    bool any = false;
    for (const std::size_t t : turns_) {
      if (threads_[t].state != State::ready || !fault_.empty()) continue;
      any = true;
      enter(threads_[t].fiber);
    }
    return any;
  }
  // Nobody can go on: all must be at the same barrier.
  bool open_barrier() {
    const Thread& first =
        *std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return t.state != State::done; });
    for (const Thread& thread : threads_) {
      threadIdx = thread.index;
      if (thread.state == State::done) {
        fail("a thread has ended, another waits at " + text(first.site));
      } else if (thread.state == State::at_exchange) {
        fail("lanes of the mask never came to " + text(thread.site));
      } else if (!same(thread.site, first.site)) {
        fail("divergent barriers: " + text(first.site) + " and " + text(thread.site));
      }
    }
    if (!fault_.empty()) return false;
    for (Thread& thread : threads_) thread.state = State::ready;
    meet_block();
    return true;
  }
  // Lets the lanes of the thread's mask go on where all have come.
  void open_exchange(std::size_t thread) {
    const std::size_t first = thread / 32 * 32;
    const unsigned mask = threads_[thread].mask;
    if ((mask >> (thread - first) & 1) == 0)
      return fail("a lane that is not in its own mask, at " + text(threads_[thread].site));
    const auto in_mask = [&](std::size_t lane) { return (mask >> lane & 1) != 0 && first + lane < threads_.size(); };
    for (std::size_t lane = 32; lane-- > 0;) {
      const Thread& t = threads_[std::min(first + lane, threads_.size() - 1)];
      const bool here = t.state == State::at_exchange && t.mask == mask && same(t.site, threads_[thread].site);
      if (in_mask(lane) && !here) return;
    }
    Lanes lanes = {};
    for (std::size_t lane = 0; lane < 32; ++lane) lanes.values[lane] = in_mask(lane) ? threads_[first + lane].value : 0;
    for (std::size_t lane = 0; lane < 32; ++lane) {
      if (!in_mask(lane)) continue;
      threads_[first + lane].seen = lanes;
      threads_[first + lane].state = State::ready;
    }
    const std::size_t lanes_here = std::min(threads_.size() - first, std::size_t{32});
    const unsigned all = ~0u >> (32 - lanes_here);
    if ((mask & all) == all) meet_warp(first / 32);
  }

  const std::function<void()>& kernel_;
  Order order_;
  std::vector<Thread> threads_;
  std::size_t shared_bytes_;
  std::vector<std::uint64_t> shared_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
  std::vector<std::size_t> turns_;
  std::size_t next_ = 0;     // of turns_: the first thread that has not begun
  std::size_t current_ = 0;  // the thread that runs
  Fiber* fiber_ = nullptr;   // the fiber that runs
  Shuffle shuffle_;
  std::string fault_;
};

}  // namespace

void block_barrier(const Site& site) {
  running->wait(State::at_barrier, site);
}
const Lanes& exchange(unsigned mask, std::uint64_t value, const Site& site) {
  return running->wait(State::at_exchange, site, mask, value).seen;
}
void* dynamic_shared() {
  return running->shared();
}

std::string run_grid(const std::function<void()>& kernel, dim3 grid, dim3 block, std::size_t shared_bytes,
                     Order order) {
  gridDim = grid;
  blockDim = block;
  Grid state(kernel, block, shared_bytes, order);
  running = &state;
  Shuffle shuffle;
  for (const std::size_t place : arranged(std::size_t{grid.x} * grid.y * grid.z, order, shuffle)) {
    const std::size_t row = place / grid.x;
    const uint3 index = {static_cast<unsigned>(place % grid.x), static_cast<unsigned>(row % grid.y),
                         static_cast<unsigned>(row / grid.y)};
    if (!state.run_block(index)) break;
  }
  running = nullptr;
  return state.fault();
}

void fail_kernel(const std::string& why) {
  running->fail(why);
}
bool in_kernel() {
  return running != nullptr;
}
void abandon_kernel(const char* why) {
  running->abandon(why);
}

}  // namespace emulation
