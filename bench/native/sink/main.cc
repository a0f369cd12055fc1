// The other half of the hub's benchmarks: thousands of WebSocket subscribers in one thread, as cheap as they can be
// made, that check and count what they get. Stand-alone; says `ready` as a JSON line once all are subscribed, then
// answers the commands on stdin (see options.cc) with a JSON line each, and ends with its parent.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "loop/poller.h"
#include "sink/connection.h"
#include "sink/options.h"
#include "sink/report.h"

namespace sink {

namespace {

using tickwire::Poller;
using tickwire::PollEvent;
using tickwire::Result;

constexpr size_t kOpeningAtOnce = 64;
constexpr int64_t kOpeningPatienceNs = 30'000'000'000;
constexpr int64_t kAllowanceEveryNs = 20'000'000;  // how often a slow class may read

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

Poller make_poller() {
  Result<Poller> poller = Poller::create();
  if (!poller.ok()) fail("poller");
  return std::move(poller.value());
}

// As many descriptors as there are connections; the hard limit can be raised by root only.
void allow_descriptors(rlim_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("cannot have as many descriptors");
}

Conversation conversation_of(const Options& options, const ClassOptions& each) {
  Conversation made;
  made.request = "GET " + (each.path.empty() ? options.path : each.path) + " HTTP/1.1\r\nHost: " + options.host + ":" +
                 std::to_string(options.port) +
                 "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (!options.subscribe.empty()) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(options.subscribe.data());
    made.subscribe = client_frame(1, {bytes, options.subscribe.size()});
  }
  made.expect = options.expect;
  made.sample = options.sample;
  return made;
}

class Sink {
 public:
  explicit Sink(const Options& options) : options_(options), poller_(make_poller()) {
    size_t total = 0;
    for (const ClassOptions& each : options.classes) total += each.connections;
    allow_descriptors(total + 64);
    for (const ClassOptions& each : options.classes) {
      auto made = std::make_unique<Class>();
      made->options = each;
      made->tally.name = each.name;
      made->conversation = conversation_of(options, each);
      classes_.push_back(std::move(made));
    }
    if (!poller_.add(STDIN_FILENO, this, tickwire::Trigger::kLevel).ok()) fail("stdin");
  }

  void run() {
    open_all();
    std::printf("{\"ready\":%zu}\n", connections_.size());
    std::fflush(stdout);
    for (;;) {
      poll(any_limited_ ? kAllowanceEveryNs : -1);
      if (any_limited_) spend_allowances();
    }
  }

 private:
  struct Class {
    ClassOptions options;
    Tally tally;
    Conversation conversation;
    std::vector<std::unique_ptr<Connection>> connections;
    bool is_stalled = false;
    int64_t refilled_ns = 0;

    [[nodiscard]] bool reads_freely() const { return !is_stalled && options.bytes_per_second == 0; }
  };
  struct Member {
    Connection* connection;
    Class* of;
  };

  void open_all() {
    size_t total = 0;
    for (const auto& each : classes_) total += each->options.connections;
    connections_.reserve(total);  // their addresses are the poller's tokens
    const int64_t deadline = tickwire::mono_ns() + kOpeningPatienceNs;
    for (const auto& each : classes_) {
      for (uint32_t i = 0; i < each->options.connections; ++i) {
        open_one(*each);
        while (opening() >= kOpeningAtOnce) wait_for_opening(deadline);
      }
    }
    while (opening() > 0) wait_for_opening(deadline);
    for (const auto& each : classes_) {
      each->refilled_ns = tickwire::mono_ns();
      any_limited_ = any_limited_ || each->options.bytes_per_second > 0;
    }
    is_open_ = true;
  }

