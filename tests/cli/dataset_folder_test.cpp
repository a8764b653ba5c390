// Which files of a data set's folder belong together, and what is said where that cannot be told.
#include "segface/dataset_folder.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/temp_directory.hpp"

using namespace tool;

namespace {

// images/ and labels/ with these empty files.
void fill(const TempDirectory& directory, const std::vector<std::string>& files) {
  for (const char* folder : {"images", "labels"}) std::filesystem::create_directories(directory.file(folder));
  for (const std::string& file : files) directory.write(file, "");
}
std::string refusal(const std::vector<std::string>& files) {
  const TempDirectory directory;
  fill(directory, files);
  const auto folder = open_dataset(directory.path(), "test");
  CHECK(folder.error().code() == Errc::bad_format);
  return folder.error().message();
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("photos and labels are paired whatever the case of their endings") {
  const TempDirectory directory;
  fill(directory, {"images/a.JPG", "labels/a.png", "images/b.jpeg", "labels/b.PNG", "images/c.Png", "labels/c.png",
                   "images/d.bmp", "labels/d.png", "images/e.txt", "labels/f.png"});
  const auto folder = open_dataset(directory.path(), "test");
  REQUIRE(folder.ok());
  std::vector<std::string> paired;
  for (const Sample& sample : folder->samples) {
    paired.push_back(sample.photo.substr(directory.path().size()) + " " +
                     sample.labels.substr(directory.path().size()));
  }
  CHECK(paired == std::vector<std::string>{"/images/a.JPG /labels/a.png", "/images/b.jpeg /labels/b.PNG",
                                           "/images/c.Png /labels/c.png", "/images/d.bmp /labels/d.png",
                                           "/images/f.jpg /labels/f.png"});
}

TEST_CASE("two files for one are refused before anything is computed") {
  CHECK(contains(refusal({"images/a.jpg", "images/a.png", "labels/a.png"}), "both 'a.jpg' and 'a.png' are there"));
  CHECK(contains(refusal({"images/a.JPG", "images/a.jpg", "labels/a.png"}), "both 'a.JPG' and 'a.jpg'"));
  CHECK(contains(refusal({"images/a.jpg", "labels/a.PNG", "labels/a.png"}), "labels/: both 'a.PNG' and 'a.png'"));
}

TEST_CASE("a directory that cannot be listed is not an empty one") {
  const TempDirectory directory;
  CHECK(list_directory(directory.file("none")).error().code() == Errc::io);
  CHECK(contains(list_directory(directory.write("file", "")).error().message(),
                 "file: cannot be listed: Not a directory"));
  fill(directory, {"images/a.jpg", "labels/a.png"});
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto folder = open_dataset(directory.path(), "test");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(folder.error().code() == Errc::io);
  CHECK(contains(folder.error().message(), "images/: cannot be listed"));
}

TEST_CASE("the mark of an editor hides no photo of a list") {
  const TempDirectory directory;
  const std::string mark = "\xef\xbb\xbf";
  directory.write("list_eval_partition.txt", mark + "000001.jpg 2\n000002.jpg 2\n");
  directory.write("CelebA-HQ-to-CelebA-mapping.txt", mark + "7 1 000001.jpg\n8 2 000002.jpg\n");
  CHECK(celeb_split(directory.path() + "/", "test").value() == std::vector<Index>{7, 8});
}

TEST_CASE("a line of millions of words costs no more than the file") {
  const TempDirectory directory;
  std::string words;
  for (int i = 0; i < 4000000; ++i) words += "a ";
  const std::string path = directory.write("list", words);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto peak = [] {
      rusage usage = {};
      ::getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    const long before = peak();
    const Status status = for_each_line(path, 2, [](std::size_t, const std::vector<std::string>&) { return Status(); });
    const bool told = contains(status.message(), "line 1 has 4000000 words, expected 2");
    ::_exit(told && peak() - before < 32 * 1024 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}
