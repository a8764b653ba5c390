// What the tool asks of the operating system besides files: system_posix.cpp and system_windows.cpp answer.
//
// Names and words are UTF-8 on Windows, and what the system gives elsewhere.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/status.hpp"

namespace tool {

// The words after the program's name.
std::vector<std::string> command_line(int argc, char** argv);

// The folder of this program's file, with a slash at the end; empty where the system does not tell.
std::string program_folder();

// The signal that asked the process to end, 0 for none. Work looks at it between steps and unwinds, which removes
// unfinished files; a second signal ends the process at once.
inline std::atomic<int> caught_signal{0};
void catch_signals();

// Bytes pass unchanged, and no file that is opened later gets the number of a stream that was closed.
void prepare_standard_streams();
// Some bytes of standard input, as soon as there are any; 0 at its end, -1 and errno where that fails.
std::ptrdiff_t read_standard_input(void* out, std::size_t most);
// From now on writing to a pipe that nobody reads fails, as writing to a full disk does, and does not end the process.
void keep_going_at_closed_pipes();
// Whether a stream leads to a terminal that understands control sequences.
bool is_terminal(std::FILE* stream);

// The most memory the process had at any time, in bytes.
std::size_t most_resident();

// Memory that is given back stays for what is asked for next, where the system can be told so: else each photo of many
// has the system clear some 70 MB for it.
void keep_memory();

bool is_directory(const std::string& path);
// One level; well where it is there already. Errors: output.
segface::Status make_directory(const std::string& path);
// Names in a directory, in order, but for those that begin with a dot. Errors: io.
segface::Result<std::set<std::string>> list_directory(const std::string& path);

// Tells files from each other, whatever their names; empty where there is no such file.
using FileId = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
FileId file_id(const std::string& path);

}  // namespace tool
