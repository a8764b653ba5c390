#if defined(_WIN32)
#include "system.hpp"

#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
// Before its parts: it does not matter to these lines how the next ones are sorted.
#include <fcntl.h>
#include <io.h>
#include <psapi.h>
#include <shellapi.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "segface/base/file.hpp"

namespace tool {
namespace {

std::string narrow(const wchar_t* text) {
  std::string bytes(static_cast<std::size_t>(::WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr)),
                    '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes.data(), static_cast<int>(bytes.size()), nullptr, nullptr);
  bytes.pop_back();  // the zero at the end
  return bytes;
}

}  // namespace

std::vector<std::string> command_line(int, char**) {
  std::vector<std::string> words;
  int count = 0;
  wchar_t** const all = ::CommandLineToArgvW(::GetCommandLineW(), &count);
  for (int i = 1; i < count; ++i) words.push_back(narrow(all[i]));
  ::LocalFree(all);
  return words;
}

std::string program_folder() {
  wchar_t path[4096];
  const DWORD size = ::GetModuleFileNameW(nullptr, path, sizeof path / sizeof *path);
  if (size == 0 || size == sizeof path / sizeof *path) return {};
  const std::string file = narrow(path);
  return file.substr(0, file.find_last_of("/\\") + 1);
}

void catch_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGBREAK}) {
    std::signal(number, [](int signal) { caught_signal = signal; });  // the next one is not caught
  }
}

void prepare_standard_streams() {
  for (std::FILE* const stream : {stdin, stdout, stderr}) {
    if (::_fileno(stream) >= 0) ::_setmode(::_fileno(stream), _O_BINARY);
  }
  ::SetConsoleOutputCP(CP_UTF8);
}

std::ptrdiff_t read_standard_input(void* out, std::size_t most) {
  return ::_read(::_fileno(stdin), out, static_cast<unsigned>(std::min<std::size_t>(most, std::size_t{1} << 30)));
}

void keep_going_at_closed_pipes() {}

bool is_terminal(std::FILE* stream) {
  if (::_isatty(::_fileno(stream)) == 0) return false;
  const auto console = reinterpret_cast<HANDLE>(::_get_osfhandle(::_fileno(stream)));
  DWORD mode = 0;
  return ::GetConsoleMode(console, &mode) != 0 &&
         ::SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

std::size_t most_resident() {
  PROCESS_MEMORY_COUNTERS counters = {};
  ::GetProcessMemoryInfo(::GetCurrentProcess(), &counters, sizeof counters);
  return counters.PeakWorkingSetSize;
}

void keep_memory() {}

bool is_directory(const std::string& path) {
  const DWORD attributes = ::GetFileAttributesW(segface::core::wide_path(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

segface::Status make_directory(const std::string& path) {
  if (::_wmkdir(segface::core::wide_path(path).c_str()) == 0 || errno == EEXIST) return {};
  return segface::error(segface::Errc::output, path, ": cannot make the directory: ", std::strerror(errno));
}

segface::Result<std::set<std::string>> list_directory(const std::string& path) {
  std::set<std::string> names;
  WIN32_FIND_DATAW found;
  const HANDLE search = ::FindFirstFileW(segface::core::wide_path(path + "/*").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return segface::error(segface::Errc::io, path, ": cannot be listed");
  do {
    if (found.cFileName[0] != L'.') names.insert(narrow(found.cFileName));
  } while (::FindNextFileW(search, &found) != 0);
  ::FindClose(search);
  return names;
}

FileId file_id(const std::string& path) {
  constexpr DWORD kShared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  const HANDLE file = ::CreateFileW(segface::core::wide_path(path).c_str(), 0, kShared, nullptr, OPEN_EXISTING,
                                    FILE_FLAG_BACKUP_SEMANTICS, nullptr);
  if (file == INVALID_HANDLE_VALUE) return {};
  BY_HANDLE_FILE_INFORMATION found = {};
  const bool known = ::GetFileInformationByHandle(file, &found) != 0;
  ::CloseHandle(file);
  if (!known) return {};
  return std::pair<std::uint64_t, std::uint64_t>(found.dwVolumeSerialNumber,
                                                 std::uint64_t{found.nFileIndexHigh} << 32 | found.nFileIndexLow);
}

}  // namespace tool
#endif
