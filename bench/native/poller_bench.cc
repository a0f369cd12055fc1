// Edge against level triggering, as a receiver of small messages pays for them. Stand-alone; prints JSON lines.
//
//   tickwire_trigger_bench [runs = 5] [messages per run = 50000]
//
// Three ways to read, all over the same Poller and the same loopback TCP connections:
//   edge             edge-triggered, every socket read until EAGAIN (what the core relies on)
//   edge-short-read  edge-triggered, reading stops at the first read that does not fill the buffer
//   level            level-triggered, one read per event
// and two loads:
//   batch   one thread writes a message to each of n sockets, then receives them all; only the receiving is timed, so
//           that neither the sender nor the scheduler is measured
//   stream  a second thread writes round-robin as fast as it can; the receiver sleeps in the poller when it has caught
//   up
// Each metric is the median of runs that alternate between the ways. `ratio` is how many times better edge is.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "loop/poller.h"

namespace {

using namespace tickwire;

constexpr size_t kMessage = 150;
constexpr size_t kReadBuffer = 64 * 1024;
constexpr int64_t kStallNs = 10'000'000'000;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {
    if (fd < 0) fail("socket");
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0 && close(fd_) != 0) std::perror("close");
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

struct Connection {
  Socket sender, receiver;
  uint64_t received = 0;
};

