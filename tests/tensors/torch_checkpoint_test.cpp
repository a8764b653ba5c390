#include "segface/tensors/torch_checkpoint.hpp"

#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "segface/tensors/plain_names.hpp"
#include "segface/tensors/synthetic.hpp"

#include "tensors/torch_writer.hpp"

using namespace std::string_literals;
using segface::Bytes;
using segface::DType;
using segface::Errc;
using segface::Result;
using segface::core::Shape;
using segface::core::TorchCheckpoint;
using segface::core::TorchCheckpointOptions;
using torch_writer::PickleWriter;

namespace {

const std::string kData = SEGFACE_TEST_DATA;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
Bytes view(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
TorchCheckpointOptions strictly(bool strict) {
  TorchCheckpointOptions options;
  options.strict = strict;
  return options;
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank; ++i) text += (i == 0 ? "" : ",") + std::to_string(shape.dims[i]);
  return text + "]";
}

// The bytes of one tensor of a safetensors file, whose header is JSON without spaces.
std::string expected_bytes(const std::string& file, const segface::core::TensorInfo& info) {
  const auto header_size = static_cast<std::size_t>(segface::core::little<std::uint64_t>(view(file).data()));
  const std::string header = file.substr(8, header_size);
  const std::string entry = "\"" + info.name + "\":{\"dtype\":\"" + dtype_name(info.dtype) +
                            "\",\"shape\":" + shape_text(info.shape) + ",\"data_offsets\":[";
  const std::size_t at = header.find(entry);
  REQUIRE_MESSAGE(at != std::string::npos, entry);
  char* end = nullptr;
  const std::size_t first = std::strtoul(header.c_str() + at + entry.size(), &end, 10);
  const std::size_t last = std::strtoul(end + 1, nullptr, 10);
  return file.substr(8 + header_size + first, last - first);
}

std::string read_tensor(const segface::core::TensorSource& source, std::size_t index) {
  std::string bytes(source.info(index).bytes(), '\x55');
  const auto status = source.read(index, reinterpret_cast<std::uint8_t*>(bytes.data()));
  CHECK_MESSAGE(status.ok(), std::string(status.message()));
  return bytes;
}

// A checkpoint with this pickle and these records (data/0, data/1, ...).
std::string checkpoint(const std::string& pickle, const std::vector<std::string>& records = {},
                       const std::vector<std::pair<std::string, std::string>>& others = {{"byteorder", "little"},
                                                                                         {"version", "3\n"}}) {
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  zip.add("x/data.pkl", pickle);
  for (std::size_t i = 0; i < records.size(); ++i) zip.add("x/data/" + std::to_string(i), records[i]);
  for (const auto& other : others)
    zip.add((other.first.find('/') == std::string::npos ? "x/" : "") + other.first, other.second);
  zip.finish();
  return sink.content;
}

// {"state_dict": {"weight": <what `value` writes>}}
std::string holding(const std::function<void(PickleWriter&)>& value) {
  PickleWriter p;
  p.begin_dict();
  p.text("state_dict");
  p.begin_dict();
  p.text("weight");
  value(p);
  p.end_dict();
  p.end_dict();
  return p.out + ".";
}

// A float32 tensor in a storage of six elements, or whatever the arguments make of it.
struct Tensor {
  std::string function = "_rebuild_tensor_v2";
  std::string type = "FloatStorage";
  std::string key = "0";
  std::int64_t elements = 6;
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes = {2, 3};
  std::vector<std::int64_t> strides = {3, 1};

  void operator()(PickleWriter& p) const {
    const auto number = [&](std::int64_t value) {
      if (value >= INT32_MIN && value <= INT32_MAX) return p.integer(value);
      p.out += "\x8a\x08";
      torch_writer::put_little(p.out, static_cast<std::uint64_t>(value), 8);
    };
    p.global("torch._utils", function);
    p.out += '(';
    p.out += '(';
    p.text("storage");
    p.global("torch", type);
    p.text(key);
    p.text("cpu");
    number(elements);
    p.out += "tQ";
    number(offset);
    p.tuple(sizes.size(), [&](std::size_t i) { number(sizes[i]); });
    p.tuple(strides.size(), [&](std::size_t i) { number(strides[i]); });
    p.end_tensor();
  }
};

const std::string kSixFloats(24, '\x01');

Errc failure(const std::function<void(PickleWriter&)>& value, const std::vector<std::string>& records = {kSixFloats}) {
  return TorchCheckpoint::from_memory(view(checkpoint(holding(value), records))).error().code();
}

}  // namespace

