// Weight files: what is refused, with which words, and what converting keeps.
#include <functional>

#include "segface/segface.hpp"

#include "check_error.hpp"
#include "network/small_weight_file.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// The small weight file, taken apart so that a test can change a part of it.
struct Parts {
  std::vector<TensorInfo> infos;
  std::vector<std::vector<std::uint8_t>> data;
  Metadata metadata;

  Parts() {
    const SafetensorsFile file = SafetensorsFile::from_memory(test::small_weight_file()).value();
    for (std::size_t i = 0; i < file.size(); ++i) {
      infos.push_back(file.info(i));
      data.emplace_back(file.info(i).bytes());
      file.read(i, data.back().data()).or_throw();
    }
    metadata = file.metadata();
  }
  std::size_t find(const std::string& name) const {
    std::size_t i = 0;
    while (infos[i].name != name) ++i;
    return i;
  }
  void set(const std::string& key, const std::string& value) {
    for (auto& entry : metadata) {
      if (entry.first == key) entry.second = value;
    }
  }
  std::string write(const TempDirectory& directory) const {
    const std::string path = directory.file("changed.safetensors");
    SafetensorsWriter writer = SafetensorsWriter::open(path, infos, metadata, OutputFile::Existing::replace).value();
    for (const auto& bytes : data) writer.append({bytes.data(), bytes.size()}).or_throw();
    writer.commit().or_throw();
    return path;
  }
};

// Loads a changed file; the failure's code must be `code` and its message hold all of `words`.
void refused(const std::function<void(Parts&)>& change, Errc code, const std::vector<std::string>& words) {
  const TempDirectory directory;
  Parts parts;
  change(parts);
  Options options;
  options.self_test = true;
  const auto parser = Parser::load(parts.write(directory), options);
  REQUIRE_FALSE(parser.ok());
  test::check_error(parser.error(), code, words);
}

constexpr const char* kFuse = "linear_fuse.weight";

}  // namespace

TEST_CASE("30-32: missing, unexpected and misshapen tensors are all listed at once") {
  refused(
      [](Parts& p) {
        p.infos[p.find(kFuse)].name = "linear_fuse.weigth";
        p.infos[p.find("face_decoder.hat_token.weight")].shape = {256, 1};
      },
      Errc::missing_tensor,
      {"changed.safetensors", "1 missing: linear_fuse.weight", "1 unexpected: linear_fuse.weigth",
       "face_decoder.hat_token.weight [256, 1] instead of [1, 256]"});
  refused(
      [](Parts& p) {
        for (TensorInfo& info : p.infos) info.name += ".x";
      },
      Errc::missing_tensor, {"0 of", "and", "more"});
  // Right names for another kind of network.
  refused([](Parts& p) { p.set("dataset", "lapa"); }, Errc::unexpected_tensor,
          {"the metadata says mobilenet with 11 classes", "mobilenet with 19"});
}

TEST_CASE("3: a file without tensors says how many are missing") {
  refused(
      [](Parts& p) {
        p.infos.clear();
        p.data.clear();
      },
      Errc::missing_tensor, {"no tensors", "missing:", "backbone.0.0.weight", "more"});
}

TEST_CASE("35, 36: numbers that cannot be are found, with tensor and index") {
  const auto put = [](Parts& p, const std::string& name, std::size_t index, float value) {
    std::memcpy(p.data[p.find(name)].data() + index * sizeof value, &value, sizeof value);
  };
  refused([&](Parts& p) { put(p, kFuse, 12345, std::numeric_limits<float>::quiet_NaN()); }, Errc::non_finite,
          {kFuse, "index 12345"});
  refused([&](Parts& p) { put(p, kFuse, 7, -std::numeric_limits<float>::infinity()); }, Errc::non_finite,
          {kFuse, "index 7"});
  refused([&](Parts& p) { put(p, "backbone.0.1.running_var", 3, -0.5f); }, Errc::non_finite,
          {"backbone.0.1.running_var", "index 3", "negative"});
}

