// A directory of its own for the files of one test, removed at the end. Names are UTF-8.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

class TempDirectory {
 public:
  TempDirectory() {
    std::random_device random;
    std::error_code failed;
    for (int attempt = 0; attempt < 8 && path_.empty(); ++attempt) {
      const auto name = std::filesystem::temp_directory_path() / ("segface-test-" + std::to_string(random()));
      if (std::filesystem::create_directory(name, failed)) path_ = name.u8string();
    }
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::u8path(path_), ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // Makes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(std::filesystem::u8path(file(name)), std::ios::binary) << content;
    return file(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream stream(std::filesystem::u8path(file(name)), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::size_t entries() const {
    const std::filesystem::directory_iterator all(std::filesystem::u8path(path_));
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

 private:
  std::string path_;
};