TEST_CASE("checkpoints saved by PyTorch read as expected, byte for byte, or are refused") {
  const std::map<std::string, Errc> kRefusals = {
      {"legacy_not_zip.pt", Errc::unsupported_format}, {"torchscript.pt", Errc::unsupported_format},
      {"evil_in_state.pt", Errc::unsupported_global},  {"whole_module.pt", Errc::unsupported_format},
      {"deflated.pt", Errc::unsupported_format},
  };
  const std::string list = content_of(kData + "/pt/expected.json");
  std::size_t files = 0;
  for (std::size_t at = list.find(".pt\""); at != std::string::npos; at = list.find(".pt\"", at + 1), ++files) {
    const std::size_t begin = list.rfind('"', at) + 1;
    const std::string name = list.substr(begin, at + 3 - begin);
    const std::string path = kData + "/pt/" + name;
    const bool reads = list.compare(list.find("\"reads\": ", at) + 9, 4, "true") == 0;
    CAPTURE(name);
    const std::string bytes = content_of(path);
    for (const bool strict : {false, true}) {
      for (const auto& opened : {TorchCheckpoint::open(path, strictly(strict)),
                                 TorchCheckpoint::from_memory(view(bytes), strictly(strict))}) {
        CAPTURE(std::string(opened.error().message()));
        if (strict && name == "evil_elsewhere.pt") {
          CHECK(opened.error().code() == Errc::unsupported_global);
          continue;
        }
        CHECK(opened.ok() == reads);
        if (!reads) {
          if (!strict) CHECK(opened.error().code() == kRefusals.at(name));
          continue;
        }
        REQUIRE(opened.ok());
        const std::string expected =
            content_of(kData + "/pt/" + name.substr(0, name.size() - 3) + ".expected.safetensors");
        std::size_t tensors = 0;
        for (std::size_t t = expected.find("\"dtype\""); t != std::string::npos;
             t = expected.find("\"dtype\"", t + 1)) {
          ++tensors;
        }
        CHECK(opened->size() == tensors);
        for (std::size_t i = 0; i < opened->size(); ++i) {
          segface::core::TensorInfo info = opened->info(i);
          info.name.erase(0, segface::core::PlainNames::prefix_bytes(info.name));
          CHECK(read_tensor(*opened, i) == expected_bytes(expected, info));
        }
      }
    }
  }
  CHECK(files == 17);
}

TEST_CASE("refusals say what the file is, where, and what to do") {
  const auto message = [](const std::string& name) {
    return std::string(TorchCheckpoint::open(kData + "/pt/" + name).error().message());
  };
  CHECK(message("legacy_not_zip.pt").find("torch.save(torch.load(path") != std::string::npos);
  CHECK(message("whole_module.pt").find("torch.save(model.state_dict(), path)") != std::string::npos);
  CHECK(message("whole_module.pt").find("Sequential") != std::string::npos);
  CHECK(message("torchscript.pt").find("TorchScript") != std::string::npos);
  CHECK(message("deflated.pt").find("compressed") != std::string::npos);
  CHECK(message("evil_in_state.pt").find("tensor 'b': refers to posix.system") != std::string::npos);
  CHECK(message("evil_in_state.pt").find("evil_in_state.pt: ") != std::string::npos);
  CHECK(message("none.pt").find("none.pt") != std::string::npos);

  const std::pair<std::string, Errc> kOthers[] = {
      {"", Errc::bad_format},
      {"hello, this is no checkpoint", Errc::bad_format},
      {"\x80\x02}.", Errc::unsupported_format},
      {"7z\xbc\xaf\x27\x1c..", Errc::unsupported_format},
      {"\x1f\x8b..........", Errc::unsupported_format},
      {"<!DOCTYPE html>", Errc::unsupported_format},
      {"\r\n\r\n<!DOCTYPE html>", Errc::unsupported_format},
      {"\xef\xbb\xbf<html>", Errc::unsupported_format},
      {"{\"error\":{\"code\":\"itemNotFound\"}}", Errc::unsupported_format},
      {"version https://git-lfs.github.com/spec/v1", Errc::unsupported_format},
      {"\x10\0\0\0\0\0\0\0{\"a\":{}}"s, Errc::unsupported_format},
      {std::string(257, 'x') + "ustar", Errc::unsupported_format},
      {"PK\x03\x04 and then nothing", Errc::bad_format},
  };
  for (const auto& other : kOthers) {
    CHECK(TorchCheckpoint::from_memory(view(other.first)).error().code() == other.second);
  }
}