TEST_CASE("metadata that makes no sense is refused, and says what to do") {
  refused([](Parts& p) { p.metadata.clear(); }, Errc::bad_format, {"no format", "convert the checkpoint"});
  refused([](Parts& p) { p.metadata.emplace_back("network", "finder"); }, Errc::bad_format,
          {"weights of a finder", "that parses faces"});
  refused([](Parts& p) { p.set("format_version", "2"); }, Errc::bad_format, {"'2'", "newer segface"});
  refused([](Parts& p) { p.set("backbone", "mobilenet_v9"); }, Errc::bad_format,
          {"mobilenet_v9", "did you mean mobilenet?"});
  refused([](Parts& p) { p.set("dataset", "cats"); }, Errc::invalid_argument, {"cats", "celeb, lapa and helen"});
  for (const char* bad : {"", "31", "4097", "-5", "5x", "99999999999999999999999"}) {
    refused([&](Parts& p) { p.set("resolution", bad); }, Errc::bad_format, {"resolution", bad});
  }
  for (const char* bad : {"", "00", "zz"}) {
    refused([&](Parts& p) { p.set("self_test.logits", bad); }, Errc::bad_format, {"self-test"});
  }
}

TEST_CASE("the self-test notices a weight that changed") {
  refused(
      [](Parts& p) {
        p.data[p.find(kFuse)][3] ^= 0x80;
        p.data[p.find("pe_layer.positional_encoding_gaussian_matrix")][3] ^= 1;
      },
      Errc::mismatch, {"self-test", "repeat the self-test"});
}

TEST_CASE("a self-test that computes no numbers does not agree") {
  SelfTest stored, computed;
  stored.logits = {1.0f, 2.0f};
  computed.logits = {1.0f, 2.5f};
  CHECK(stored.difference(computed) == doctest::Approx(0.5 / std::sqrt(2.5)));
  computed.logits[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(stored.difference(computed) <= SelfTest::kTolerance);
}

TEST_CASE("integers where weights belong are refused") {
  refused([](Parts& p) { p.infos[p.find("linear_c.0.proj.bias")].dtype = DType::i32; }, Errc::unsupported_dtype,
          {"linear_c.0.proj.bias", "I32", "F32, F16, BF16"});
}

TEST_CASE("34: a file in memory works at any alignment") {
  const Bytes file = test::small_weight_file();
  std::vector<std::uint8_t> shifted(file.size() + 1);
  std::memcpy(shifted.data() + 1, file.data(), file.size());
  Options options;
  options.self_test = true;
  CHECK(Parser::from_memory({shifted.data() + 1, file.size()}, options).ok());
}

TEST_CASE("33: half precision files load, and hold exactly the rounded values") {
  const TempDirectory directory;
  const std::string full = directory.write(
      "mobilenet_celeba_64.safetensors",
      std::string(reinterpret_cast<const char*>(test::small_weight_file().data()), test::small_weight_file().size()));
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  for (const DType dtype : {DType::f16, DType::bf16}) {
    ConvertOptions options;
    options.dtype = dtype;
    options.resolution = 64;
    const std::string half = directory.file(std::string(dtype_name(dtype)) + ".safetensors");
    const Converted converted = convert(networks::cpu_backend(cpu::best_isa()), full, half, options, *executor).value();
    CHECK(converted.info.dataset == Dataset::celeb);
    const Parser parser = Parser::load(half).value();
    CHECK(parser.info().dtype == dtype);
    CHECK(parser.self_test().value() < SelfTest::kTolerance);
    const WeightFile a = WeightFile::open(full).value(), b = WeightFile::open(half).value();
    const Buffer<float> x = Weight{&a.tensors(), 0}.read().value();
    const Buffer<float> y = Weight{&b.tensors(), 0}.read().value();
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(y[i] == (dtype == DType::f16 ? float_from_half(half_from_float(x[i]))
                                         : float_from_bfloat16(bfloat16_from_float(x[i]))));
    }
  }
}

