// Writes checkpoints laid out byte for byte as tools/make_checkpoint.py, and torch.save before it, lay them out; for
// tests of the reader, which therefore need neither Python nor PyTorch.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/crc32.hpp"
#include "segface/tensors/tensor_source.hpp"

namespace torch_writer {

// Appends a number in `bytes` bytes, least significant first.
inline void put_little(std::string& out, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i, number >>= 8) out += static_cast<char>(number & 0xff);
}

// Where the archive goes: memory, or a file in which long runs of zeros become holes.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const void* data, std::size_t bytes) = 0;
  virtual void zeros(std::size_t bytes) = 0;
  std::uint64_t position() const { return position_; }

 protected:
  std::uint64_t position_ = 0;
};

class MemorySink : public Sink {
 public:
  void write(const void* data, std::size_t bytes) override {
    content.append(static_cast<const char*>(data), bytes);
    position_ += bytes;
  }
  void zeros(std::size_t bytes) override {
    content.append(bytes, '\0');
    position_ += bytes;
  }
  std::string content;
};

class FileSink : public Sink {
 public:
  explicit FileSink(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {}
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override {
    if (file_ != nullptr) std::fclose(file_);
  }
  void write(const void* data, std::size_t bytes) override {
    good_ = good_ && std::fwrite(data, 1, bytes, file_) == bytes;
    position_ += bytes;
  }
  void zeros(std::size_t bytes) override {
    good_ = good_ && std::fseek(file_, static_cast<long>(bytes), SEEK_CUR) == 0;
    position_ += bytes;
  }
  // Closes the file; false where anything went wrong.
  bool finish() {
    good_ = file_ != nullptr && std::fclose(file_) == 0 && good_;
    file_ = nullptr;
    return good_;
  }

 private:
  std::FILE* file_;
  bool good_ = file_ != nullptr;
};

// An uncompressed zip with data descriptors and payloads at multiples of 64 bytes.
class ZipWriter {
 public:
  explicit ZipWriter(Sink& sink) : sink_(sink) {}

  void add(const std::string& name, const void* data, std::size_t bytes) {
    begin(name);
    sink_.write(data, bytes);
    end(segface::core::crc32(0, static_cast<const std::uint8_t*>(data), bytes), bytes);
  }
  void add(const std::string& name, const std::string& content) { add(name, content.data(), content.size()); }

  void add_zeros(const std::string& name, std::size_t bytes) {
    begin(name);
    sink_.zeros(bytes);
    end(crc_of_zeros(bytes), bytes);
  }

  // How many entries were added.
  std::size_t size() const { return entries_; }

  void finish() {
    std::string tail = directory_;
    put_little(tail, 0x06054B50, 4);
    put_little(tail, 0, 4);
    put_little(tail, entries_, 2);
    put_little(tail, entries_, 2);
    put_little(tail, directory_.size(), 4);
    put_little(tail, sink_.position(), 4);
    put_little(tail, 0, 2);
    sink_.write(tail.data(), tail.size());
  }

 private:
  void begin(const std::string& name) {
    name_ = name;
    start_ = sink_.position();
    const std::size_t unpadded = static_cast<std::size_t>(start_) + 30 + name.size() + 4;
    const std::size_t padding = (64 - unpadded % 64) % 64;
    std::string header;
    put_little(header, 0x04034B50, 4);
    put_little(header, 0, 2);
    put_little(header, 0x808, 2);
    put_little(header, 0, 18);
    put_little(header, name.size(), 2);
    put_little(header, padding + 4, 2);
    header += name + "FB";
    put_little(header, padding, 2);
    header.append(padding, 'Z');
    sink_.write(header.data(), header.size());
  }

  void end(std::uint32_t crc, std::size_t bytes) {
    std::string descriptor;
    put_little(descriptor, 0x08074B50, 4);
    put_little(descriptor, crc, 4);
    put_little(descriptor, bytes, 4);
    put_little(descriptor, bytes, 4);
    sink_.write(descriptor.data(), descriptor.size());
    put_little(directory_, 0x02014B50, 4);
    put_little(directory_, 0, 4);
    put_little(directory_, 0x808, 2);
    put_little(directory_, 0, 6);
    directory_.append(descriptor, 4, 12);
    put_little(directory_, name_.size(), 2);
    put_little(directory_, 0, 12);
    put_little(directory_, start_, 4);
    directory_ += name_;
    ++entries_;
  }

  std::uint32_t crc_of_zeros(std::size_t bytes) {
    const auto known = crc_of_zeros_.find(bytes);
    if (known != crc_of_zeros_.end()) return known->second;
    static const std::uint8_t kZeros[4096] = {};
    std::uint32_t crc = 0;
    for (std::size_t left = bytes; left != 0;) {
      const std::size_t part = left < sizeof kZeros ? left : sizeof kZeros;
      crc = segface::core::crc32(crc, kZeros, part);
      left -= part;
    }
    return crc_of_zeros_[bytes] = crc;
  }