std::vector<Connection> connect_pairs(size_t count) {
  const Socket listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (bind(listener.fd(), generic, length) != 0 || listen(listener.fd(), 16) != 0 ||
      getsockname(listener.fd(), generic, &length) != 0) {
    fail("listen");
  }
  std::vector<Connection> connections;
  connections.reserve(count);  // their addresses are the poller's tokens
  for (size_t i = 0; i < count; ++i) {
    Socket sender(socket(AF_INET, SOCK_STREAM, 0));
    const int on = 1;
    if (connect(sender.fd(), generic, length) != 0) fail("connect");
    if (setsockopt(sender.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail("setsockopt");
    Socket receiver(accept(listener.fd(), nullptr, nullptr));
    if (fcntl(receiver.fd(), F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    connections.push_back({std::move(sender), std::move(receiver)});
  }
  return connections;
}

enum class Way : size_t { kEdge, kEdgeShortRead, kLevel };
constexpr std::array<const char*, 3> kWayNames = {"edge", "edge-short-read", "level"};
constexpr size_t kWays = kWayNames.size();

struct Counters {
  uint64_t waits = 0;
  uint64_t reads = 0;
  uint64_t bytes = 0;
};

class Receiver {
 public:
  Receiver(std::vector<Connection>& connections, Way way) : poller_(make_poller()), way_(way), buffer_(kReadBuffer) {
    for (Connection& c : connections) {
      if (!poller_.add(c.receiver.fd(), &c, way == Way::kLevel ? Trigger::kLevel : Trigger::kEdge).ok()) fail("add");
    }
    // The first edge of every socket is that it can be written; it belongs to no message.
    while (poll(0) > 0) {
    }
    counters = {};
  }

  // Receives until `bytes` have arrived since construction.
  void receive_until(uint64_t bytes) {
    while (counters.bytes < bytes) {
      if (poll(kStallNs) == 0) fail("stalled");  // nobody wakes this poller, so nothing is a timeout
    }
  }

  Counters counters;

 private:
  static Poller make_poller() {
    Result<Poller> poller = Poller::create();
    if (!poller.ok()) fail("poller");
    return std::move(poller.value());
  }

  uint32_t poll(int64_t timeout_ns) {
    Result<uint32_t> n = poller_.wait(events_, timeout_ns);
    if (!n.ok()) fail("wait");
    ++counters.waits;
    for (uint32_t i = 0; i < n.value(); ++i) {
      if ((events_[i].ready & kReadable) != 0) read_from(*static_cast<Connection*>(events_[i].token));
    }
    return n.value();
  }

  void read_from(Connection& c) {
    for (;;) {
      const ssize_t n = recv(c.receiver.fd(), buffer_.data(), buffer_.size(), 0);
      ++counters.reads;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) fail("recv");
      c.received += static_cast<uint64_t>(n);
      counters.bytes += static_cast<uint64_t>(n);
      if (way_ == Way::kLevel) return;
      if (way_ == Way::kEdgeShortRead && static_cast<size_t>(n) < buffer_.size()) return;
    }
  }

  Poller poller_;
  Way way_;
  std::vector<uint8_t> buffer_;
  std::array<PollEvent, 128> events_;
};

void send_message(const Connection& c) {
  static const std::array<uint8_t, kMessage> message{};
  if (send(c.sender.fd(), message.data(), message.size(), 0) != static_cast<ssize_t>(message.size())) fail("send");
}

struct Outcome {
  double messages_per_second;
  double syscalls_per_message;
  double waits_per_message;
};

Outcome outcome(uint64_t messages, int64_t took_ns, const Counters& c) {
  const auto count = static_cast<double>(messages);
  return {count * 1e9 / static_cast<double>(took_ns), static_cast<double>(c.waits + c.reads) / count,
          static_cast<double>(c.waits) / count};
}

Outcome run_batches(size_t sockets, Way way, uint64_t messages) {
  std::vector<Connection> connections = connect_pairs(sockets);
  Receiver receiver(connections, way);
  const uint64_t rounds = std::max<uint64_t>(messages / sockets, 1);
  int64_t took = 0;
  for (uint64_t round = 1; round <= rounds; ++round) {
    for (const Connection& c : connections) send_message(c);
    const int64_t before = mono_ns();
    receiver.receive_until(round * sockets * kMessage);
    took += mono_ns() - before;
  }
  return outcome(rounds * sockets, took, receiver.counters);
}

Outcome run_stream(size_t sockets, Way way, uint64_t messages) {
  std::vector<Connection> connections = connect_pairs(sockets);
  Receiver receiver(connections, way);
  const uint64_t rounds = std::max<uint64_t>(messages / sockets, 1);
  const int64_t before = mono_ns();
  std::thread sender([&] {
    for (uint64_t round = 0; round < rounds; ++round) {
      for (const Connection& c : connections) send_message(c);
    }
  });
  receiver.receive_until(rounds * sockets * kMessage);
  const int64_t took = mono_ns() - before;
  sender.join();
  return outcome(rounds * sockets, took, receiver.counters);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void print(const std::string& metric, const char* unit, bool more_is_better, const std::array<double, kWays>& values) {
  std::string peers;
  std::string ratios;
  for (size_t way = 1; way < kWays; ++way) {
    const double ratio = more_is_better ? values[0] / values[way] : values[way] / values[0];
    char text[96];
    std::snprintf(text, sizeof text, "%s\"%s\":%.3f", way == 1 ? "" : ",", kWayNames[way], values[way]);
    peers += text;
    std::snprintf(text, sizeof text, "%s\"%s\":%.3f", way == 1 ? "" : ",", kWayNames[way], ratio);
    ratios += text;
  }
  std::printf("{\"bench\":\"trigger\",\"metric\":\"%s\",\"unit\":\"%s\",\"ours\":%.3f,\"peers\":{%s},\"ratio\":{%s}}\n",
              metric.c_str(), unit, values[0], peers.c_str(), ratios.c_str());
}

void compare(const std::string& prefix, size_t sockets, int runs, uint64_t messages,
             Outcome (*run)(size_t, Way, uint64_t)) {
  std::array<std::vector<double>, kWays> rate;
  std::array<std::vector<double>, kWays> syscalls;
  std::array<std::vector<double>, kWays> waits;
  for (int i = -1; i < runs; ++i) {  // the first round warms up
    for (size_t way = 0; way < kWays; ++way) {
      const size_t turn = (way + static_cast<size_t>(i + 1)) % kWays;  // nobody always goes first
      const Outcome o = run(sockets, static_cast<Way>(turn), messages);
      if (i < 0) continue;
      rate[turn].push_back(o.messages_per_second);
      syscalls[turn].push_back(o.syscalls_per_message);
      waits[turn].push_back(o.waits_per_message);
    }
  }
  const auto medians = [](const std::array<std::vector<double>, kWays>& of) {
    std::array<double, kWays> values{};
    std::transform(of.begin(), of.end(), values.begin(), median);
    return values;
  };
  const std::string n = std::to_string(sockets);
  print(prefix + "msgs-per-sec-" + n, "msg/s", true, medians(rate));
  print(prefix + "syscalls-per-msg-" + n, "syscalls/msg", false, medians(syscalls));
  print(prefix + "wakeups-per-msg-" + n, "waits/msg", false, medians(waits));
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 5;
  const long messages = argc > 2 ? std::atol(argv[2]) : 50'000;
  if (runs < 1 || messages < 1) {
    std::fprintf(stderr, "usage: %s [runs] [messages per run]\n", argv[0]);
    return 2;
  }
  for (const size_t sockets : {size_t{1}, size_t{16}, size_t{256}}) {
    compare("", sockets, runs, static_cast<uint64_t>(messages), run_batches);
    compare("stream-", sockets, runs, static_cast<uint64_t>(messages), run_stream);
    std::fflush(stdout);
  }
  return 0;
}
