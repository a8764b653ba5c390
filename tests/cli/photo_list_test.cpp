#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "segface/outputs.hpp"

#include "base/temp_directory.hpp"

using namespace tool;

namespace {

// "path -> folder + name" of each, with the directory of the test left out.
std::vector<std::string> listed(const TempDirectory& directory, const PhotoSelection& selection) {
  const auto photos = PhotoList::make(selection);
  REQUIRE_MESSAGE(photos.ok(), photos.error().message());
  std::vector<std::string> lines;
  for (const Photo& photo : *photos) {
    std::string line = photo.path + " -> " + photo.folder + photo.name;
    for (std::size_t at = 0; (at = line.find(directory.path() + '/')) != std::string::npos;) {
      line.erase(at, directory.path().size() + 1);
    }
    lines.push_back(line);
  }
  return lines;
}
using Lines = std::vector<std::string>;

void make_folder(const TempDirectory& directory, const std::string& name) {
  std::filesystem::create_directories(std::filesystem::u8path(directory.file(name)));
}

}  // namespace

TEST_CASE("photos: files go to the working directory or to a folder, in the order given") {
  const TempDirectory directory;
  PhotoSelection selection;
  selection.operands = {directory.file("b.jpg"), directory.file("a.PNG"), "-"};
  CHECK(listed(directory, selection) == Lines{"b.jpg -> b", "a.PNG -> a", "- -> stdin"});
  selection.folder = "out";
  CHECK(listed(directory, selection) == Lines{"b.jpg -> out/b", "a.PNG -> out/a", "- -> out/stdin"});
  selection.operands.push_back("-");
  CHECK(PhotoList::make(selection).error().code() == Errc::invalid_argument);
  CHECK(PhotoList::make({}).error().code() == Errc::invalid_argument);
}

TEST_CASE("photos: a folder gives its photos by name, never its own results or what is hidden") {
  const TempDirectory directory;
  for (const char* name : {"in/sub/deep", "in/segface", "in/sub/segface", "empty"}) make_folder(directory, name);
  for (const char* name : {"in/z.jpeg", "in/B.JPG", "in/.hidden.jpg", "in/notes.txt", "in/noending", "in/sub/y.png",
                           "in/sub/deep/x.jpg", "in/segface/z_mask.png", "in/sub/segface/w.png"}) {
    directory.write(name, "");
  }
  PhotoSelection selection;
  selection.operands = {directory.file("in")};
  CHECK(listed(directory, selection) == Lines{"in/B.JPG -> in/segface/B", "in/z.jpeg -> in/segface/z"});
  selection.operands = {directory.file("in/")};
  selection.recursive = true;
  CHECK(listed(directory, selection) == Lines{"in/B.JPG -> in/segface/B", "in/sub/deep/x.jpg -> in/segface/sub/deep/x",
                                              "in/sub/segface/w.png -> in/segface/sub/segface/w",
                                              "in/sub/y.png -> in/segface/sub/y", "in/z.jpeg -> in/segface/z"});
  selection.folder = directory.file("in/sub");
  selection.operands = {directory.file("in")};
  CHECK(listed(directory, selection) == Lines{"in/B.JPG -> in/sub/B", "in/z.jpeg -> in/sub/z"});
  selection.operands = {directory.file("empty")};
  selection.recursive = false;
  const auto empty = PhotoList::make(selection);
  CHECK(empty.error().code() == Errc::invalid_argument);
  CHECK(std::string(empty.error().message()).find("--recursive") != std::string::npos);
}

TEST_CASE("photos: equal names keep their endings") {
  const TempDirectory directory;
  PhotoSelection selection;
  selection.operands = {"a/IMG.jpg", "b/IMG.png", "b/other.png"};
  CHECK(listed(directory, selection) == Lines{"a/IMG.jpg -> IMG.jpg", "b/IMG.png -> IMG.png", "b/other.png -> other"});
}

TEST_CASE("photos: a list has a path a line, and its failures are named") {
  const TempDirectory directory;
  PhotoSelection selection;
  selection.operands = {"first.jpg"};
  selection.list = directory.write("list", "a b.jpg\r\n\nc.png");
  CHECK(listed(directory, selection) == Lines{"first.jpg -> first", "a b.jpg -> a b", "c.png -> c"});
  selection.list = directory.file("none");
  CHECK(PhotoList::make(selection).error().code() == Errc::io);
}

TEST_CASE("photos: shards are all photos, each once") {
  const TempDirectory directory;
  PhotoSelection selection;
  for (int i = 0; i < 7; ++i) selection.operands.push_back(std::to_string(i) + ".jpg");
  Lines all;
  for (const char* shard : {"1/3", "2/3", "3/3"}) {
    REQUIRE(read_shard(shard, selection).ok());
    for (const std::string& line : listed(directory, selection)) all.push_back(line);
  }
  CHECK(all.size() == 7);
  CHECK(all[0] == "0.jpg -> 0");
  CHECK(all[3] == "1.jpg -> 1");
  REQUIRE(read_shard("9/9", selection).ok());
  CHECK(PhotoList::make(selection)->empty());
  for (const char* wrong : {"", "1", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2", "1/99999999"}) {
    CHECK_MESSAGE(read_shard(wrong, selection).code() == Errc::invalid_argument, wrong);
  }
}

TEST_CASE("photos: what a photo begins with is known when its results are named, without opening it again") {
  const TempDirectory directory;
  directory.write("photo.png", "\xff\xd8\xff");
  directory.write("other.jpg", "\x89PNG");
  CHECK(begins_as_jpeg(directory.file("photo.png")));
  CHECK_FALSE(begins_as_jpeg(directory.file("other.jpg")));
  CHECK_FALSE(begins_as_jpeg(directory.file("lost.jpg")));
  Request request;
  request.names_mask = request.names_overlay = true;
  const Photo lost = {"lost.png", "d/", "lost", /*is_jpeg=*/true};
  CHECK(outputs_of(request, lost).overlay == "d/lost_overlay.jpg");
  CHECK(outputs_of(request, lost).mask == "d/lost_mask.png");
}