TEST_CASE("the names of the released folders say data set and side; other spellings of backbones are known") {
  for (const char* name : {"convnext_celeba_512", "efficientnet_celeba_512", "mobilenet_celeba_512",
                           "resnet_celeba_512", "swinb_celeba_224", "swinb_celeba_256", "swinb_celeba_448",
                           "swinb_celeba_512", "swinv2b_celeba_512", "swinb_lapa_224", "swinb_lapa_256",
                           "swinb_lapa_448", "swinb_lapa_512", "swinb_helen_512", "swin_base_lapa_224"}) {
    CAPTURE(name);
    const std::string text = name;
    const NameHints hints("/x/" + text + "/model_299.pt");
    const Dataset dataset = text.find("lapa") != text.npos    ? Dataset::lapa
                            : text.find("helen") != text.npos ? Dataset::helen
                                                              : Dataset::celeb;
    REQUIRE(hints.dataset.has_value());
    CHECK(*hints.dataset == dataset);
    REQUIRE(hints.resolution.has_value());
    CHECK(*hints.resolution == std::stoi(text.substr(text.size() - 3)));
    REQUIRE(hints.backbone.has_value());
    CHECK(std::string(backbone_name(*hints.backbone)).substr(0, 4) == text.substr(0, 4));
  }
  for (const BackboneRow& row : kBackbones) CHECK(*parse_backbone(row.name) == row.backbone);
  CHECK(*parse_backbone("convnext_tiny") == Backbone::convnext_small);
  CHECK(*parse_backbone("swinb") == Backbone::swin_base);
  CHECK(*parse_backbone("swinv2b") == Backbone::swinv2_base);
  CHECK_FALSE(parse_backbone("").ok());
}

TEST_CASE("converting tells data set and resolution from the folder's name, and refuses contradictions") {
  CHECK(*NameHints("/x/swinb_lapa_224/model_299.pt").dataset == Dataset::lapa);
  CHECK(*NameHints("/x/swinb_lapa_224/model_299.pt").resolution == 224);
  CHECK(*NameHints("mobilenet_celeba_512/model_299.pt").dataset == Dataset::celeb);
  CHECK(*NameHints("swin_base_helen_448.safetensors").resolution == 448);
  CHECK_FALSE(NameHints("/lapa_224/other/model_299.pt").dataset.has_value());
  CHECK_FALSE(NameHints("model.pt").resolution.has_value());
  CHECK_FALSE(NameHints("celeb_512/model.pt").backbone.has_value());
  CHECK_FALSE(NameHints("my_net_celeb_512/model.pt").backbone.has_value());

  const TempDirectory directory;
  const std::string full = directory.write(
      "a.safetensors",
      std::string(reinterpret_cast<const char*>(test::small_weight_file().data()), test::small_weight_file().size()));
  SerialExecutor executor;
  ConvertOptions options;
  options.dataset = Dataset::helen;
  CHECK(convert(networks::cpu_backend(cpu::best_isa()), full, directory.file("b"), options, executor).error().code() ==
        Errc::invalid_argument);
  options.dataset.reset();
  options.resolution = 16;
  CHECK(convert(networks::cpu_backend(cpu::best_isa()), full, directory.file("b"), options, executor).error().code() ==
        Errc::invalid_argument);
  options.resolution.reset();
  options.progress = [](double share) { return share < 0.5; };
  CHECK(convert(networks::cpu_backend(cpu::best_isa()), full, directory.file("b"), options, executor).error().code() ==
        Errc::cancelled);
  CHECK(directory.entries() == 1);  // nothing is left behind
  options.progress = nullptr;
  const auto converted = convert(networks::cpu_backend(cpu::best_isa()), full, directory.file("b"), options, executor);
  REQUIRE(converted.ok());
  CHECK(converted->resolution_assumed);
  CHECK(converted->info.resolution == 512);
  CHECK_FALSE(converted->named_backbone.has_value());
  CHECK(convert(networks::cpu_backend(cpu::best_isa()), full, directory.file("b"), options, executor).error().code() ==
        Errc::output);

  // A folder that names another backbone than the tensors are of: the tensors are believed, the caller is told.
  const std::string misnamed = directory.write(
      "resnet_celeb_224.safetensors",
      std::string(reinterpret_cast<const char*>(test::small_weight_file().data()), test::small_weight_file().size()));
  const auto told = convert(networks::cpu_backend(cpu::best_isa()), misnamed, directory.file("c"), options, executor);
  REQUIRE(told.ok());
  CHECK(told->info.backbone == Backbone::mobilenet);
  REQUIRE(told->named_backbone.has_value());
  CHECK(*told->named_backbone == Backbone::resnet);
}