  Sink& sink_;
  std::string directory_, name_;
  std::uint64_t start_ = 0;
  std::size_t entries_ = 0;
  std::map<std::size_t, std::uint32_t> crc_of_zeros_;
};

// The part of pickle protocol 2 that torch.save emits.
class PickleWriter {
 public:
  std::string out = std::string("\x80\x02", 2);

  // Remembers the value on top; the number is the memo's next one.
  std::size_t put() {
    short_or_long('q', 'r', remembered_);
    return remembered_++;
  }
  void get(std::size_t number) { short_or_long('h', 'j', number); }

  void text(const std::string& value) {
    if (recall("s" + value)) return;
    out += 'X';
    put_little(out, value.size(), 4);
    out += value;
    known_["s" + value] = put();
  }
  void global(const std::string& module, const std::string& name) {
    if (recall("g" + module + "\n" + name)) return;
    out += "c" + module + "\n" + name + "\n";
    known_["g" + module + "\n" + name] = put();
  }
  void integer(std::int64_t value) {
    const bool byte = value >= 0 && value < 256;
    const bool two = value >= 0 && value < 65536;
    out += byte ? 'K' : two ? 'M' : 'J';
    put_little(out, static_cast<std::uint64_t>(value), byte ? 1 : two ? 2 : 4);
  }
  void real(double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    out += 'G';
    for (int i = 8; i-- != 0;) out += static_cast<char>(bits >> (8 * i) & 0xff);
  }
  void boolean(bool value) { out += value ? '\x88' : '\x89'; }
  void none() { out += 'N'; }

  void begin_list() {
    out += ']';
    put();
    out += '(';
  }
  void end_list() { out += 'e'; }
  void begin_dict() {
    out += '}';
    put();
    out += '(';
  }
  void end_dict() { out += 'u'; }
  // `item(i)` writes item i.
  template <class Item>
  void tuple(std::size_t size, const Item& item) {
    if (size > 3) out += '(';
    for (std::size_t i = 0; i < size; ++i) item(i);
    constexpr char kEnd[] = {')', '\x85', '\x86', '\x87'};
    out += size > 3 ? 't' : kEnd[size];
    if (size != 0) put();
  }
  // An empty OrderedDict, to be filled between '(' and 'u'.
  void ordered_dict() {
    global("collections", "OrderedDict");
    out += ")R";
    put();
  }

  void storage(const std::string& type, const std::string& key, std::size_t elements) {
    out += '(';
    text("storage");
    global("torch", type);
    text(key);
    text("cuda:0");
    integer(static_cast<std::int64_t>(elements));
    out += 't';
    put();
    out += 'Q';
  }

  // A tensor that fills its storage `key`.
  void tensor(segface::DType dtype, const segface::core::Shape& shape, const std::string& key) {
    const auto rank = static_cast<std::size_t>(shape.rank);
    global("torch._utils", "_rebuild_tensor_v2");
    out += '(';
    storage(dtype == segface::DType::i64 ? "LongStorage" : "FloatStorage", key, shape.count());
    integer(0);
    tuple(rank, [&](std::size_t i) { integer(shape.dims[i]); });
    tuple(rank, [&](std::size_t i) {
      std::int64_t stride = 1;
      for (std::size_t j = i + 1; j < rank; ++j) stride *= shape.dims[j];
      integer(stride);
    });
    end_tensor();
  }
  // What follows the strides: no gradient, no hooks, and the call.
  void end_tensor() {
    boolean(false);
    ordered_dict();
    out += 't';
    put();
    out += 'R';
    put();
  }

 private:
  void short_or_long(char narrow, char wide, std::size_t number) {
    out += number < 256 ? narrow : wide;
    put_little(out, number, number < 256 ? 1 : 4);
  }
  bool recall(const std::string& key) {
    const auto known = known_.find(key);
    if (known != known_.end()) get(known->second);
    return known != known_.end();
  }

  std::size_t remembered_ = 0;
  std::map<std::string, std::size_t> known_;
};

// The names of all modules that hold a tensor, directly or deeper, each once, in order.
inline std::vector<std::string> modules_of(const segface::core::TensorSource& source) {
  std::vector<std::string> modules;
  std::map<std::string, bool> seen;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const std::string& name = source.info(i).name;
    for (std::size_t end = 0; end != std::string::npos; end = name.find('.', end + 1)) {
      const std::string module = name.substr(0, end);
      if (!seen[module]) modules.push_back(module);
      seen[module] = true;
    }
  }
  return modules;
}