TEST_CASE("top-level keys are known, plain values in the state dict are set aside") {
  const auto official = TorchCheckpoint::open(kData + "/pt/official_layout.pt");
  REQUIRE(official.ok());
  CHECK(official->top_level() ==
        std::vector<std::string>{"epoch", "iteration", "state_dict_backbone", "optimizer", "scheduler"});
  CHECK(official->skipped().empty());

  PickleWriter p;
  p.begin_dict();
  p.text("module.a");
  Tensor()(p);
  p.text("module.count");
  p.integer(3);
  p.end_dict();
  const std::string bare = checkpoint(p.out + ".", {kSixFloats});
  const auto mixed = TorchCheckpoint::from_memory(view(bare));
  REQUIRE(mixed.ok());
  CHECK(mixed->size() == 1);
  CHECK(mixed->info(0).name == "module.a");
  CHECK(mixed->skipped() == std::vector<std::string>{"module.count"});
}

TEST_CASE("without a state dict the message lists what there is") {
  PickleWriter p;
  p.begin_dict();
  p.text("epoch");
  p.integer(3);
  p.text("ema");
  p.begin_dict();
  p.end_dict();
  p.end_dict();
  const std::string file = checkpoint(p.out + ".");
  const auto opened = TorchCheckpoint::from_memory(view(file));
  CHECK(opened.error().code() == Errc::missing_tensor);
  CHECK(std::string(opened.error().message()).find("{epoch, ema}") != std::string::npos);
  for (const std::string& root : {"]"s, "N"s, "K\x01"s}) {
    const std::string other = checkpoint("\x80\x02"s + root + ".");
    CHECK(TorchCheckpoint::from_memory(view(other)).error().code() == Errc::missing_tensor);
  }
}

