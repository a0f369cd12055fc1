#include "loop/poller.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

using namespace tickwire;

namespace {

constexpr int64_t kMs = 1'000'000;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pair {
  Fd ours, theirs;
};

void unblock(int fd) { REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0); }

Pair unix_pair() {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  unblock(fds[0]);
  unblock(fds[1]);
  return {Fd(fds[0]), Fd(fds[1])};
}

Pair tcp_pair() {
  Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(bind(listener.get(), generic, length) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), generic, &length) == 0);
  Fd client(socket(AF_INET, SOCK_STREAM, 0));
  REQUIRE(connect(client.get(), generic, length) == 0);
  Fd server(accept(listener.get(), nullptr, nullptr));
  REQUIRE(server.get() >= 0);
  unblock(client.get());
  unblock(server.get());
  return {std::move(client), std::move(server)};
}

Poller make_poller() {
  Result<Poller> poller = Poller::create();
  REQUIRE(poller.ok());
  return std::move(poller.value());
}

uint32_t wait(Poller& poller, std::span<PollEvent> out, int64_t timeout_ns = 0) {
  Result<uint32_t> n = poller.wait(out, timeout_ns);
  REQUIRE(n.ok());
  return n.value();
}

// Ready bits for `token`, 0 when there were none.
uint32_t ready_of(Poller& poller, const void* token, int64_t timeout_ns = 0) {
  std::array<PollEvent, 16> events;
  const uint32_t n = wait(poller, events, timeout_ns);
  for (uint32_t i = 0; i < n; ++i) {
    if (events[i].token == token) return events[i].ready;
  }
  return 0;
}

void send_text(int fd, const std::string& text) {
  REQUIRE(write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string drain(int fd) {
  std::string all;
  char bytes[64];
  for (;;) {
    const ssize_t n = read(fd, bytes, sizeof bytes);
    if (n <= 0) return all;
    all.append(bytes, static_cast<size_t>(n));
  }
}

}  // namespace

TEST_CASE("an edge is reported once, a new arrival again") {
  Poller poller = make_poller();
  Pair pair = unix_pair();
  int token;
  REQUIRE(poller.add(pair.ours.get(), &token).ok());
  CHECK(ready_of(poller, &token) == kWritable);  // present readiness counts as the first edge
  CHECK(ready_of(poller, &token) == 0);
  send_text(pair.theirs.get(), "a");
  CHECK((ready_of(poller, &token, 1000 * kMs) & kReadable) != 0);
  CHECK(ready_of(poller, &token) == 0);  // unread, but not an edge
  send_text(pair.theirs.get(), "b");
  CHECK((ready_of(poller, &token, 1000 * kMs) & kReadable) != 0);  // an edge although "a" was not read yet
  CHECK(drain(pair.ours.get()) == "ab");
  CHECK(ready_of(poller, &token) == 0);
}

TEST_CASE("a level is reported until it is gone, and never for writing") {
  Poller poller = make_poller();
  Pair pair = unix_pair();
  int token;
  REQUIRE(poller.add(pair.ours.get(), &token, Trigger::kLevel).ok());
  CHECK(ready_of(poller, &token) == 0);
  send_text(pair.theirs.get(), "a");
  for (int i = 0; i < 3; ++i) CHECK(ready_of(poller, &token, 1000 * kMs) == kReadable);
  CHECK(drain(pair.ours.get()) == "a");
  CHECK(ready_of(poller, &token) == 0);
}

TEST_CASE("data that came before the registration is reported") {
  for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel}) {
    Poller poller = make_poller();
    Pair pair = unix_pair();
    send_text(pair.theirs.get(), "early");
    int token;
    REQUIRE(poller.add(pair.ours.get(), &token, trigger).ok());
    CHECK((ready_of(poller, &token, 1000 * kMs) & kReadable) != 0);
  }
}

TEST_CASE("writability returns as an edge once a full socket drains") {
  Poller poller = make_poller();
  Pair pair = unix_pair();
  int token;
  REQUIRE(poller.add(pair.ours.get(), &token).ok());
  CHECK(ready_of(poller, &token) == kWritable);
  const std::string block(4096, 'x');
  while (write(pair.ours.get(), block.data(), block.size()) > 0) {
  }
  REQUIRE((errno == EAGAIN || errno == ENOBUFS));
  CHECK((ready_of(poller, &token) & kWritable) == 0);
  drain(pair.theirs.get());
  CHECK((ready_of(poller, &token, 1000 * kMs) & kWritable) != 0);
}

