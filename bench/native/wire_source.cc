// A sender of quotes in the wire format, as fast as its reader takes them, for bench/wire-decode.
//   wire_source serve CYCLE    prints {"port":N}; greets everybody who connects, then sends quotes without end: CYCLE
//                              different ones again and again, each with the next sequence number
//   wire_source drain PORT MS  reads from such a sender and throws away; prints {"bytesPerSecond":N}: what sockets
//   allow
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/control.h"
#include "wire/frame_writer.h"
#include "wire/market.h"
#include "wire/quote_frame.h"

namespace {

using namespace tickwire::wire;

constexpr uint16_t kSource = 1;
constexpr uint32_t kSymbols = 100;
constexpr size_t kPiece = 128u << 10;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::vector<uint8_t> framed(const Header& header, std::span<const uint8_t> payload) {
  std::vector<uint8_t> frame(frame_room(payload.size()));
  frame.resize(write_frame(frame.data(), header, payload));
  if (frame.empty()) std::abort();
  return frame;
}

template <class Put>
void append_control(std::vector<uint8_t>& out, Type type, Put&& put_payload) {
  uint8_t payload[16u << 10];
  TlvWriter writer(payload);
  put_payload(writer);
  if (!writer.ok()) std::abort();
  Header header;
  header.type = static_cast<uint8_t>(type);
  const std::vector<uint8_t> frame = framed(header, {payload, writer.size()});
  out.insert(out.end(), frame.begin(), frame.end());
}

std::vector<uint8_t> greeting() {
  std::vector<uint8_t> out;
  append_control(out, Type::kWelcome, [](TlvWriter& w) {
    Welcome welcome;
    welcome.epoch = 1;
    welcome.max_payload = 1u << 20;
    welcome.max_inbound = 1u << 16;
    welcome.max_subscriptions = 1;
    put(w, welcome);
  });
  append_control(out, Type::kTopic, [](TlvWriter& w) {
    const TopicEntry entry{kSource, 0, "quotes"};
    put(w, 0, std::span(&entry, 1));
  });
  append_control(out, Type::kSymbol, [](TlvWriter& w) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < kSymbols; ++i) names.push_back(i == 0 ? "BTCUSDT" : "SYM" + std::to_string(i) + "USDT");
    std::vector<SymbolEntry> entries;
    for (uint32_t i = 0; i < kSymbols; ++i) entries.push_back({i + 1, names[i]});
    put(w, entries);
  });
  return out;
}

// `count` quotes, 64 bytes each.
std::vector<uint8_t> cycle_of(size_t count) {
  std::mt19937_64 random(42);
  const auto below = [&random](uint64_t n) { return static_cast<int64_t>(random() % n); };
  std::vector<uint8_t> all;
  while (all.size() < count * kQuoteFrameBytes) {
    const int64_t bid = 1'000'000 + below(9'000'000);
    const Quote quote{static_cast<uint32_t>(1 + below(kSymbols)),
                      2,
                      8,
                      bid,
                      bid + 1 + below(50),
                      below(1ll << 40),
                      below(1ll << 40),
                      {}};
    uint8_t payload[64];
    TlvWriter writer(payload);
    put(writer, quote);
    Header header;
    header.domain = Domain::kMarketData;
    header.type = static_cast<uint8_t>(Type::kQuote);
    header.source = kSource;
    header.sequence = 1;
    header.time_ns = 1'700'000'000'000'000'000;
    const std::vector<uint8_t> frame = framed(header, {payload, writer.size()});
    // One in millions has to be masked and is longer: another in its place.
    if (frame.size() == kQuoteFrameBytes) all.insert(all.end(), frame.begin(), frame.end());
  }
  return all;
}

bool send_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

void stream_to(int fd, std::vector<uint8_t>& cycle) {
  // Hello and Subscribe say nothing that matters here.
  uint8_t hello[4096];
  if (::recv(fd, hello, sizeof hello, 0) <= 0 || !send_all(fd, greeting())) return;
  uint64_t sequence = 0;
  for (;;) {
    for (size_t at = 0; at < cycle.size(); at += kPiece) {
      const size_t end = std::min(at + kPiece, cycle.size());
      for (uint8_t* frame = cycle.data() + at; frame < cycle.data() + end; frame += kQuoteFrameBytes) {
        store(frame + 16, ++sequence);
        store(frame + 12, frame_crc(frame, kQuotePayloadBytes));
      }
      if (!send_all(fd, {cycle.data() + at, end - at})) return;
    }
  }
}

int serve(size_t count) {
  std::vector<uint8_t> cycle = cycle_of(count);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 8) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail("listen");
  }
  std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  // One at a time: a benchmark's sides take turns.
  for (;;) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) fail("accept");
    stream_to(fd, cycle);
    ::close(fd);
  }
}

int drain(uint16_t port, int64_t ms) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  if (!send_all(fd, greeting())) fail("send");
  static uint8_t buffer[256u << 10];
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto start = now() + std::chrono::milliseconds(ms / 4);
  const auto end = start + std::chrono::milliseconds(ms);
  uint64_t bytes = 0;
  for (auto t = now(); t < end; t = now()) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) fail("recv");
    if (t >= start) bytes += static_cast<uint64_t>(n);
  }
  std::printf("{\"bytesPerSecond\":%.0f}\n", static_cast<double>(bytes) * 1e3 / static_cast<double>(ms));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc == 3) return serve(std::strtoul(argv[2], nullptr, 10));
  if (mode == "drain" && argc == 4) {
    return drain(static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10)), std::strtol(argv[3], nullptr, 10));
  }
  std::fputs("usage: wire_source serve CYCLE | wire_source drain PORT MS\n", stderr);
  return 2;
}
