// A connection attempt on a loop of its own, with names, silent hosts and proxies made up for it.
#pragma once
#include <dirent.h>
#include <doctest/doctest.h>
#include <netdb.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "net/connect_attempt.h"
#include "net/connector.h"
#include "tls_peer.h"

namespace tickwire::net_test {

inline constexpr int64_t kMs = 1'000'000;

inline size_t open_descriptors() {
  size_t n = 0;
  DIR* dir = ::opendir("/dev/fd");
  REQUIRE(dir != nullptr);
  while (::readdir(dir) != nullptr) ++n;
  ::closedir(dir);
  return n;
}

// A resolver with a table; names that are not in it never get an answer while the test lasts.
struct Names {
  // Shared with the lookups, which may end after the test.
  struct State {
    std::map<std::string, std::vector<std::string>> table;
    std::mutex mutex;
    std::condition_variable over;
    bool released = false;
    std::atomic<int> lookups{0};

    Result<Resolver::Addresses> look_up(const std::string& host) {
      ++lookups;
      std::unique_lock lock(mutex);
      const auto found = table.find(host);
      if (found == table.end()) {
        over.wait(lock, [this] { return released; });
        return Error{Errc::kDns, EAI_AGAIN, "no answer"};
      }
      if (found->second.empty()) return Error{Errc::kDns, EAI_NONAME, "no such name"};
      Resolver::Addresses out;
      for (const auto& text : found->second) out.push_back(*SocketAddress::parse(text, 0));
      return out;
    }
  };
  std::shared_ptr<State> state = std::make_shared<State>();
  Resolver resolver{options()};

  Resolver::Options options() const {
    Resolver::Options o;
    o.lookup = [state = state](const std::string& host) { return state->look_up(host); };
    return o;
  }
  [[nodiscard]] int lookups() const { return state->lookups; }
  void set(const std::string& host, std::vector<std::string> addresses) {
    const std::lock_guard lock(state->mutex);
    state->table[host] = std::move(addresses);
  }
  ~Names() {
    {
      const std::lock_guard lock(state->mutex);
      state->released = true;
    }
    state->over.notify_all();
  }
};

// Accepts nothing and has no room to queue: a connect() to it hangs.
class BlackHole {
 public:
  BlackHole(const std::string& host, uint16_t port) : listener_(host, port, 0) {
    const auto address = SocketAddress::parse(host, listener_.port());
    for (int i = 0; i < 8; ++i) {
      auto fd = open_tcp_socket(AF_INET, {});
      REQUIRE(fd.ok());
      if (::connect(fd.value().get(), address->raw(), address->length) != 0 &&
          !wait_for(fd.value().get(), POLLOUT, 20)) {
        full_ = true;
      }
      fillers_.push_back(std::move(fd.value()));
      if (full_) return;
    }
  }
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] uint16_t port() const { return listener_.port(); }

 private:
  Listener listener_;
  std::vector<Fd> fillers_;
  bool full_ = false;
};

struct Outcome final : ConnectListener {
  int calls = 0;
  std::unique_ptr<Stream> stream;
  StreamInfo info;
  Error error;
  std::unique_ptr<Connector> connector;
  bool destroy_inside = true;

  void on_connected(std::unique_ptr<Stream> s, const StreamInfo& i) override {
    ++calls;
    stream = std::move(s);
    info = i;
    if (destroy_inside) connector.reset();
  }
  void on_connect_failed(const Error& e) override {
    ++calls;
    error = e;
    if (destroy_inside) connector.reset();
  }
};

struct ConnectRig {
  std::unique_ptr<Loop> loop;
  Names names;
  ConnectTarget target;

