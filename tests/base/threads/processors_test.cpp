// How many threads a process may keep awake: affinity, and quotas of control groups, read from faked files.
#include "segface/base/threads/processors.hpp"

#include <doctest/doctest.h>

#include "segface/base/threads/make_executor.hpp"

#if defined(__linux__)
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/temp_directory.hpp"
#include "base/threads/child.hpp"

using namespace segface;
using namespace segface::core;

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

// Processors' worth of time where these files are all there is.
double paid(const Files& files) {
  const TempDirectory directory;
  const std::string root = directory.file("root");
  for (const auto& [name, text] : files) {
    std::filesystem::create_directories(std::filesystem::path(root + name).parent_path());
    std::ofstream(root + name) << text;
  }
  return quota::processors(root);
}

const std::string kMount2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate\n";
const std::string kMount1 =
    "30 23 0:27 / /proc rw - proc proc rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

}  // namespace

TEST_CASE("quota of version 2: the least of a group and those around it") {
  Files files = {{"/proc/self/cgroup", "0::/pod/box\n"},
                 {"/proc/self/mountinfo", kMount2},
                 {"/sys/fs/cgroup/pod/cpu.max", "max 100000\n"},
                 {"/sys/fs/cgroup/pod/box/cpu.max", "150000 100000\n"}};
  CHECK(paid(files) == 1.5);
  files[2].second = "50000 100000\n";
  CHECK(paid(files) == 0.5);
  files[2].second = files[3].second = "max 100000\n";
  CHECK(paid(files) == 0);
}

TEST_CASE("quota of version 2 in a container, which sees its own group as the root") {
  CHECK(paid({{"/proc/self/cgroup", "0::/\n"},
              {"/proc/self/mountinfo", kMount2},
              {"/sys/fs/cgroup/cpu.max", "200000 100000"}}) == 2);
}

TEST_CASE("quota of version 1, in the hierarchy that counts processors") {
  const Files files = {{"/proc/self/cgroup", "9:name=systemd:/x\n4:memory:/y\n2:cpu,cpuacct:/docker/7\n0::/\n"},
                       {"/proc/self/mountinfo", kMount1},
                       {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
                       {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
                       {"/sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_quota_us", "300000\n"},
                       {"/sys/fs/cgroup/cpu,cpuacct/docker/7/cpu.cfs_period_us", "100000\n"}};
  CHECK(paid(files) == 3);
}

TEST_CASE("quota where the mount begins at the container's group, or at another's") {
  const std::string mount = " /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
  Files files = {{"/proc/self/cgroup", "2:cpu:/docker/7\n"},
                 {"/proc/self/mountinfo", "32 31 0:29 /docker/7" + mount},
                 {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
                 {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}};
  CHECK(paid(files) == 1);
  files[1].second = "32 31 0:29 /elsewhere" + mount;
  CHECK(paid(files) == 1);
  files[0].second = "2:cpu:/docker/7/deeper\n";
  files[1].second = "32 31 0:29 /docker/7" + mount;
  files.push_back({"/sys/fs/cgroup/cpu/deeper/cpu.cfs_quota_us", "50000\n"});
  files.push_back({"/sys/fs/cgroup/cpu/deeper/cpu.cfs_period_us", "100000\n"});
  CHECK(paid(files) == 0.5);
}

TEST_CASE("senseless files are no quota") {
  CHECK(paid({}) == 0);
  for (const char* text : {"", "\n", "0 0", "-1 100000", "100000", "many 100000", "100000 -5"}) {
    CAPTURE(text);
    CHECK(
        paid({{"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", kMount2}, {"/sys/fs/cgroup/cpu.max", text}}) ==
        0);
  }
  CHECK(paid({{"/proc/self/cgroup", ":::\n0\n\n::"},
              {"/proc/self/mountinfo", " - cgroup2\n - \n31 - cgroup2 a b\n"}}) == 0);
}

TEST_CASE("threads are as many as processors and quota allow, rounded up, and at least one") {
  const TempDirectory directory;
  const std::string root = directory.file("root");
  std::filesystem::create_directories(root + "/proc/self");
  std::filesystem::create_directories(root + "/sys/fs/cgroup");
  std::ofstream(root + "/proc/self/cgroup") << "0::/\n";
  std::ofstream(root + "/proc/self/mountinfo") << kMount2;
  const auto threads = [&](const char* limit) {
    std::ofstream(root + "/sys/fs/cgroup/cpu.max") << limit;
    return available_threads(root);
  };
  const Index allowed = allowed_processors();
  CHECK(threads("max 100000") == allowed);
  CHECK(threads("10000 100000") == 1);
  CHECK(threads("100000 100000") == 1);
  CHECK(threads("100001 100000") == std::min<Index>(2, allowed));
  CHECK(threads("99900000 100000") == allowed);
}

TEST_CASE("a process that is bound to one processor gets one thread, whatever it asks for") {
  CHECK(test::exit_of_child([] {
          cpu_set_t allowed, one;
          if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 2;
          int first = 0;
          while (!CPU_ISSET(first, &allowed)) ++first;
          CPU_ZERO(&one);
          CPU_SET(first, &one);
          if (sched_setaffinity(0, sizeof one, &one) != 0) return 3;
          return available_threads() == 1 && make_executor(64).value()->threads() == 1 ? 0 : 1;
        }) == 0);
}
#endif
