// Runs code in a child process for which the kernel refuses some system calls, as other file systems, containers and
// older kernels do (Linux, by seccomp).
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

// System call `number` fails with `error`; where `flags` is not 0, only if its third argument has one of them.
struct RefusedCall {
  long number;
  int error;
  unsigned flags = 0;
};

// What gives a file another name: rename() in each of its forms.
inline std::vector<RefusedCall> renaming_refused(int error) {
  std::vector<RefusedCall> calls = {{SYS_renameat2, error}};
#if defined(SYS_rename)
  calls.push_back({SYS_rename, error});
#endif
#if defined(SYS_renameat)
  calls.push_back({SYS_renameat, error});
#endif
  return calls;
}
// A file system that cannot make files without a name.
inline RefusedCall nameless_refused() {
  return {SYS_openat, EOPNOTSUPP, static_cast<unsigned>(O_TMPFILE & ~O_DIRECTORY)};
}
// Nor a second name.
inline std::vector<RefusedCall> linking_refused(int error) {
  std::vector<RefusedCall> calls = {{SYS_linkat, error}};
#if defined(SYS_link)
  calls.push_back({SYS_link, error});
#endif
  return calls;
}

inline std::vector<RefusedCall> operator+(std::vector<RefusedCall> a, const std::vector<RefusedCall>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline bool refuse_calls(const std::vector<RefusedCall>& calls) {
  std::vector<sock_filter> program;
  const auto add = [&](unsigned code, std::size_t value, std::size_t yes, std::size_t no) {
    program.push_back(
        {static_cast<__u16>(code), static_cast<__u8>(yes), static_cast<__u8>(no), static_cast<__u32>(value)});
  };
  for (const RefusedCall& call : calls) {
    const bool any = call.flags == 0;
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr), 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::size_t>(call.number), 0, any ? 1 : 3);
    if (!any) {
      add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(__u64), 0, 0);
      add(BPF_JMP | BPF_JSET | BPF_K, call.flags, 0, 1);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(call.error), 0, 0);
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Whether `works()` holds in a child; true with a message where such a child cannot be made.
template <class Works>
bool holds_while_refused(const std::vector<RefusedCall>& calls, const Works& works) {
  constexpr int kCannotRefuse = 77;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(!refuse_calls(calls) ? kCannotRefuse : works() ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRefuse) {
    MESSAGE("system calls cannot be refused here: not tested");
    return true;
  }
  return status == 0;
}
