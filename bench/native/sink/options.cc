#include "sink/options.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sink {

namespace {

[[noreturn]] void usage(std::string_view complaint) {
  std::fprintf(stderr,
               "%.*s\n"
               "usage: hub-sink --port N [--host A] [--path P] --class NAME:CONNECTIONS[:BYTES_PER_SECOND[:PATH]]...\n"
               "                [--subscribe TEXT --expect TEXT] [--sample N] [--receive-buffer BYTES]\n"
               "commands on stdin: report, stall NAME, resume NAME, quit\n",
               static_cast<int>(complaint.size()), complaint.data());
  std::exit(2);
}

template <typename T>
T number(std::string_view text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    usage("no such number: " + std::string(text));
  }
  return value;
}

// The text up to the next colon, which is taken away with it.
std::string_view next_field(std::string_view& text) {
  const size_t end = text.find(':');
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return field;
}

ClassOptions parse_class(std::string_view text) {
  ClassOptions result;
  result.name = next_field(text);
  if (result.name.empty() || text.empty()) usage("--class takes NAME:CONNECTIONS");
  result.connections = number<uint32_t>(next_field(text), 1, 1'000'000);
  if (!text.empty()) result.bytes_per_second = number<uint64_t>(next_field(text), 0, UINT64_MAX);
  result.path = text;
  return result;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc) usage("nothing follows " + std::string(name));
    const std::string_view value = argv[i + 1];
    if (name == "--host") {
      options.host = value;
    } else if (name == "--port") {
      options.port = number<uint16_t>(value, 1, UINT16_MAX);
    } else if (name == "--path") {
      options.path = value;
    } else if (name == "--class") {
      options.classes.push_back(parse_class(value));
    } else if (name == "--subscribe") {
      options.subscribe = value;
    } else if (name == "--expect") {
      options.expect = value;
    } else if (name == "--sample") {
      options.sample = number<uint32_t>(value, 1, 1u << 20);
      if (!std::has_single_bit(options.sample)) usage("--sample takes a power of two");
    } else if (name == "--receive-buffer") {
      options.receive_buffer = number<int>(value, 1, 1 << 30);
    } else {
      usage("unknown option " + std::string(name));
    }
  }
  if (options.port == 0) usage("--port is missing");
  if (options.classes.empty()) usage("--class is missing");
  if (options.subscribe.empty() != options.expect.empty()) usage("--subscribe and --expect belong together");
  return options;
}

}  // namespace sink
