// Recipes of precision: their text, what a weight file says of them, and what layers get by them.
#include <string>

#include "segface/segface.hpp"

#include "check_error.hpp"
#include "network/small_weight_file.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr const char* kQuery = "face_decoder.transformer.layers.0.cross_attn_image_to_token.q_proj";
constexpr const char* kUpscaling = "face_decoder.output_upscaling.0";

// The small weight file with metadata besides its own.
std::string with_metadata(const Metadata& more) {
  const SafetensorsFile file = SafetensorsFile::from_memory(test::small_weight_file()).value();
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < file.size(); ++i) infos.push_back(file.info(i));
  Metadata metadata = file.metadata();
  metadata.insert(metadata.end(), more.begin(), more.end());
  const TempDirectory directory;
  SafetensorsWriter writer =
      SafetensorsWriter::open(directory.file("w"), infos, metadata, OutputFile::Existing::refuse).value();
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::vector<std::uint8_t> bytes(infos[i].bytes());
    file.read(i, bytes.data()).or_throw();
    writer.append({bytes.data(), bytes.size()}).or_throw();
  }
  writer.commit().or_throw();
  return directory.read("w");
}
Bytes bytes_of_text(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The layers that are rounded, and to what, of a weight file's network with products of a precision.
PrecisionRecipe rounded(const std::string& file, Precision precision, const cpu::Backend& backend = cpu::Backend()) {
  const WeightFile weights = WeightFile::from_memory(bytes_of_text(file)).value();
  return SegFace<cpu::Backend>::prepare(backend.with(precision).value(), weights.weights()).value().rounded();
}

void refused(const Metadata& metadata, Errc code, const std::vector<std::string>& words) {
  const std::string file = with_metadata(metadata);
  const auto opened = WeightFile::from_memory(bytes_of_text(file), "w.safetensors");
  REQUIRE_FALSE(opened.ok());
  test::check_error(opened.error(), code, words);
}

}  // namespace

TEST_CASE("recipes: text to layers and back") {
  const PrecisionRecipe recipe = PrecisionRecipe::parse(" bf16: b int8:  c a.1 bf16: d ").value();
  CHECK(recipe.layers().size() == 4);
  CHECK(recipe.lowest("a.1") == Precision::int8);
  CHECK(recipe.lowest("b") == Precision::bf16);
  CHECK(recipe.lowest("d") == Precision::bf16);
  CHECK(recipe.lowest("a") == Precision::float32);
  CHECK(recipe.lowest("e") == Precision::float32);
  CHECK(recipe.text() == "int8: a.1 c bf16: b d");
  CHECK(PrecisionRecipe::parse("")->layers().empty());
  CHECK(PrecisionRecipe::parse("int8:")->text().empty());
  PrecisionRecipe changed = recipe;
  changed.set("c", Precision::float32);
  changed.set("b", Precision::int8);
  changed.set("0", Precision::bf16);
  CHECK(changed.text() == "int8: a.1 b bf16: 0 d");
  CHECK(layer_of("linear_fuse.weight") == "linear_fuse");
  CHECK(layer_of("linear_fuse.bias") == "linear_fuse.bias");
  CHECK(layer_of(".weight") == ".weight");

  CHECK(PrecisionRecipe::parse("a int8: b").error().code() == Errc::bad_format);
  CHECK(PrecisionRecipe::parse("int7: b").error().code() == Errc::bad_format);
  CHECK(PrecisionRecipe::parse("f32: b").error().code() == Errc::bad_format);
  CHECK(PrecisionRecipe::parse("int8: b bf16: b").error().code() == Errc::bad_format);
  std::string many = "int8:";
  for (std::size_t i = 0; i < PrecisionRecipe::kMostLayers; ++i) many += " " + std::to_string(i);
  CHECK(PrecisionRecipe::parse(many).ok());
  CHECK(PrecisionRecipe::parse(many + " x").error().code() == Errc::limit_exceeded);
}