TEST_CASE("a view is checked against its storage, and the storage against its record") {
  const auto with = [](const std::function<void(Tensor&)>& change) {
    Tensor tensor;
    change(tensor);
    return failure(tensor);
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  CHECK(with([](Tensor&) {}) == Errc::ok);
  CHECK(with([](Tensor& t) { t.strides = {1, 2}; }) == Errc::ok);
  CHECK(with([](Tensor& t) { t.strides = {0, 0}; }) == Errc::ok);
  CHECK(with([](Tensor& t) { t.sizes = {}, t.strides = {}, t.offset = 5; }) == Errc::ok);
  CHECK(with([](Tensor& t) { t.sizes = {0, 3}, t.offset = 6; }) == Errc::ok);
  CHECK(with([](Tensor& t) { t.sizes = {1, 6}, t.strides = {kHuge, 1}; }) == Errc::ok);

  CHECK(with([](Tensor& t) { t.offset = 1; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.offset = kHuge; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.offset = -1; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {}, t.strides = {}, t.offset = 6; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {3, 3}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {-2, 3}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.strides = {4, 1}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.strides = {-3, 1}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.strides = {kHuge, 1}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {5, 3}, t.strides = {kHuge, 1}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.strides = {1}; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {0, 3}, t.offset = 7; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.sizes = {kHuge, kHuge}, t.strides = {0, 0}; }) == Errc::overflow);
  CHECK(with([](Tensor& t) { t.sizes = {kHuge, 0, kHuge}, t.strides = {0, 0, 0}; }) == Errc::overflow);
  CHECK(with([](Tensor& t) { t.sizes = std::vector<std::int64_t>(9, 1), t.strides = t.sizes; }) ==
        Errc::limit_exceeded);

  CHECK(with([](Tensor& t) { t.elements = 5; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.elements = 7; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.elements = -6; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.elements = kHuge + 6; }) == Errc::bad_layout);  // times four is 24, modulo 2^64
  CHECK(with([](Tensor& t) { t.type = "DoubleStorage"; }) == Errc::bad_layout);
  CHECK(with([](Tensor& t) { t.key = "1"; }) == Errc::bad_format);
  CHECK(with([](Tensor& t) { t.key = "../data/0"; }) == Errc::bad_format);
  CHECK(with([](Tensor& t) { t.type = "ComplexFloatStorage"; }) == Errc::unsupported_dtype);
  CHECK(with([](Tensor& t) { t.type = "QInt8Storage"; }) == Errc::unsupported_dtype);
  CHECK(with([](Tensor& t) { t.function = "_rebuild_sparse_tensor"; }) == Errc::unsupported_dtype);
  CHECK(with([](Tensor& t) { t.function = "_rebuild_qtensor"; }) == Errc::unsupported_dtype);
  CHECK(with([](Tensor& t) { t.function = "_rebuild_meta_tensor_no_storage"; }) == Errc::unsupported_dtype);
  CHECK(with([](Tensor& t) { t.function = "_rebuild_tensor"; }) == Errc::bad_format);  // takes four arguments
}

TEST_CASE("sizes that 64 bits do not hold are no sizes, and keys are texts") {
  const std::string kLong = "\x8a\xff"s + std::string(254, '\xff') + "\x7f";  // of 255 bytes
  struct Place {
    std::string count = "K\x06", offset = "K\x00"s, size = "K\x06", stride = "K\x01", key = "U\x01" + "0"s;
  };
  const auto with = [](const std::function<void(Place&)>& change) {
    Place place;
    change(place);
    return failure([&](PickleWriter& p) {
      p.out += "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\n" + place.key + "U\x03" + "cpu" +
               place.count + "tQ" + place.offset + place.size + "\x85" + place.stride + "\x85\x89}tR";
    });
  };
  CHECK(with([](Place&) {}) == Errc::ok);
  CHECK(with([&](Place& p) { p.count = kLong; }) == Errc::overflow);
  CHECK(with([&](Place& p) { p.offset = kLong; }) == Errc::overflow);
  CHECK(with([&](Place& p) { p.size = kLong; }) == Errc::overflow);
  CHECK(with([&](Place& p) { p.stride = kLong; }) == Errc::overflow);
  CHECK(with([&](Place& p) { p.key = "K\x00"s; }) == Errc::bad_format);
  CHECK(with([&](Place& p) { p.key = ""; }) == Errc::bad_format);
  CHECK(with([&](Place& p) { p.key += "N"; }) == Errc::bad_format);
}

TEST_CASE("tensors share a storage, but only so much, and rows do not interlock") {
  const auto with = [](std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides) {
    Tensor tensor;
    tensor.sizes = std::move(sizes);
    tensor.strides = std::move(strides);
    return failure(tensor);
  };
  CHECK(with({1 << 10, 1 << 12}, {0, 0}) == Errc::ok);  // 16 MiB of one number
  CHECK(with({1 << 10, (1 << 12) + 64}, {0, 0}) == Errc::limit_exceeded);
  CHECK(with({2, 3}, {1, 1}) == Errc::bad_layout);
  CHECK(with({3, 2}, {1, 2}) == Errc::bad_layout);
  CHECK(with({2, 2, 1}, {2, 1, 9}) == Errc::ok);
}

TEST_CASE("where a tensor belongs, nothing else will do") {
  const auto writes = [](const std::string& code) { return [code](PickleWriter& p) { p.out += code; }; };
  CHECK(failure(writes("cos\nsystem\nU\x04"
                       "ls /\x85R"s)) == Errc::unsupported_global);
  CHECK(failure(writes("cos\nsystem\n"s)) == Errc::unsupported_global);
  CHECK(failure(writes("cos\nsystem\n)\x81}b"s)) == Errc::unsupported_global);
  CHECK(failure(writes("ctorch._utils\n_rebuild_parameter\ncos\nsystem\n)R\x85R"s)) == Errc::unsupported_global);
  CHECK(failure(writes("ctorch._utils\n_rebuild_parameter\n)R"s)) == Errc::bad_format);
  CHECK(failure(writes("ctorch._utils\n_rebuild_parameter\nN\x85R"s)) == Errc::bad_format);
  CHECK(failure(writes("ctorch._utils\n_rebuild_tensor_v2\n)R"s)) == Errc::bad_format);
  CHECK(failure(writes("ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))}tR"s)) == Errc::bad_format);
  CHECK(failure(writes("ctorch._utils\n_rebuild_tensor_v2\n(K\x01QK\x00)))}tR"s)) == Errc::bad_format);
  CHECK(failure(writes("N)R"s)) == Errc::bad_format);
  CHECK(failure(writes("NQ"s)) == Errc::bad_format);
  const std::string kStorage = "((U\x07storage"s + "cos\nsystem\nU\x01" + "0U\x03" + "cpuK\x06tQ";
  CHECK(failure(writes("ctorch._utils\n_rebuild_tensor_v2\n"s + kStorage + "K\x00))\x89}tR"s)) ==
        Errc::unsupported_global);

  Tensor conjugated;
  CHECK(failure([&](PickleWriter& p) {
          conjugated(p);
          p.out.resize(p.out.rfind('t'));
          p.out +=
              "}U\x04"
              "conj\x88stR";
        }) == Errc::unsupported_dtype);
  CHECK(failure([&](PickleWriter& p) {
          Tensor()(p);
          p.text("weight");
          Tensor()(p);
        }) == Errc::duplicate_tensor);
}

TEST_CASE("tensors in untyped storages carry their dtype") {
  const auto untyped = [](const std::string& dtype, int bytes) {
    return [=](PickleWriter& p) {
      p.global("torch._utils", "_rebuild_tensor_v3");
      p.out += "(("s;
      p.text("storage");
      p.global("torch.storage", "UntypedStorage");
      p.text("0");
      p.text("cpu");
      p.integer(bytes);
      p.out += "tQK\x00K\x06\x85K\x01\x85\x89}"s;
      p.global("torch", dtype);
      p.out += "tR";
    };
  };
  const std::string file = checkpoint(holding(untyped("float32", 24)), {kSixFloats});
  const auto opened = TorchCheckpoint::from_memory(view(file), strictly(true));
  REQUIRE(opened.ok());
  CHECK(opened->info(0).dtype == DType::f32);
  CHECK(opened->info(0).shape == Shape{6});
  CHECK(read_tensor(*opened, 0) == kSixFloats);
  CHECK(failure(untyped("float8_e4m3fn", 24)) == Errc::unsupported_dtype);
  CHECK(failure(untyped("float64", 24)) == Errc::bad_layout);
  CHECK(failure(untyped("float32", 23)) == Errc::bad_layout);
}

TEST_CASE("the archive around the pickle is checked") {
  const std::string pickle = holding(Tensor());
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& others) {
    return TorchCheckpoint::from_memory(view(checkpoint(pickle, {kSixFloats}, others))).error().code();
  };
  CHECK(with({{"version", "3\n"}}) == Errc::ok);
  CHECK(with({{"version", "10"}}) == Errc::ok);
  CHECK(with({{"version", "3\n"}, {"byteorder", "big"}}) == Errc::unsupported_format);
  CHECK(with({{"version", "3\n"}, {"byteorder", "middle-endian"}}) == Errc::unsupported_format);
  CHECK(with({{"version", "3\n"}, {"byteorder", std::string(100, 'x')}}) == Errc::bad_format);
  for (const std::string& version : {""s, "0"s, "99"s, "x"s}) {
    CHECK(with({{"version", version}}) == Errc::unsupported_format);
  }
  CHECK(with({}) == Errc::unsupported_format);
  CHECK(with({{"version", "3\n"}, {"constants.pkl", ""}}) == Errc::unsupported_format);
  CHECK(with({{"version", "3\n"}, {"y/data.pkl", pickle}}) == Errc::bad_format);
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  zip.add("word/document.xml", "<xml>");
  zip.finish();
  CHECK(TorchCheckpoint::from_memory(view(sink.content)).error().code() == Errc::unsupported_format);

  torch_writer::MemorySink folder;
  torch_writer::ZipWriter downloaded(folder);
  downloaded.add("mobilenet_celeba_512/model_299.pt", "PK");
  downloaded.finish();
  const auto opened = TorchCheckpoint::from_memory(view(folder.content));
  CHECK(opened.error().code() == Errc::unsupported_format);
  CHECK(std::string(opened.error().message()).find("'mobilenet_celeba_512/model_299.pt'") != std::string::npos);
  CHECK(std::string(opened.error().message()).find("unpack it") != std::string::npos);
}