// An official checkpoint: epoch, iteration, the source's tensors as state_dict_backbone, and with_optimizer AdamW's
// and the scheduler's state (two zero tensors and a step for each parameter). `stem` is the file's name without .pt.
inline void write_checkpoint(const segface::core::TensorSource& source, const std::string& stem, bool with_optimizer,
                             Sink& sink) {
  using segface::DType;
  using segface::core::Shape;
  PickleWriter p;
  std::vector<std::size_t> learned;
  std::size_t storages = 0;
  const auto next_key = [&] { return std::to_string(storages++); };

  p.begin_dict();
  p.text("epoch");
  p.integer(299);
  p.text("iteration");
  p.integer(897000);
  p.text("state_dict_backbone");
  p.ordered_dict();
  p.out += '(';
  for (std::size_t i = 0; i < source.size(); ++i) {
    const segface::core::TensorInfo& info = source.info(i);
    p.text(info.name);
    p.tensor(info.dtype, info.shape, next_key());
    const bool fixed = info.name.find("running_") != std::string::npos ||
                       info.name.find("relative_coords") != std::string::npos || info.dtype != DType::f32;
    if (!fixed) learned.push_back(i);
  }
  p.end_dict();
  p.begin_dict();
  p.text("_metadata");
  p.begin_dict();
  for (const std::string& module : modules_of(source)) {
    p.text(module);
    p.begin_dict();
    p.text("version");
    p.integer(1);
    p.end_dict();
  }
  p.end_dict();
  p.end_dict();
  p.out += 'b';
  if (with_optimizer) {
    p.text("optimizer");
    p.begin_dict();
    p.text("state");
    p.begin_dict();
    for (std::size_t i = 0; i < learned.size(); ++i) {
      p.integer(static_cast<std::int64_t>(i));
      p.begin_dict();
      p.text("step");
      p.tensor(DType::f32, Shape{}, next_key());
      for (const char* moment : {"exp_avg", "exp_avg_sq"}) {
        p.text(moment);
        p.tensor(DType::f32, source.info(learned[i]).shape, next_key());
      }
      p.end_dict();
    }
    p.end_dict();
    p.text("param_groups");
    p.begin_list();
    p.begin_dict();
    p.text("lr");
    p.real(1e-6);
    p.text("betas");
    p.tuple(2, [&](std::size_t i) { p.real(i == 0 ? 0.9 : 0.999); });
    p.text("eps");
    p.real(1e-8);
    p.text("weight_decay");
    p.real(1e-5);
    for (const char* flag : {"amsgrad", "maximize"}) {
      p.text(flag);
      p.boolean(false);
    }
    p.text("foreach");
    p.none();
    p.text("params");
    p.begin_list();
    for (std::size_t i = 0; i < learned.size(); ++i) p.integer(static_cast<std::int64_t>(i));
    p.end_list();
    p.end_dict();
    p.end_list();
    p.end_dict();
    p.text("scheduler");
    p.begin_dict();
    p.text("milestones");
    p.global("collections", "Counter");
    p.begin_dict();
    for (const int milestone : {80, 200}) {
      p.integer(milestone);
      p.integer(1);
    }
    p.end_dict();
    p.out += "\x85R";
    p.put();
    const auto rates = [&](const char* key, double rate) {
      p.text(key);
      p.begin_list();
      p.real(rate);
      p.end_list();
    };
    p.text("gamma");
    p.real(0.1);
    rates("base_lrs", 1e-4);
    p.text("last_epoch");
    p.integer(300);
    p.text("verbose");
    p.boolean(false);
    p.text("_step_count");
    p.integer(301);
    rates("_last_lr", 1e-6);
    p.end_dict();
  }
  p.out += "u.";

  ZipWriter zip(sink);
  zip.add(stem + "/data.pkl", p.out);
  zip.add(stem + "/byteorder", "little");
  storages = 0;
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < source.size(); ++i) {
    bytes.resize(source.info(i).bytes());
    if (!source.read(i, bytes.data()).ok()) bytes.clear();
    zip.add(stem + "/data/" + next_key(), bytes.data(), bytes.size());
  }
  for (std::size_t i = 0; with_optimizer && i < learned.size(); ++i) {
    const float step = 897000;
    zip.add(stem + "/data/" + next_key(), &step, sizeof step);
    for (int moment = 0; moment < 2; ++moment) {
      zip.add_zeros(stem + "/data/" + next_key(), source.info(learned[i]).bytes());
    }
  }
  zip.add(stem + "/version", "3\n");
  zip.add(stem + "/.data/serialization_id", std::string(40, '0'));
  zip.finish();
}

}  // namespace torch_writer