TEST_CASE("rearm reports present readiness anew, to the new token only") {
  Poller poller = make_poller();
  Pair pair = unix_pair();
  int first, second;
  REQUIRE(poller.add(pair.ours.get(), &first).ok());
  send_text(pair.theirs.get(), "a");
  CHECK((ready_of(poller, &first, 1000 * kMs) & kReadable) != 0);
  CHECK(ready_of(poller, &first) == 0);
  REQUIRE(poller.rearm(pair.ours.get(), &second).ok());
  std::array<PollEvent, 16> events;
  REQUIRE(wait(poller, events, 1000 * kMs) == 1);  // reading and writing come as one event
  CHECK(events[0].token == &second);
  CHECK(events[0].ready == (kReadable | kWritable));
  CHECK(wait(poller, events) == 0);

  REQUIRE(poller.rearm(pair.ours.get(), &first, Trigger::kLevel).ok());
  for (int i = 0; i < 3; ++i) CHECK(ready_of(poller, &first, 1000 * kMs) == kReadable);
  REQUIRE(poller.rearm(pair.ours.get(), &second, Trigger::kEdge).ok());
  CHECK(ready_of(poller, &second, 1000 * kMs) == (kReadable | kWritable));
  CHECK(ready_of(poller, &second) == 0);
}

TEST_CASE("a removed descriptor is silent and may be added again") {
  Poller poller = make_poller();
  Pair pair = unix_pair();
  int token;
  for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel, Trigger::kEdge}) {
    REQUIRE(poller.add(pair.ours.get(), &token, trigger).ok());
    send_text(pair.theirs.get(), "a");
    REQUIRE(poller.remove(pair.ours.get()).ok());
    CHECK(ready_of(poller, &token) == 0);
  }
  CHECK(!poller.remove(pair.ours.get()).ok());
}

TEST_CASE("a closing peer is a hang-up that reads as such") {
  const struct {
    bool tcp;
    bool half;  // only the writing side
  } table[] = {{false, false}, {false, true}, {true, false}, {true, true}};
  for (const auto& row : table) {
    for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel}) {
      Poller poller = make_poller();
      Pair pair = row.tcp ? tcp_pair() : unix_pair();
      int token;
      REQUIRE(poller.add(pair.ours.get(), &token, trigger).ok());
      CHECK((ready_of(poller, &token) & kHangup) == 0);
      send_text(pair.theirs.get(), "last");
      if (row.half) {
        shutdown(pair.theirs.get(), SHUT_WR);
      } else {
        pair.theirs.reset();
      }
      uint32_t ready = 0;
      const int64_t until = mono_ns() + 2000 * kMs;
      while ((ready & kHangup) == 0 && mono_ns() < until) ready = ready_of(poller, &token, 100 * kMs);
      CHECK((ready & (kHangup | kReadable)) == (kHangup | kReadable));
      CHECK(drain(pair.ours.get()) == "last");
      char byte;
      CHECK(read(pair.ours.get(), &byte, 1) == 0);
    }
  }
}

