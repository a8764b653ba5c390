// How many threads this process may keep awake: processors that it may use, not those that the machine has.
//
// A container is given a part of a machine in one of three ways: an affinity, a cpuset, which the affinity shows too, or a
// quota of time. With more threads than that, some of them wait for one another, and a quota stops all at once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/process.hpp"
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#else
#include <thread>
#endif
#if defined(__linux__)
#include <sched.h>

#include <cstdio>
#include <memory>
#endif

SEGFACE_BEGIN_CORE

#if defined(__linux__)
namespace quota {

// A file's text; empty where it cannot be read.
inline std::string text_of(const std::string& name) {
  std::string text;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "re"), std::fclose);
  if (file == nullptr) return text;
  char part[4096];
  while (const std::size_t size = std::fread(part, 1, sizeof part, file.get())) text.append(part, size);
  return text;
}

// Takes what comes before `end` off `text`, which then begins behind it.
inline std::string_view take(std::string_view& text, char end) noexcept {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return part;
}
inline bool lists(std::string_view names, std::string_view name) noexcept {
  while (!names.empty()) {
    if (take(names, ',') == name) return true;
  }
  return false;
}

// The group of this process: of version 2, or in the hierarchy of version 1 that has `controller`.
inline std::string_view group_of(std::string_view groups, std::string_view controller) noexcept {
  while (!groups.empty()) {
    std::string_view line = take(groups, '\n');
    take(line, ':');
    if (const std::string_view controllers = take(line, ':');
        controllers == controller || lists(controllers, controller)) {
      return line;
    }
  }
  return {};
}

// Processors' worth of time that a group has, as its directory says; 0 where that is not limited.
inline double of_directory(const std::string& directory, bool version_2) {
  double time = 0, period = 0;
  if (version_2) {
    const std::string limit = text_of(directory + "/cpu.max");  // "50000 100000", "max 100000"
    char* end = nullptr;
    time = std::strtod(limit.c_str(), &end);
    period = std::strtod(end, nullptr);
  } else {
    time = std::strtod(text_of(directory + "/cpu.cfs_quota_us").c_str(), nullptr);  // -1: no limit
    period = std::strtod(text_of(directory + "/cpu.cfs_period_us").c_str(), nullptr);
  }
  return time > 0 && period > 0 ? time / period : 0;
}

// The least of a group and those around it, as far as `mount` shows them; 0 where there is none.
inline double of_group(const std::string& mount, std::string group, bool version_2) {
  double least = 0;
  for (;;) {
    const double here = of_directory(mount + group, version_2);
    if (here > 0 && (least == 0 || here < least)) least = here;
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

// Processors' worth of time that this process may use; 0 where that is not limited. `root` stands before each name of a
// file that is read: /proc/self/cgroup, /proc/self/mountinfo, and control groups where these say they are.
inline double processors(const std::string& root) {
  double least = 0;
  const std::string groups = text_of(root + "/proc/self/cgroup"), mounts = text_of(root + "/proc/self/mountinfo");
  for (std::string_view rest = mounts; !rest.empty();) {
    // 31 23 0:24 ROOT MOUNT options [fields] - TYPE source options
    std::string_view line = take(rest, '\n'), tail = line;
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    tail.remove_prefix(dash + 3);
    const std::string_view type = take(tail, ' ');
    take(tail, ' ');
    const bool version_2 = type == "cgroup2";
    if (!version_2 && !(type == "cgroup" && lists(tail, "cpu"))) continue;
    for (int field = 0; field < 3; ++field) take(line, ' ');
    const std::string_view top = take(line, ' '), mount = take(line, ' ');
    std::string_view group = group_of(groups, version_2 ? "" : "cpu");
    // In a container the mount may begin at its own group, while the group's name is the whole one.
    if (top != "/") group.remove_prefix(group.substr(0, top.size()) == top ? top.size() : group.size());
    if (group == "/") group = {};
    const double here = of_group(root + std::string(mount), std::string(group), version_2);
    if (here > 0 && (least == 0 || here < least)) least = here;
  }
  return least;
}

}  // namespace quota
#endif

// Processors this thread may run on.
inline Index allowed_processors() noexcept {
#if defined(__linux__)
  cpu_set_t sets[8] = {};  // Linux has up to 8192 processors
  if (::sched_getaffinity(0, sizeof sets, sets) == 0) return std::max<Index>(1, CPU_COUNT_S(sizeof sets, sets));
#endif
#if defined(__unix__) || defined(__APPLE__)
  return std::max<Index>(1, static_cast<Index>(::sysconf(_SC_NPROCESSORS_ONLN)));
#else
  return std::max<Index>(1, static_cast<Index>(std::thread::hardware_concurrency()));
#endif
}

// Threads this process may keep busy: its processors, or as many as its quota of time pays for, rounded up. `root`: for
// tests, see quota::processors.
inline Index available_threads(const std::string& root = "") noexcept {
  Index threads = allowed_processors();
#if defined(__linux__)
  const CancellationGuard guard;
  static_cast<void>(guarded([&]() -> Status {
    const double paid = quota::processors(root);
    if (paid > 0 && paid < static_cast<double>(threads)) threads = static_cast<Index>(std::ceil(paid));
    return {};
  }));
#else
  static_cast<void>(root);
#endif
  return threads;
}

// Threads of a caller who asks for none in particular: available_threads(), and no more than OMP_NUM_THREADS says, which is
// how people tell programs that compute to leave others some room.
inline Index default_threads() noexcept {
  const char* const wanted = std::getenv("OMP_NUM_THREADS");  // "4", or "4,2" for regions in regions
  const long most = wanted == nullptr ? 0 : std::strtol(wanted, nullptr, 10);
  return most > 0 ? std::min(available_threads(), static_cast<Index>(most)) : available_threads();
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::available_threads;
using core::default_threads;

SEGFACE_END_NAMESPACE
