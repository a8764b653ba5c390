#include "traffic.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "block.hpp"
#include "device.hpp"
#include "symbols.hpp"

namespace emulation {
namespace {

constexpr std::size_t kSector = 32, kBank = 4, kBanks = 32;

Traffic* living = nullptr;

void keep_worst(KernelTraffic::Worst& worst, std::uint64_t beyond, const void* place) {
  if (beyond > worst.beyond) worst = {beyond, file_address(place)};
}

template <class... A>
std::string line(const char* format, A... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

template <class T>
std::vector<T> most_bytes_first(const std::map<std::string, T>& all) {
  std::vector<T> list;
  for (const auto& [name, one] : all) list.push_back(one);
  std::stable_sort(list.begin(), list.end(), [](const T& a, const T& b) { return a.bytes > b.bytes; });
  return list;
}

}  // namespace

Traffic::Traffic() : numbers_(program_text().end - program_text().begin) {
  living = this;
}
Traffic::~Traffic() {
  living = nullptr;
}
Traffic* Traffic::current() {
  return living;
}

void Traffic::begin_kernel(const void* kernel) {
  std::string& name = names_[kernel];
  if (name.empty()) name = kernel_name(kernel);
  kernel_ = &kernels_[name];
  kernel_->name = name;
  launch_bytes_ = 0;
  ++launch_;
}
void Traffic::end_kernel() {
  finish_launch(*kernel_, static_cast<double>(launch_bytes_));
}
void Traffic::library_kernel(const std::string& name, double bytes) {
  kernels_[name].name = name;
  kernels_[name].block_bytes += static_cast<std::uint64_t>(bytes);
  finish_launch(kernels_[name], bytes);
}
void Traffic::finish_launch(KernelTraffic& kernel, double bytes) {
  ++kernel.launches;
  kernel.bytes += static_cast<std::uint64_t>(bytes);
  operation_.kernels += (operation_.kernels.empty() ? "" : " + ") + kernel.name;
  operation_.bytes += bytes;
}
void Traffic::end_operation(double model_bytes) {
  enqueue_after_latest([model_bytes] {
    if (living != nullptr) living->finish_operation(model_bytes);
  });
}
void Traffic::finish_operation(double model_bytes) {
  OperationTraffic& sum = operations_[operation_.kernels];
  sum.kernels = operation_.kernels;
  ++sum.runs;
  sum.bytes += operation_.bytes;
  sum.model_bytes += model_bytes;
  operation_ = {};
}

// ---- while a block runs -----------------------------------------------------------------------------------------

void Traffic::log(unsigned thread, const Access& access, bool shared) {
  std::uint32_t& number = numbers_[reinterpret_cast<std::uintptr_t>(access.place) - program_text().begin];
  if (number == 0) {
    instructions_.push_back({access.place, access.bytes, shared, access.write, {}, 0});
    number = static_cast<std::uint32_t>(instructions_.size());
  }
  Instruction& instruction = instructions_[number - 1];
  if (instruction.by_thread.size() <= thread) instruction.by_thread.resize(thread + 1);
  if (logged_.size() <= thread / 32) logged_.resize(thread / 32 + 1);
  std::vector<std::uintptr_t>& addresses = instruction.by_thread[thread];
  if (addresses.empty()) logged_[thread / 32].push_back(number);
  addresses.push_back(access.address);
}

void Traffic::device_access(unsigned thread, const Access& access) {
  log(thread, access, /*shared=*/false);
  Seen& seen = access.write ? writes_ : reads_;
  const std::size_t offset = device_offset(access.address);
  ask(seen, offset / kSector);
  ask(seen, (offset + access.bytes - 1) / kSector);
}
void Traffic::ask(Seen& seen, std::size_t sector) {
  if (seen.block.size() <= sector) {
    seen.block.resize(sector + sector / 2 + 1);
    seen.launch.resize(seen.block.size());
  }
  if (std::exchange(seen.block[sector], block_) != block_) kernel_->block_bytes += kSector;
  if (std::exchange(seen.launch[sector], launch_) != launch_) launch_bytes_ += kSector;
}
void Traffic::shared_access(unsigned thread, const Access& access) {
  log(thread, access, /*shared=*/true);
}

void Traffic::meet_block() {
  for (std::size_t warp = 0; warp < logged_.size(); ++warp) meet_warp(warp);
  count_device(read_);
  count_device(written_);
}
void Traffic::meet_warp(std::size_t warp) {
  if (warp >= logged_.size()) return;
  std::vector<std::uintptr_t> addresses;
  for (const std::uint32_t number : logged_[warp]) {
    Instruction& instruction = instructions_[number - 1];
    auto& threads = instruction.by_thread;
    const std::size_t first = warp * 32, last = std::min(first + 32, threads.size());
    for (std::size_t time = 0;; ++time) {
      addresses.clear();
      for (std::size_t t = first; t < last; ++t) {
        if (threads[t].size() > time) addresses.push_back(threads[t][time]);
      }
      if (addresses.empty()) break;
      if (instruction.shared) {
        count_shared(instruction, addresses);
      } else {
        std::vector<Stretch>& stretches = instruction.write ? written_ : read_;
        for (const std::uintptr_t address : addresses) stretches.push_back({address, instruction.bytes, number});
      }
    }
    for (std::size_t t = first; t < last; ++t) threads[t].clear();
  }
  logged_[warp].clear();
}

// The instruction whose access is the first of a sector is to blame for what nobody asks for of it.
void Traffic::count_device(std::vector<Stretch>& stretches) {
  std::sort(stretches.begin(), stretches.end(),
            [](const Stretch& a, const Stretch& b) { return a.address < b.address; });
  std::uint64_t bytes = 0, sectors = 0;
  std::uintptr_t end = 0, next_sector = 0;  // beyond what is counted
  for (const Stretch& stretch : stretches) {
    const std::uintptr_t begin = stretch.address, new_end = begin + stretch.bytes;
    const std::uint64_t new_bytes = new_end > end ? new_end - std::max(begin, end) : 0;
    const std::uintptr_t first = std::max(begin / kSector, next_sector), last = (new_end - 1) / kSector + 1;
    const std::uint64_t new_sectors = last > first ? last - first : 0;
    bytes += new_bytes;
    sectors += new_sectors;
    end = std::max(end, new_end);
    next_sector = std::max(next_sector, last);
    if (new_sectors * kSector <= new_bytes) continue;
    Instruction& instruction = instructions_[stretch.instruction - 1];
    instruction.beyond += new_sectors * kSector - new_bytes;
    keep_worst(kernel_->worst_sectors, instruction.beyond, instruction.place);
  }
  kernel_->sectors += sectors;
  kernel_->least += (bytes + kSector - 1) / kSector;
  stretches.clear();
}

void Traffic::count_shared(Instruction& instruction, const std::vector<std::uintptr_t>& addresses) {
  const std::size_t words = std::max(instruction.bytes / kBank, std::size_t{1}), lanes = kBanks / words;
  for (std::size_t first = 0; first < addresses.size(); first += lanes) {
    std::vector<std::uintptr_t> used;
    for (std::size_t lane = first; lane < std::min(first + lanes, addresses.size()); ++lane) {
      for (std::size_t word = 0; word < words; ++word) used.push_back(addresses[lane] / kBank + word);
    }
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    unsigned ways[kBanks] = {};
    for (const std::uintptr_t word : used) ++ways[word % kBanks];
    const unsigned most = *std::max_element(ways, ways + kBanks);
    kernel_->services += most;
    ++kernel_->least_services;
    kernel_->most_ways = std::max(kernel_->most_ways, most);
    instruction.beyond += most - 1;
  }
  keep_worst(kernel_->worst_services, instruction.beyond, instruction.place);
}

// ---- results ----------------------------------------------------------------------------------------------------

std::vector<KernelTraffic> Traffic::kernels() const {
  return most_bytes_first(kernels_);
}
std::vector<OperationTraffic> Traffic::operations() const {
  return most_bytes_first(operations_);
}

std::string Traffic::table() const {
  double all = 0;
  for (const auto& [name, kernel] : kernels_) all += static_cast<double>(kernel.bytes);
  std::string text = line("%-44s %8s %7s %10s %10s %5s %5s %7s %8s %8s\n", "kernel", "launches", "% bytes", "sectors",
                          "least", "used", "ways", "L2/mem", "sectors@", "ways@");
  for (const KernelTraffic& k : kernels()) {
    const auto bytes = static_cast<double>(k.bytes);
    text += line("%-44s %8zu %7.2f %10llu %10llu %4.0f%% %5u %7.2f %8llx %8llx\n", k.name.c_str(), k.launches,
                 100 * bytes / all, static_cast<unsigned long long>(k.sectors),
                 static_cast<unsigned long long>(k.least), 100 * k.efficiency(), k.most_ways,
                 static_cast<double>(k.block_bytes) / bytes, static_cast<unsigned long long>(k.worst_sectors.place),
                 static_cast<unsigned long long>(k.worst_services.place));
  }
  text += line("%-88s %5s %7s %9s %6s\n", "operation", "runs", "% bytes", "KiB", "/model");
  for (const OperationTraffic& o : operations()) {
    text += line("%-88s %5zu %7.2f %9.0f %6.2f\n", o.kernels.c_str(), o.runs, 100 * o.bytes / all, o.bytes / 1024,
                 o.bytes / o.model_bytes);
  }
  return text;
}

}  // namespace emulation
