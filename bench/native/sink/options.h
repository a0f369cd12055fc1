// Command line of the sink.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sink {

struct ClassOptions {
  std::string name;
  uint32_t connections = 0;
  uint64_t bytes_per_second = 0;  // 0: reads all there is
  std::string path;               // of the URL; empty: that of all
};

struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string path = "/";
  std::vector<ClassOptions> classes;
  std::string subscribe;  // text that every connection sends first
  std::string expect;     // what the answer to it contains
  uint32_t sample = 1;
  int receive_buffer = 0;  // bytes; 0: the system's own
};

// Prints what is wrong and exits when something is.
Options parse_options(int argc, char** argv);

}  // namespace sink
