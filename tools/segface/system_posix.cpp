#if !defined(_WIN32)
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#elif defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "system.hpp"

namespace tool {

std::vector<std::string> command_line(int argc, char** argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

std::string program_folder() {
  char path[4096];
#if defined(__APPLE__)
  std::uint32_t room = sizeof path;
  if (::_NSGetExecutablePath(path, &room) != 0) return {};
  const std::string file = path;
#else
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0 || size == static_cast<ssize_t>(sizeof path)) return {};
  const std::string file(path, static_cast<std::size_t>(size));
#endif
  return file.substr(0, file.rfind('/') + 1);
}

void catch_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action = {};
    if (::sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;  // as under nohup
    action = {};
    action.sa_handler = [](int signal) { caught_signal = signal; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(number, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_DFL);  // nobody reads on: end quietly
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error like a full disk, and unwinds as one
}

void prepare_standard_streams() {
  for (const int number : {0, 1, 2}) {
    if (::fcntl(number, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
  }
}

std::ptrdiff_t read_standard_input(void* out, std::size_t most) {
  return ::read(STDIN_FILENO, out, most);
}

void keep_going_at_closed_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return ::isatty(::fileno(stream)) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

std::size_t most_resident() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return static_cast<std::size_t>(usage.ru_maxrss);
#else
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
#endif
}

void keep_memory() {
#if defined(__GLIBC__)
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

bool is_directory(const std::string& path) {
  struct stat description;
  return ::stat(path.c_str(), &description) == 0 && S_ISDIR(description.st_mode);
}

segface::Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return segface::error(segface::Errc::output, path, ": cannot make the directory: ", std::strerror(errno));
}

segface::Result<std::set<std::string>> list_directory(const std::string& path) {
  const auto failure = [&] {
    return segface::error(segface::Errc::io, path, ": cannot be listed: ", std::strerror(errno));
  };
  std::set<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (directory == nullptr) return failure();
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') names.insert(entry->d_name);
  }
  if (errno != 0) return failure();
  return names;
}

FileId file_id(const std::string& path) {
  struct stat description;
  if (::stat(path.c_str(), &description) != 0) return {};
  return std::pair<std::uint64_t, std::uint64_t>(description.st_dev, description.st_ino);
}

}  // namespace tool
#endif
