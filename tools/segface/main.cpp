// segface: the command line. Finds the command, and sees to it that everything written has arrived.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "segface/image/decode.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tool {
namespace {

const Command* const kCommands[] = {&kParse, &kVideo, &kConvert, &kQuantize, &kInfo, &kVerify, &kBench, &kEval};

void print_help() {
  std::printf(
      "segface: a label for every pixel of a face.\n\n"
      "usage: segface COMMAND ...\n\n");
  for (const Command* command : kCommands) std::printf("  %-8s  %s\n", command->name.data(), command->summary);
  std::printf(
      "\n"
      "  segface help COMMAND    tells more about a command\n"
      "  segface --version       tells version, instruction set and threads\n\n"
      "Exit codes: 0 done, 2 usage, 3 image, 4 weights, 5 output, 6 limits or memory, 7 no device.\n");
}

void print_version() {
  std::printf(
      "segface %s\ninstruction set: %s\nthreads: %d unless told otherwise\nJPEG: %s\nbackends:", SEGFACE_VERSION_STRING,
      cpu_backend().isa_name(), static_cast<int>(default_threads()), JpegDecoder::kName);
  for (std::size_t i = 0; i < backend_names().size(); ++i) {
    if (check_built(i).ok()) std::printf(" %s", backend_names()[i].c_str());
  }
  std::printf("\n");
}

int unknown_command(const std::string& name) {
  std::vector<Option> names;
  for (const Command* command : kCommands) names.push_back({command->name, false});
  const Status status = error(Errc::invalid_argument, "unknown command '", name, "'", suggestion(name, names));
  std::fprintf(stderr, "segface: %s (see segface --help)\n", status.message());
  return kUsage;
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    std::fprintf(stderr, "segface: no command given (see segface --help)\n");
    return kUsage;
  }
  const bool help = words[0] == "--help" || words[0] == "-h" || words[0] == "help";
  if (help && words.size() == 1) return print_help(), kDone;
  const auto isa = cpu::chosen_isa();
  if (!isa && !help) return fail(isa.error(), kNoDevice);
  if (words[0] == "--version") return print_version(), kDone;
  const std::string& name = help ? words[1] : words[0];
  for (const Command* command : kCommands) {
    if (command->name != name) continue;
    const auto end = std::find(words.begin() + 1, words.end(), "--");
    const bool asked = std::any_of(words.begin() + 1, end, [](const auto& w) { return w == "--help" || w == "-h"; });
    if (!help && !asked) return command->run({words.begin() + 1, words.end()});
    const bool all = std::find(words.begin() + 1, end, "--all") != end;
    std::fputs(command->usage, stdout);
    if (command->more != nullptr) {
      if (all) {
        std::fputs(command->more, stdout);
      } else {
        std::printf("\n  segface help %s --all    tells the other options\n", command->name.data());
      }
    }
    return kDone;
  }
  return unknown_command(name);
}

// What was printed may still be on its way, and the disk full.
int finish(int code) {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fclose(stdout) == 0 && !failed_before) return code;
  if (code == kDone) {
    std::fprintf(stderr, "segface: cannot write to standard output: %s\n",
                 failed_before ? "an earlier write failed" : std::strerror(errno));
    code = kOutput;
  }
  return code;
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  tool::prepare_standard_streams();
  tool::catch_signals();
  int code = tool::kLimits;
  try {
    code = tool::dispatch(tool::command_line(argc, argv));
  } catch (const std::bad_alloc&) {
    std::fputs("segface: out of memory\n", stderr);
  }
  return tool::finish(code);
}