  void open_one(Class& of) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("socket");
    if (options_.receive_buffer > 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options_.receive_buffer, sizeof options_.receive_buffer) != 0) {
      fail("SO_RCVBUF");
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    if (inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) fail("--host takes an IPv4 address");
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      fail("connect");
    }
    const auto index = static_cast<uint32_t>(connections_.size());
    of.connections.push_back(std::make_unique<Connection>(fd, index, of.tally, of.conversation));
    connections_.push_back({of.connections.back().get(), &of});
    if (!poller_.add(fd, &connections_.back()).ok()) fail("poller");
  }

  // Connections that do not stream yet; they are at the end mostly, but not in order.
  size_t opening() {
    while (opened_ < connections_.size() && connections_[opened_].connection->phase() == Phase::kStreaming) ++opened_;
    return connections_.size() - opened_;
  }

  void wait_for_opening(int64_t deadline) {
    if (tickwire::mono_ns() > deadline) {
      std::fprintf(stderr, "only %zu connections stream\n", opened_);
      std::exit(1);
    }
    poll(100'000'000);
  }

  void poll(int64_t timeout_ns) {
    Result<uint32_t> n = poller_.wait(events_, timeout_ns);
    if (!n.ok()) fail("wait");
    for (uint32_t i = 0; i < n.value(); ++i) {
      if (events_[i].token == this) {
        read_commands();
        continue;
      }
      const Member& member = *static_cast<Member*>(events_[i].token);
      Connection& connection = *member.connection;
      if (connection.phase() == Phase::kConnecting) connection.on_writable();
      if ((events_[i].ready & (tickwire::kReadable | tickwire::kHangup | tickwire::kError)) == 0) continue;
      if (is_open_ && !member.of->reads_freely()) {
        connection.has_unread = true;
        // Who does not read learns of its end all the same, when the server cuts the connection.
        if ((events_[i].ready & tickwire::kError) != 0) connection.cut();
      } else {
        connection.read(buffer_);
      }
    }
  }

  // A slow class reads now and then as much as it may; what it does not take stays in the kernel.
  void spend_allowances() {
    const int64_t now = tickwire::mono_ns();
    for (const auto& each : classes_) {
      if (each->is_stalled || each->options.bytes_per_second == 0) continue;
      const double seconds = static_cast<double>(now - each->refilled_ns) / 1e9;
      const auto budget = static_cast<size_t>(seconds * static_cast<double>(each->options.bytes_per_second));
      if (now - each->refilled_ns < kAllowanceEveryNs || budget == 0) continue;
      each->refilled_ns = now;
      for (const auto& connection : each->connections) {
        if (connection->has_unread) connection->read(buffer_, budget);
      }
    }
  }

  void read_commands() {
    std::array<char, 1024> bytes;
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) std::exit(0);  // nobody is left to report to
    commands_.append(bytes.data(), static_cast<size_t>(n));
    size_t end;
    while ((end = commands_.find('\n')) != std::string::npos) {
      const std::string line = commands_.substr(0, end);
      commands_.erase(0, end + 1);
      obey(line);
    }
  }

  void obey(std::string_view line) {
    const std::string_view verb = line.substr(0, line.find(' '));
    const std::string_view name = verb.size() < line.size() ? line.substr(verb.size() + 1) : "";
    if (verb == "quit") std::exit(0);
    if (verb == "report") {
      report();
      return;
    }
    const auto found =
        std::find_if(classes_.begin(), classes_.end(), [&](const auto& each) { return each->options.name == name; });
    if ((verb != "stall" && verb != "resume") || found == classes_.end()) {
      std::fprintf(stderr, "no such command: %.*s\n", static_cast<int>(line.size()), line.data());
      std::exit(2);
    }
    Class& of = **found;
    of.is_stalled = verb == "stall";
    of.refilled_ns = tickwire::mono_ns();
    if (of.reads_freely()) {
      for (const auto& connection : of.connections) {
        if (connection->has_unread) connection->read(buffer_);
      }
    }
    std::printf("{\"done\":\"%.*s\"}\n", static_cast<int>(verb.size()), verb.data());
    std::fflush(stdout);
  }

  void report() {
    uint64_t newest = 0;
    for (const Member& member : connections_) newest = std::max(newest, member.connection->last());
    std::vector<ClassReport> reports;
    for (const auto& each : classes_) {
      ClassReport& made = reports.emplace_back();
      made.tally = &each->tally;
      made.connections = each->connections.size();
      for (const auto& connection : each->connections) {
        if (connection->phase() == Phase::kStreaming) ++made.open;
        made.lags.push_back(newest - connection->last());
        made.messages.push_back(connection->messages());
      }
    }
    print_report(newest, reports);
    for (const auto& each : classes_) each->tally.latency.clear();
  }

  Options options_;
  Poller poller_;
  ReadBuffer buffer_;
  std::vector<std::unique_ptr<Class>> classes_;
  std::vector<Member> connections_;
  std::array<PollEvent, 512> events_;
  std::string commands_;
  size_t opened_ = 0;
  bool is_open_ = false;
  bool any_limited_ = false;
};

}  // namespace

}  // namespace sink

int main(int argc, char** argv) {
  // Writing to a connection that is gone is an error like any other.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) std::perror("signal");
  sink::Sink(sink::parse_options(argc, argv)).run();
}
