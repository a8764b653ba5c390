// Threads that wait for work: those who share them, what a host may do to them, and where they cannot be had.
#include "segface/base/threads/pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "allocations.hpp"
#include "base/threads/runs.hpp"
#if defined(__unix__)
#include <sys/resource.h>

#include "base/threads/child.hpp"
#endif

using namespace segface;
using namespace segface::core;

namespace {

// Runs a kernel of two tasks until both are under way at a time, on two threads; both(task) is called then.
template <class Both>
void on_two_threads(Executor& executor, const Both& both) {
  bool met[2] = {};
  for (int kernel = 0; kernel < 1000 && !met[0]; ++kernel) {
    std::atomic<int> inside{0};
    executor.for_each(2, [&](Index task, Index) {
      ++inside;
      for (int look = 0; look < 10000 && inside < 2; ++look) std::this_thread::yield();
      met[task] = inside == 2;
      if (met[task]) both(task);
    });
  }
  CHECK(met[0]);
  CHECK(met[1]);
}

}  // namespace

TEST_CASE("who waits looks for its turn so many times at most, and once where threads outnumber processors") {
  for (const bool may_look : {false, true}) {
    int looks = 0;
    const auto count = [&](int wanted) { return [&looks, wanted] { return ++looks == wanted; }; };
    CHECK_FALSE(look_for(count(0), may_look));
    CHECK(looks == (may_look ? kLooks : 1));
    looks = 0;
    CHECK(look_for(count(1), may_look));
    CHECK(looks == 1);
  }
}

TEST_CASE("nobody waits for a worker that does not come") {
  const std::unique_ptr<Crew> crew = Crew::make(4, /*may_look=*/true);  // and nobody serves
  for (int kernel = 0; kernel < 100; ++kernel) {
    std::atomic<int> done{0};
    const auto count = [](const void* body, Index, Index worker) {
      if (worker == 0) ++*static_cast<std::atomic<int>*>(const_cast<void*>(body));
    };
    crew->run(50, count, &done);
    CHECK(done == 50);
  }
}

TEST_CASE("workers work beside the caller, whether they wait awake or asleep") {
  for (const bool may_look : {false, true}) {
    const std::unique_ptr<Crew> crew = Crew::make(2, may_look);
    std::thread worker([&] { crew->serve(1); });
    class Pair final : public Executor {
     public:
      explicit Pair(Crew& crew) : crew_(crew) {}
      Index threads() const noexcept override { return 2; }
      void run(Index tasks, Function function, const void* body) noexcept override { crew_.run(tasks, function, body); }

     private:
      Crew& crew_;
    } pair(*crew);
    for (int time = 0; time < 3; ++time) {
      on_two_threads(pair, [](Index) {});
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // asleep now
    }
    crew->dismiss();
    worker.join();
  }
}

TEST_CASE("callers share the workers: each gets on, with no more threads than there are") {
  const std::unique_ptr<Executor> pool = ThreadPool::make(4).value();
  for (const Index callers : {2, 4}) {
    CAPTURE(callers);
    std::atomic<Index> inside{0}, wrong{0};
    std::vector<std::thread> threads;
    for (Index caller = 0; caller < callers; ++caller) {
      threads.emplace_back([&] {
        for (++inside; inside < callers;) std::this_thread::yield();  // begin together
        for (int kernel = 0; kernel < 200; ++kernel) {
          if (test::runs(*pool, 31) != std::vector<int>(31, 1)) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
  }
  // A caller that comes while 3 others are in a kernel has no workers left to call: it works alone.
  std::atomic<Index> inside{0};
  std::atomic<bool> leave{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&] {
      pool->for_each(1, [&](Index, Index) {
        for (++inside; !leave;) std::this_thread::yield();
      });
    });
  }
  while (inside < 3) std::this_thread::yield();
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<Index> elsewhere{0};
  pool->for_each(20, [&](Index, Index) {
    elsewhere += std::this_thread::get_id() != caller;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // long enough for a worker to come
  });
  leave = true;
  for (std::thread& other : others) other.join();
  CHECK(elsewhere == 0);
}

TEST_CASE("a pool that cannot be made for lack of memory says so") {
  for (long block = 0;; ++block) {
    test::blocks_until_refusal = block;
    const auto pool = ThreadPool::make(3);
    test::blocks_until_refusal = -1;
    if (pool.ok()) {
      CHECK(test::runs(**pool, 9) == std::vector<int>(9, 1));
      break;
    }
    CHECK(pool.error().code() == Errc::out_of_memory);
  }
}

#if defined(__unix__)
TEST_CASE("workers leave the host's signals to the host's threads, but not their own faults") {
  sigset_t before, after, worker;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  const std::unique_ptr<Executor> pool = ThreadPool::make(2).value();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1})
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  const std::thread::id caller = std::this_thread::get_id();
  on_two_threads(*pool, [&](Index) {
    if (std::this_thread::get_id() != caller) pthread_sigmask(SIG_SETMASK, nullptr, &worker);
  });
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM}) CHECK(sigismember(&worker, signal) == 1);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) CHECK(sigismember(&worker, fault) == 0);
}

TEST_CASE("a forked child may use and destroy what it inherited, and have threads of its own") {
  std::unique_ptr<Executor> pool = ThreadPool::make(3).value();
  on_two_threads(*pool, [](Index) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the workers are asleep
  const std::vector<int> once(20, 1);
  CHECK(test::exit_of_child([&] {
          const bool ran = test::runs(*pool, 20) == once;
          pool.reset();
          const std::unique_ptr<Executor> own = ThreadPool::make(3).value();
          return ran && test::runs(*own, 20) == once ? 0 : 1;
        }) == 0);
  CHECK(test::runs(*pool, 20) == once);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("where the system refuses threads the pool is smaller") {
  CHECK(test::exit_of_child([] {
          long pages = 0;
          std::FILE* const sizes = std::fopen("/proc/self/statm", "r");
          if (sizes == nullptr || std::fscanf(sizes, "%ld", &pages) != 1) return 2;
          std::fclose(sizes);
          const auto room = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE)) + (rlim_t{40} << 20);  // a few stacks
          const rlimit limit = {room, room};
          if (setrlimit(RLIMIT_AS, &limit) != 0) return 3;
          const auto pool = ThreadPool::make(64);
          if (!pool.ok() || (*pool)->threads() >= 64) return 4;
          return test::runs(**pool, 20) == std::vector<int>(20, 1) ? 0 : 5;
        }) == 0);
}
#endif
#endif
