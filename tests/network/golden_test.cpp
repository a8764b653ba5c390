// Golden files: what they hold must be seen, and every network must have some.
#include <set>
#include <string>

#include "base/temp_directory.hpp"
#include "network.hpp"

using namespace segface;

#if !defined(__SANITIZE_ADDRESS__)  // which leave some out
TEST_CASE("every backbone and every data set has a golden") {
  std::set<std::string> backbones, data_sets;
  const auto note = [&](const std::string& name) {
    const Golden golden = Golden::open(test::data(name + ".safetensors")).value();
    backbones.insert(golden.text("backbone"));
    data_sets.insert(std::string(dataset_name(golden.dataset())));
  };
  for (const char* name : test::kOfficialGoldens) note(name);
  for (const char* name : test::kTwinGoldens) note(name);
  for (const BackboneRow& row : kBackbones) CHECK_MESSAGE(backbones.count(row.name) == 1, row.name);
  for (const DatasetRow& row : kDatasets) CHECK_MESSAGE(data_sets.count(std::string(row.name)) == 1, row.name);
}
#endif

TEST_CASE("a stage that the golden holds and the network does not mark agrees with nothing") {
  const SafetensorsFile file = SafetensorsFile::open(test::data("mobilenet_celeb_250.safetensors")).value();
  const TempDirectory directory;
  std::vector<TensorInfo> infos;
  for (std::size_t i = 0; i < file.size(); ++i) {
    infos.push_back(file.info(i));
    if (infos.back().name == "keys") infos.back().name = "keyz";
  }
  const std::string path = directory.file("golden.safetensors");
  SafetensorsWriter writer =
      SafetensorsWriter::open(path, infos, file.metadata(), OutputFile::Existing::refuse).value();
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::vector<std::uint8_t> bytes(infos[i].bytes());
    file.read(i, bytes.data()).or_throw();
    writer.append({bytes.data(), bytes.size()}).or_throw();
  }
  writer.commit().or_throw();

  const Golden golden = Golden::open(path).value();
  CHECK_FALSE(golden.holds("keys"));
  const auto net =
      test::network(networks::cpu_backend(cpu::best_isa()), test::synthetic(Backbone::mobilenet, Dataset::celeb, 1),
                    Backbone::mobilenet, Dataset::celeb);
  const Image picture = load_image(test::data(golden.text("resized"))).value();
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  const auto plan = Plan<SegFace, cpu::Backend>::make(net, 1, 250, 250, *executor).value();
  GoldenObserver<float> observer(golden);
  test::forward(net, plan, picture.data(), *executor, &observer);
  CHECK(observer.status().ok());
  CHECK(observer.results().size() == 12);
  for (const StageComparison& stage : observer.results()) {
    CAPTURE(stage.stage);
    CHECK(stage.agrees() == (stage.stage != "keyz"));
  }
}
