// The C++ ends of a ring in shared memory, for tests of the JavaScript ends.
//
//   shm_peer write DIRECTORY NAME RING FIRST_POSITION SIZES   writes messages of these sizes (comma separated), says "ready", and
//                                                             closes at the end of its input
//   shm_peer flood DIRECTORY NAME RING                        writes messages of 0…999 bytes until it is killed
//   shm_peer read DIRECTORY NAME COUNT                        reads up to sequence COUNT, from the start; prints what it saw as JSON
//
// Messages are those of test/support/shm-message.ts.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "shm/reader.h"
#include "shm/writer.h"

namespace {

using namespace tickwire;
using namespace tickwire::shm;

uint32_t seed_of(uint64_t number) { return static_cast<uint32_t>(number) * 0x9e3779b1u | 1; }
uint8_t next_byte(uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return static_cast<uint8_t>(state >> 24);
}

std::vector<uint8_t> message_of(uint64_t number, size_t bytes) {
  std::vector<uint8_t> message(bytes);
  uint32_t state = seed_of(number);
  for (uint8_t& byte : message) byte = next_byte(state);
  return message;
}

bool is_message(std::span<const uint8_t> message, uint64_t number) {
  uint32_t state = seed_of(number);
  for (const uint8_t byte : message) {
    if (byte != next_byte(state)) return false;
  }
  return true;
}

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", errc_name(error.code), error.text.c_str());
  return 1;
}

int write(const Place& place, const CreateOptions& options, std::string sizes) {
  auto writer = Writer::create(place, options);
  if (!writer.ok()) return fail(writer.error());
  for (const char* at = sizes.c_str(); *at != '\0';) {
    char* end = nullptr;
    const size_t bytes = std::strtoull(at, &end, 10);
    at = *end == ',' ? end + 1 : end;
    if (!writer.value()->write(message_of(writer.value()->sequence() + 1, bytes))) return 2;
  }
  if (!writer.value()->append_table(message_of(1, 24)) || !writer.value()->append_table(message_of(2, 8))) return 3;
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

int flood(const Place& place, const CreateOptions& options) {
  auto writer = Writer::create(place, options);
  if (!writer.ok()) return fail(writer.error());
  std::puts("ready");
  std::fflush(stdout);
  for (uint64_t number = 1;; ++number) {
    if (!writer.value()->write(message_of(number, number * 7919 % 1000))) return 2;
  }
}

int read(const Place& place, uint64_t count) {
  auto reader = Reader::open(place, {.start = From::kStart, .resume = From::kOldest});
  if (!reader.ok()) return fail(reader.error());
  uint64_t received = 0;
  uint64_t last = 0;
  uint64_t bytes = 0;
  bool intact = true;
  while (last < count) {
    reader.value()->poll([&](const Record& record) {
      intact = intact && record.sequence > last && is_message(record.payload, record.sequence);
      last = record.sequence;
      bytes += record.payload.size();
      ++received;
    });
    if (last < count && !reader.value()->wait(100'000'000) && !reader.value()->writer_alive() &&
        !reader.value()->pending()) {
      break;
    }
  }
  size_t entries = 0;
  reader.value()->poll_table([&](std::span<const uint8_t> entry) {
    ++entries;
    intact = intact && is_message(entry, entries);
  });
  std::printf("{\"received\":%llu,\"lost\":%llu,\"last\":%llu,\"bytes\":%llu,\"entries\":%zu,\"intact\":%s,\"status\":\"%s\"}\n",
              static_cast<unsigned long long>(received), static_cast<unsigned long long>(reader.value()->lost()),
              static_cast<unsigned long long>(last), static_cast<unsigned long long>(bytes), entries,
              intact ? "true" : "false", errc_name(reader.value()->status()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() >= 4) {
    const Place place{.name = args[2], .directory = args[1]};
    const uint64_t number = std::strtoull(args[3].c_str(), nullptr, 10);
    if (args[0] == "write" && args.size() == 6) {
      return write(place, {.capacity = number, .first_position = std::strtoull(args[4].c_str(), nullptr, 10)}, args[5]);
    }
    if (args[0] == "flood") return flood(place, {.capacity = number});
    if (args[0] == "read") return read(place, number);
  }
  std::fputs("usage: see shm_peer.cc\n", stderr);
  return 64;
}
