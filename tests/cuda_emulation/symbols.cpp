#include "symbols.hpp"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <unordered_map>

#include "block.hpp"

namespace emulation {
namespace {

// Where the program was loaded.
struct Program {
  std::uintptr_t bias = 0;
  AddressRange text, data;
};
const Program& program() {
  static const Program loaded = [] {
    Program p;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* out) {
          auto& found = *static_cast<Program*>(out);
          found.bias = info->dlpi_addr;
          for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& segment = info->dlpi_phdr[i];
            if (segment.p_type != PT_LOAD) continue;
            const std::uintptr_t begin = found.bias + segment.p_vaddr;
            if ((segment.p_flags & PF_X) != 0) found.text = {begin, begin + segment.p_memsz};
            if ((segment.p_flags & PF_W) != 0) found.data = {begin, begin + segment.p_memsz};
          }
          return 1;  // the first is the program itself
        },
        &p);
    return p;
  }();
  return loaded;
}

struct Symbols {
  std::unordered_map<std::uintptr_t, std::string> functions;
  std::vector<SharedArray> arrays;
};

Symbols read_symbols() {
  Symbols symbols;
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string image{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto at = [&](std::size_t offset, auto& value) {
    if (offset + sizeof(value) <= image.size()) std::memcpy(&value, image.data() + offset, sizeof(value));
  };
  Elf64_Ehdr header = {};
  at(0, header);
  for (std::size_t s = 0; s < header.e_shnum; ++s) {
    Elf64_Shdr section = {}, names = {};
    at(header.e_shoff + s * sizeof(section), section);
    if (section.sh_type != SHT_SYMTAB) continue;
    at(header.e_shoff + section.sh_link * sizeof(names), names);
    for (std::size_t i = 0; i < section.sh_size / sizeof(Elf64_Sym); ++i) {
      Elf64_Sym symbol = {};
      at(section.sh_offset + i * sizeof(symbol), symbol);
      const char* const name = image.c_str() + names.sh_offset + symbol.st_name;
      const std::uintptr_t begin = program().bias + symbol.st_value;
      const auto type = ELF64_ST_TYPE(symbol.st_info);
      if (type == STT_FUNC) symbols.functions[begin] = name;
      if (type == STT_OBJECT && symbol.st_value % kSharedAlignment == 0 && symbol.st_size != 0 &&
          program().data.holds(begin)) {
        symbols.arrays.push_back({begin, begin + symbol.st_size, name});
      }
    }
  }
  std::sort(symbols.arrays.begin(), symbols.arrays.end(),
            [](const SharedArray& a, const SharedArray& b) { return a.begin < b.begin; });
  return symbols;
}
const Symbols& symbols() {
  static const Symbols all = read_symbols();
  return all;
}

}  // namespace

std::string demangled(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                                         std::free);
  return text != nullptr ? text.get() : symbol;
}

std::string kernel_name(const void* kernel) {
  const auto found = symbols().functions.find(reinterpret_cast<std::uintptr_t>(kernel));
  if (found == symbols().functions.end()) return "kernel at " + std::to_string(file_address(kernel));
  std::string text = demangled(found->second);
  const std::string nameless = "(anonymous namespace)::";
  for (std::size_t at = 0; (at = text.find(nameless, at)) != std::string::npos;) text.erase(at, nameless.size());
  std::size_t begin = 0, end = 0;  // of the name: from the last separator before the parameters, outside of < >
  for (int depth = 0; end < text.size() && (depth != 0 || text[end] != '('); ++end) {
    depth += text[end] == '<' ? 1 : text[end] == '>' ? -1 : 0;
    if (depth == 0 && (text[end] == ':' || text[end] == ' ')) begin = end + 1;
  }
  return text.substr(begin, end - begin);
}

const std::vector<SharedArray>& shared_arrays() {
  return symbols().arrays;
}
std::uintptr_t file_address(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) - program().bias;
}
AddressRange static_memory() {
  return program().data;
}
AddressRange program_text() {
  return program().text;
}

}  // namespace emulation