TEST_CASE("a reset connection is reported as something to read") {
  Poller poller = make_poller();
  Pair pair = tcp_pair();
  int token;
  REQUIRE(poller.add(pair.ours.get(), &token).ok());
  CHECK(ready_of(poller, &token) == kWritable);
  const linger now{1, 0};
  REQUIRE(setsockopt(pair.theirs.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  pair.theirs.reset();
  CHECK((ready_of(poller, &token, 2000 * kMs) & (kReadable | kHangup)) == (kReadable | kHangup));
  char byte;
  CHECK(read(pair.ours.get(), &byte, 1) == -1);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("impossible descriptors are refused") {
  Poller poller = make_poller();
  int token;
  CHECK(poller.add(-1, &token).error().detail == EBADF);
  CHECK(!poller.rearm(-1, &token).ok());
  CHECK(!poller.remove(-1).ok());
  Pair pair = unix_pair();
  CHECK(!poller.rearm(pair.ours.get(), &token).ok());  // never added
  const Result<uint32_t> n = poller.wait({}, 0);
  REQUIRE(!n.ok());
  CHECK(n.error().detail == EINVAL);
}

TEST_CASE("more events than room are spread over several waits, none lost, none doubled") {
  Poller poller = make_poller();
  std::vector<Pair> pairs;
  pairs.reserve(40);  // their addresses are the tokens
  for (int i = 0; i < 40; ++i) {
    pairs.push_back(unix_pair());
    REQUIRE(poller.add(pairs.back().ours.get(), &pairs[0] + i, Trigger::kEdge).ok());
  }
  std::array<PollEvent, 7> room;
  uint32_t n;
  while ((n = wait(poller, room)) > 0) {
  }
  for (Pair& pair : pairs) send_text(pair.theirs.get(), "x");
  std::vector<int> seen(40);
  while ((n = wait(poller, room)) > 0) {
    REQUIRE(n <= room.size());
    for (uint32_t i = 0; i < n; ++i) {
      if ((room[i].ready & kReadable) == 0) continue;
      for (size_t k = 0; k < pairs.size(); ++k) seen[k] += room[i].token == &pairs[0] + k ? 1 : 0;
    }
  }
  for (const int count : seen) CHECK(count == 1);
}

TEST_CASE("a wait keeps its timeout to the fraction of a millisecond, and never ends early") {
  Poller poller = make_poller();
  std::array<PollEvent, 4> events;
  for (const int64_t timeout : {int64_t{1}, int64_t{100'000}, int64_t{300'000}, kMs, 3 * kMs + 7, 20 * kMs}) {
    const int64_t before = mono_ns();
    CHECK(wait(poller, events, timeout) == 0);
    const int64_t took = mono_ns() - before;
    CHECK(took >= timeout);
    CHECK(took < timeout + 500 * kMs);
  }
  const int64_t before = mono_ns();
  for (int i = 0; i < 100; ++i) CHECK(wait(poller, events, 0) == 0);
  CHECK(mono_ns() - before < 500 * kMs);
}

TEST_CASE("a wake-up before the wait ends it, once, and shows no event") {
  Poller poller = make_poller();
  std::array<PollEvent, 4> events;
  for (int i = 0; i < 5; ++i) poller.wake();
  const int64_t before = mono_ns();
  CHECK(wait(poller, events, -1) == 0);
  CHECK(mono_ns() - before < 1000 * kMs);
  const int64_t again = mono_ns();
  CHECK(wait(poller, events, 20 * kMs) == 0);
  CHECK(mono_ns() - again >= 20 * kMs);  // the five were one
}

TEST_CASE("a wake-up from another thread ends endless and very long waits") {
  for (const int64_t timeout : {int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{3600} * 1000 * kMs}) {
    Poller poller = make_poller();
    std::thread waker([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      poller.wake();
    });
    std::array<PollEvent, 4> events;
    const int64_t before = mono_ns();
    CHECK(wait(poller, events, timeout) == 0);
    CHECK(mono_ns() - before >= 5 * kMs);
    waker.join();
  }
}

TEST_CASE("a signal counts as no event") {
  Poller poller = make_poller();
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = [](int) {};
  REQUIRE(sigaction(SIGUSR2, &action, &old) == 0);
  const pthread_t self = pthread_self();
  std::atomic<bool> done{false};
  std::thread sender([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      pthread_kill(self, SIGUSR2);
    }
  });
  std::array<PollEvent, 4> events;
  CHECK(wait(poller, events, -1) == 0);
  done = true;
  sender.join();
  REQUIRE(sigaction(SIGUSR2, &old, nullptr) == 0);
}

TEST_CASE("the poller's own descriptor can be watched: readable while an event waits") {
  Poller poller = make_poller();
  const auto waiting = [&](int timeout_ms) {
    pollfd watched{poller.fd(), POLLIN, 0};
    return ::poll(&watched, 1, timeout_ms) == 1;
  };
  CHECK(!waiting(0));
  poller.wake();
  CHECK(waiting(1000));
  std::array<PollEvent, 4> events;
  CHECK(wait(poller, events) == 0);
  CHECK(!waiting(0));
  Pair pair = unix_pair();
  int token;
  REQUIRE(poller.add(pair.ours.get(), &token).ok());
  CHECK(waiting(1000));
  while (wait(poller, events) > 0) {
  }
  CHECK(!waiting(0));
  send_text(pair.theirs.get(), "a");
  CHECK(waiting(1000));
  CHECK(wait(poller, events) == 1);
  CHECK(!waiting(0));  // an edge that was taken, though nothing was read
}

TEST_CASE("one poller watches another by level") {
  Poller outer = make_poller();
  Poller inner = make_poller();
  int token;
  REQUIRE(outer.add(inner.fd(), &token, Trigger::kLevel).ok());
  CHECK(ready_of(outer, &token) == 0);
  inner.wake();
  CHECK(ready_of(outer, &token, 1000 * kMs) == kReadable);
  CHECK(ready_of(outer, &token, 1000 * kMs) == kReadable);
  std::array<PollEvent, 4> events;
  CHECK(wait(inner, events) == 0);
  CHECK(ready_of(outer, &token) == 0);
}

TEST_CASE("a moved poller keeps its registrations, the empty one fails") {
  Poller first = make_poller();
  Pair pair = unix_pair();
  int token;
  REQUIRE(first.add(pair.ours.get(), &token).ok());
  Poller second(std::move(first));
  CHECK(ready_of(second, &token) == kWritable);
  Poller third = make_poller();
  third = std::move(second);
  Poller& same = third;
  third = std::move(same);
  send_text(pair.theirs.get(), "a");
  CHECK((ready_of(third, &token, 1000 * kMs) & kReadable) != 0);
  third.wake();
  std::array<PollEvent, 4> events;
  CHECK(wait(third, events, -1) == 0);
  first.wake();  // NOLINT(bugprone-use-after-move): must do no harm
  const Result<uint32_t> n = first.wait(events, 0);
  CHECK(!n.ok());
}