TEST_CASE("recipes in a weight file: layers get what they say, others are float32") {
  const std::string recipe = std::string("int8: ") + kQuery + " linear_fuse bf16: " + kUpscaling;
  const std::string file =
      with_metadata({{"precision.recipe", recipe}, {"precision.photos", "16"}, {"precision.agreement", "99.93"}});
  const WeightFile opened = WeightFile::from_memory(bytes_of_text(file)).value();
  REQUIRE(opened.recipe_proof() != nullptr);
  CHECK(opened.recipe_proof()->photos == 16);
  CHECK(opened.recipe_proof()->agreement == "99.93");

  const cpu::Backend backend;
  const bool bf16 = backend.has_instructions(Precision::bf16), int8 = backend.has_instructions(Precision::int8);
  const std::string bytes = std::string("int8: ") + kQuery + " linear_fuse";
  CHECK(rounded(file, Precision::float32).text().empty());
  CHECK(rounded(file, Precision::int8).text() == bytes + (bf16 ? std::string(" bf16: ") + kUpscaling : ""));
  CHECK(rounded(file, Precision::int8, cpu::Backend(cpu::Isa::baseline)).text() == bytes);
  if (bf16) CHECK(rounded(file, Precision::bf16).text() == std::string("bf16: ") + kUpscaling + bytes.substr(5));
  // automatic: what is fast here, and float32 where nothing is.
  CHECK(rounded(file, Precision::automatic).text() == rounded(file, int8   ? Precision::int8
                                                                    : bf16 ? Precision::bf16
                                                                           : Precision::float32)
                                                          .text());
  CHECK(rounded(file, Precision::automatic, cpu::Backend(cpu::Isa::baseline)).text().empty());

  // A backend that rounds nothing reads it too.
  Options options;
  options.precision = Precision::automatic;
  options.self_test = true;
  const auto reference = BasicParser<reference::Backend<float>>::from_memory(bytes_of_text(file), options);
  REQUIRE_MESSAGE(reference.ok(), reference.error().message());
  CHECK(reference->rounded().layers().empty());
  options.precision = Precision::int8;
  CHECK(BasicParser<reference::Backend<float>>::from_memory(bytes_of_text(file), options).error().code() ==
        Errc::invalid_argument);

  // Without one the layers' names decide; an empty one is none of these.
  const std::string plain(reinterpret_cast<const char*>(test::small_weight_file().data()),
                          test::small_weight_file().size());
  CHECK(WeightFile::from_memory(bytes_of_text(plain))->recipe_proof() == nullptr);
  CHECK(rounded(plain, Precision::int8).lowest(kQuery) == Precision::int8);
  CHECK(rounded(plain, Precision::int8).lowest(kUpscaling) == (bf16 ? Precision::bf16 : Precision::float32));
  CHECK(rounded(plain, Precision::int8).lowest("linear_fuse") == Precision::int8);
  CHECK(rounded(plain, Precision::int8).lowest("face_decoder.transformer.layers.0.mlp.lin1") == Precision::float32);
  CHECK(rounded(with_metadata({{"precision.recipe", ""}}), Precision::int8).text().empty());
}

TEST_CASE("a plan counts the operations that are of rounded numbers, layer by layer") {
  WeightFile file = WeightFile::from_memory(test::small_weight_file()).value();
  const auto cost = [&](const std::string& recipe, Precision precision) {
    Options options;
    options.precision = precision;
    file.set_recipe(PrecisionRecipe::parse(recipe).value());
    return Parser::make(file, options, cpu::Backend()).value().plan().cost();
  };
  const std::string fuse = "int8: linear_fuse", query = std::string("int8: ") + kQuery;
  const Cost floats = cost(fuse, Precision::float32), one = cost(fuse, Precision::int8);
  const Cost other = cost(query, Precision::int8), both = cost(fuse + " " + kQuery, Precision::int8);
  CHECK(floats.rounded == 0);
  CHECK(one.rounded > 0);
  CHECK(other.rounded > 0);
  CHECK(both.rounded == one.rounded + other.rounded);
  CHECK(both.rounded < both.flops);
  CHECK(both.flops == floats.flops);
}

TEST_CASE("recipes of another network, and broken ones, are refused by name") {
  refused({{"precision.recipe", "int8: linear_fuse backbone.features.1.0.attn.qkv"}}, Errc::bad_format,
          {"w.safetensors", "layer 'backbone.features.1.0.attn.qkv'", "mobilenet has not", "another network",
           "quantise the network anew"});
  refused({{"precision.recipe", "int8 linear_fuse"}}, Errc::bad_format, {"layer 'int8' stands before any precision"});
  refused({{"precision.recipe", "int4: linear_fuse"}}, Errc::bad_format, {"'int4:' is no precision"});
  refused({{"precision.recipe", "int8: linear_fuse linear_fuse"}}, Errc::bad_format, {"'linear_fuse'", "twice"});
  const std::string good = "int8: linear_fuse";
  refused({{"precision.recipe", good}, {"precision.photos", "many"}, {"precision.agreement", "99.9"}}, Errc::bad_format,
          {"'many'", "expected a number of photos"});
  refused({{"precision.recipe", good}, {"precision.photos", "3"}}, Errc::bad_format, {"precision.agreement ''"});
  refused({{"precision.recipe", good}, {"precision.photos", "3"}, {"precision.agreement", "all"}}, Errc::bad_format,
          {"precision.agreement 'all'"});
  std::string many = "int8:";
  for (std::size_t i = 0; i <= PrecisionRecipe::kMostLayers; ++i) many += " " + std::to_string(i);
  refused({{"precision.recipe", many}}, Errc::limit_exceeded, {"more than 4096 layers"});
}

TEST_CASE("the self-test of a file is float32's, with rounded products too") {
  const Bytes good = test::small_weight_file();
  Options options;
  options.self_test = true;
  for (const Precision precision : {Precision::bf16, Precision::int8, Precision::automatic}) {
    options.precision = precision;
    const auto parser = Parser::from_memory(good, options);
    REQUIRE_MESSAGE(parser.ok(), parser.error().message());
    const bool rounds = !parser->rounded().layers().empty();
    CHECK((parser->self_test().value() > 1e-4) == rounds);
  }
  // A file whose numbers are others than the self-test's.
  std::string damaged(reinterpret_cast<const char*>(good.data()), good.size());
  const std::size_t logits = damaged.find("self_test.logits");
  REQUIRE(logits != std::string::npos);
  char& digit = damaged[damaged.find(':', logits) + 4];
  digit = digit == '0' ? '1' : '0';
  CHECK(Parser::from_memory(bytes_of_text(damaged), options).error().code() == Errc::mismatch);
}