TEST_CASE("a damaged record is seen when it is read, through whatever view") {
  PickleWriter p;
  p.begin_dict();
  const std::pair<const char*, std::vector<std::int64_t>> kViews[] = {
      {"whole", {3, 1}}, {"transposed", {1, 2}}, {"part", {2, 1}}};
  for (const auto& row : kViews) {
    p.text(row.first);
    Tensor tensor;
    tensor.strides = row.second;
    if (row.first == "part"s) tensor.sizes = {1, 2};
    tensor(p);
  }
  p.end_dict();
  std::string file = checkpoint(p.out + ".", {std::string(24, '\x77')});
  {
    const auto intact = TorchCheckpoint::from_memory(view(file));
    REQUIRE(intact.ok());
    for (std::size_t i = 0; i < 3; ++i) read_tensor(*intact, i);
  }
  file[file.find(std::string(24, '\x77')) + 20] = 'x';
  const auto damaged = TorchCheckpoint::from_memory(view(file));
  REQUIRE(damaged.ok());
  std::uint8_t out[24];
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(damaged->read(i, out).code() == Errc::corrupt);
    CHECK(std::string(damaged->read(i, out).message()).find(kViews[i].first) != std::string::npos);
  }
}

TEST_CASE("a pickle or a file cut anywhere is refused") {
  const std::string pickle = holding(Tensor());
  for (std::size_t size = 0; size < pickle.size(); ++size) {
    const std::string file = checkpoint(pickle.substr(0, size), {kSixFloats});
    CHECK(TorchCheckpoint::from_memory(view(file)).error().code() == Errc::bad_format);
  }
  const std::string file = checkpoint(pickle, {kSixFloats});
  for (std::size_t size = 0; size < file.size(); ++size) {
    CHECK_FALSE(TorchCheckpoint::from_memory(view(file.substr(0, size))).ok());
  }
}