  ConnectRig() {
    auto made = Loop::create();
    REQUIRE(made.ok());
    loop = std::move(made.value());
    target.timeout_ns = 5'000 * kMs;
  }
  void begin(Outcome& outcome) {
    outcome.connector = ConnectAttempt::launch(*loop, target, outcome, names.resolver);
    CHECK(outcome.calls == 0);  // never from inside start
  }
  void run_for(int64_t ns) {
    const int64_t end = mono_ns() + ns;
    while (mono_ns() < end) loop->run_once(kMs);
  }
  int64_t finish(Outcome& outcome) {
    const int64_t began = mono_ns();
    while (outcome.calls == 0 && mono_ns() - began < 10'000 * kMs) loop->run_once(20 * kMs);
    const int64_t took = mono_ns() - began;
    REQUIRE(outcome.calls == 1);
    run_for(2 * kMs);
    CHECK(outcome.calls == 1);
    return took;
  }
  int64_t connect(Outcome& outcome) {
    begin(outcome);
    return finish(outcome);
  }
  Errc failure() {
    Outcome outcome;
    connect(outcome);
    INFO(outcome.error.text);
    CHECK(outcome.stream == nullptr);
    CHECK_FALSE(outcome.error.text.empty());
    return outcome.error.code;
  }
};

inline std::string read_exactly(Stream& stream, size_t n) {
  std::string out;
  uint8_t buffer[4096];
  int64_t stamp = 0;
  while (out.size() < n) {
    const IoResult r = stream.read({buffer, std::min(sizeof buffer, n - out.size())}, stamp);
    if (r.status == IoStatus::kOk) {
      out.append(reinterpret_cast<char*>(buffer), r.bytes);
    } else if (r.status != IoStatus::kAgain || !wait_for(stream.fd(), POLLIN)) {
      break;
    }
  }
  return out;
}

inline void say(Stream& stream, std::string_view text) {
  const iovec one{const_cast<char*>(text.data()), text.size()};
  CHECK(stream.write({&one, 1}).bytes == text.size());
}

inline void echo_tcp(Fd& fd) {
  char buffer[4096];
  ssize_t n;
  while ((n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0) send_all(fd.get(), {buffer, static_cast<size_t>(n)});
}

inline void echo_tls(SSL* ssl, Fd&) {
  char buffer[4096];
  int n;
  while ((n = SSL_read(ssl, buffer, sizeof buffer)) > 0) SSL_write(ssl, buffer, n);
}

inline uint16_t unused_port() { return Listener().port(); }

inline std::shared_ptr<TlsContext> trusting_context(bool only_tls13 = false) {
  TlsOptions options;
  options.ca_pem = test_authority().pem();
  options.only_tls13 = only_tls13;
  options.alpn = {"http/1.1"};
  auto r = TlsContext::create(options);
  REQUIRE(r.ok());
  return r.value();
}

// Answers a CONNECT with `answer`; when `onward` is set, tunnels to that port afterwards.
inline TcpPeer::Serve proxy(std::string answer, uint16_t onward = 0, std::string* request = nullptr,
                            bool drip = false) {
  return [=](Fd& fd) {
    const std::string got = receive_until(fd.get(), "\r\n\r\n");
    if (request != nullptr) *request = got;
    if (drip) {
      for (const char& c : answer) {
        send_all(fd.get(), {&c, 1});
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    } else {
      send_all(fd.get(), answer);
    }
    char buffer[4096];
    if (onward == 0) {
      while (::recv(fd.get(), buffer, sizeof buffer, 0) > 0) {
      }
      return;
    }
    const Fd up = connect_to(onward);
    for (;;) {
      pollfd both[] = {{fd.get(), POLLIN, 0}, {up.get(), POLLIN, 0}};
      if (::poll(both, 2, 5000) <= 0) return;
      for (int i = 0; i < 2; ++i) {
        if (both[i].revents == 0) continue;
        const ssize_t n = ::recv(both[i].fd, buffer, sizeof buffer, 0);
        if (n <= 0) return;
        send_all(both[1 - i].fd, {buffer, static_cast<size_t>(n)});
      }
    }
  };
}

inline constexpr const char* kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

}  // namespace tickwire::net_test
