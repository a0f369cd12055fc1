// Nanoseconds per message of the frame parser alone: a megabyte of 150-byte text frames in memory, parsed over and
// over, UTF-8 check included. Prints one JSON line per shape of message: the median, best and worst of the runs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ws/frame_parser.h"
#include "ws/frame_writer.h"

namespace {

using namespace tickwire::ws;

class Counter final : public FrameSink {
 public:
  size_t messages = 0;
  size_t bytes = 0;
  Flow on_message(const Message& m) override {
    ++messages;
    bytes += m.data.size();
    return Flow::kContinue;
  }
  Flow on_control(Opcode, std::span<const uint8_t>) override { return Flow::kContinue; }
  Flow on_close(uint16_t, std::span<const uint8_t>) override { return Flow::kContinue; }
};

struct Shape {
  const char* name;
  Opcode opcode;
  std::string payload;
  size_t fragments;
};

std::vector<uint8_t> stream_of(const Shape& shape, size_t messages) {
  std::vector<uint8_t> out;
  const size_t step = shape.payload.size() / shape.fragments;
  for (size_t i = 0; i < messages; ++i) {
    for (size_t f = 0; f < shape.fragments; ++f) {
      const bool last = f + 1 == shape.fragments;
      const std::string_view part =
          std::string_view(shape.payload).substr(f * step, last ? std::string_view::npos : step);
      uint8_t header[kMaxFrameHeader];
      const size_t n =
          write_frame_header(header, f == 0 ? shape.opcode : Opcode::kContinuation, last, false, part.size(), nullptr);
      out.insert(out.end(), header, header + n);
      out.insert(out.end(), part.begin(), part.end());
    }
  }
  return out;
}

std::string euros(size_t n) {
  std::string s;
  while (s.size() + 10 <= n) s += "\xE2\x82\xAC 12.50";
  s.resize(n, ' ');
  return s;
}

}  // namespace

int main() {
  const Shape shapes[] = {
      {"text-150-ascii", Opcode::kText, std::string(150, 'x'), 1},
      {"text-150-non-ascii", Opcode::kText, euros(150), 1},
      {"binary-150", Opcode::kBinary, std::string(150, 'x'), 1},
      {"text-60-ascii", Opcode::kText, std::string(60, 'x'), 1},
      {"text-2000-ascii", Opcode::kText, std::string(2000, 'x'), 1},
      {"text-150-in-3-fragments", Opcode::kText, std::string(150, 'x'), 3},
  };
  constexpr size_t kMessages = 2000;  // 300 kB at 150 bytes: in the second-level cache, as after a read
  constexpr int kRuns = 15;
  constexpr int kRounds = 200;
  for (const Shape& shape : shapes) {
    std::vector<uint8_t> in = stream_of(shape, kMessages);
    FrameParser parser(Role::kClient, {});
    std::vector<double> runs;
    for (int run = 0; run < kRuns; ++run) {
      Counter sink;
      const auto start = std::chrono::steady_clock::now();
      for (int round = 0; round < kRounds; ++round) {
        const ParseOutcome out = parser.feed(in, 1u << 20, sink);
        if (out.error || out.consumed != in.size()) return EXIT_FAILURE;
      }
      const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
      if (sink.messages != kMessages * kRounds || sink.bytes != sink.messages * shape.payload.size())
        return EXIT_FAILURE;
      runs.push_back(took.count() / static_cast<double>(sink.messages));
    }
    std::sort(runs.begin(), runs.end());
    std::printf(
        "{\"bench\":\"frame-parser\",\"shape\":\"%s\",\"unit\":\"ns/"
        "message\",\"median\":%.2f,\"best\":%.2f,\"worst\":%.2f}\n",
        shape.name, runs[kRuns / 2], runs.front(), runs.back());
  }
  return EXIT_SUCCESS;
}
