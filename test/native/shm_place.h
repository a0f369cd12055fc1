// A directory of a test's own on the file system where segments usually lie.
#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "shm/platform.h"
#include "shm/segment.h"

namespace tickwire::test {

class ShmDirectory {
 public:
  ShmDirectory() {
    const auto base = shm::default_directory();
    REQUIRE(base.ok());
    std::string pattern = base.value() + "/tickwire-test-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ShmDirectory(const ShmDirectory&) = delete;
  ShmDirectory& operator=(const ShmDirectory&) = delete;
  ~ShmDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] shm::Place place(const std::string& name) const { return {.name = name, .directory = path_}; }
  [[nodiscard]] std::string file(const std::string& name) const {
    return path_ + "/tickwire." + std::to_string(geteuid()) + "." + name;
  }
  [[nodiscard]] size_t files() const {
    size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++n;
    return n;
  }

 private:
  std::string path_;
};

}  // namespace tickwire::test
