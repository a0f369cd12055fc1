// What a benchmark in TypeScript hands to a native one: a file of messages, each behind its length (u32).
#pragma once
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace {

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Back to back, as in a receive buffer, with the room behind the last one that decoders ask for.
struct MessageFile {
  explicit MessageFile(const char* path) {
    const std::string file = contents(path);
    for (size_t at = 0; at + 4 <= file.size();) {
      uint32_t length;
      std::memcpy(&length, file.data() + at, 4);
      messages.emplace_back(bytes.size(), length);
      bytes.insert(bytes.end(), file.begin() + static_cast<ptrdiff_t>(at) + 4,
                   file.begin() + static_cast<ptrdiff_t>(at) + 4 + length);
      at += 4 + length;
    }
    bytes.resize(bytes.size() + 64);
  }
  std::vector<uint8_t> bytes;
  std::vector<std::pair<size_t, size_t>> messages;  // offset, length
};

}  // namespace