#if !defined(_WIN32)  // where a process cannot fork
namespace {

// A manifest's tensors: [name, shape, dtype] a line.
std::vector<segface::core::TensorInfo> tensors_of(const std::string& manifest) {
  std::vector<segface::core::TensorInfo> infos;
  std::ifstream file(manifest);
  for (std::string line; std::getline(file, line);) {
    const std::size_t open = line.find(", [");
    if (open == std::string::npos) continue;
    segface::core::TensorInfo info;
    info.name = line.substr(2, open - 3);
    info.dtype = line.find("int64") == std::string::npos ? DType::f32 : DType::i64;
    const char* at = line.c_str() + open + 3;
    for (char* end = nullptr; *at != ']'; at = *end == ',' ? end + 1 : end) {
      info.shape.dims[info.shape.rank++] = static_cast<segface::Index>(std::strtol(at, &end, 10));
    }
    infos.push_back(info);
  }
  return infos;
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Reads every tensor of the checkpoint, one at a time, and compares its name, shape and values.
bool reads_in_little_memory(const std::string& path, const segface::core::TensorSource& source, std::size_t largest) {
  // Everything this function itself needs, touched before the measurement.
  std::vector<std::uint8_t> expected(largest, 1);
  std::vector<std::uint8_t> found(1);
  const long before = peak_kilobytes();
  found.assign(largest, 1);
  const auto opened = TorchCheckpoint::open(path, strictly(true));
  bool equal = opened.ok() && opened->size() == source.size();
  for (std::size_t i = 0; equal && i < source.size(); ++i) {
    const segface::core::TensorInfo& info = source.info(i);
    equal = opened->info(i).name == info.name && opened->info(i).shape == info.shape &&
            opened->info(i).dtype == info.dtype && opened->read(i, found.data()).ok() &&
            source.read(i, expected.data()).ok() && std::memcmp(found.data(), expected.data(), info.bytes()) == 0;
  }
  const long grown = peak_kilobytes() - before;
  return equal && grown <= static_cast<long>(largest / 1024) + 64 * 1024;
}

}  // namespace

TEST_CASE("a full-size official checkpoint with optimizer state is read in little memory") {
  const auto synthetic =
      segface::core::SyntheticCheckpoint::make(tensors_of(kData + "/manifests/manifest_swin_base_celeb.json"), 1);
  REQUIRE(synthetic.ok());
  const segface::core::TensorSource& source = *synthetic;
  REQUIRE(source.size() == 474);
  std::size_t total = 0, largest = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    total += source.info(i).bytes();
    largest = std::max(largest, source.info(i).bytes());
  }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("segface_checkpoint_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "model_299.pt").string();
  {
    torch_writer::FileSink sink(path);
    torch_writer::write_checkpoint(source, "model_299", true, sink);
    CHECK(sink.finish());
  }
  CHECK(std::filesystem::file_size(path) > 5 * total / 2);
  const pid_t child = fork();  // so that the peak is that of reading alone
  if (child == 0) _exit(reads_in_little_memory(path, source, largest) ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  std::filesystem::remove_all(folder);
  CHECK(status == 0);
}
#endif
