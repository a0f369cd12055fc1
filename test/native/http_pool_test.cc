#include <doctest/doctest.h>

#include <set>

#include "http/pool.h"
#include "http_connection_rig.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;
using namespace tickwire::http_rig;
using net_test::receive_until;
using net_test::send_all;

constexpr int64_t kMs = 1'000'000;

// Writes down what a pool says; takes nothing while `full` is set.
struct Reader final : PoolListener {
  bool on_response(const Response& response) override {
    if (full) return false;
    CHECK(ids.insert(response.id).second);
    ++responses;
    body.assign(response.body.begin(), response.body.end());
    reused += response.reused ? 1 : 0;
    return true;
  }
  size_t on_piece(RequestId, std::span<const uint8_t> piece) override {
    if (full) return 0;
    // Never all at once: the rest must come again.
    const size_t taken = std::min<size_t>(piece.size(), 1000);
    body.append(piece.begin(), piece.begin() + static_cast<ptrdiff_t>(taken));
    return taken;
  }
  bool on_end(RequestId) override {
    ends += full ? 0 : 1;
    return !full;
  }
  bool on_failed(RequestId id, const Error& error, Sent s) override {
    if (full) return false;
    failed_id = id;
    ++failures;
    code = error.code;
    sent = s;
    ids.insert(id);
    return true;
  }
  void on_batch_end() override { ++batches; }
  void on_connection(bool open, const StreamInfo&, uint8_t, const Error&) override { opened += open ? 1 : 0; }

  bool full = false;
  std::set<RequestId> ids;
  std::string body;
  int responses = 0, failures = 0, ends = 0, batches = 0, opened = 0, reused = 0;
  Errc code = Errc::kNone;
  Sent sent = Sent::kMaybe;
  RequestId failed_id = 0;
};

void answer_all(Fd& fd, const std::string& body) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  while (!receive_until(fd.get(), "\r\n\r\n").empty()) send_all(fd.get(), answer);
}

struct Rig {
  explicit Rig(uint16_t port, PoolOptions options = {}) {
    auto made = Loop::create();
    REQUIRE(made.ok());
    loop = std::move(made.value());
    options.target.host = "127.0.0.1";
    options.target.port = port;
    options.authority = "test.example";
    auto created = Pool::create(*loop, std::move(options), reader);
    REQUIRE(created.ok());
    pool = std::move(created.value());
  }
  bool until(const std::function<bool()>& reached) { return run_until(*loop, reached, 20'000); }

  Reader reader;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Pool> pool;
};

PoolOptions one_connection() {
  PoolOptions options;
  options.max_connections = 1;
  return options;
}

}  // namespace

TEST_CASE("http pool: requests of several threads share its connections and each is answered once") {
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  net_test::TcpPeer peer([](Fd& fd) { answer_all(fd, "ok"); });
  {
    Rig rig(peer.port(), one_connection());
    std::atomic<int> refused{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < kThreads; ++t) {
      callers.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          while (true) {
            const auto sent = rig.pool->request(get("/x"), {});
            if (sent.ok()) break;
            if (sent.error().code != Errc::kHttpQueueFull) ++refused;
            std::this_thread::yield();
          }
        }
      });
    }
    const bool all = rig.until([&] { return rig.reader.responses == kThreads * kEach; });
    for (auto& caller : callers) caller.join();
    CHECK(all);
    CHECK(refused == 0);
    CHECK(rig.reader.failures == 0);
    CHECK(rig.reader.opened == 1);
    CHECK(rig.pool->idle());
    CHECK(rig.pool->counters().in_flight == 0);
    rig.pool->abort({Errc::kAborted, 0, {}});
  }
}

TEST_CASE("http pool: a reader that is full gets everything later, in order and once") {
  const std::string body(50'000, 'b');
  net_test::TcpPeer peer([&](Fd& fd) { answer_all(fd, body); });
  {
    Rig rig(peer.port(), one_connection());
    rig.reader.full = true;
    REQUIRE(rig.pool->request(get("/1"), {}).ok());
    REQUIRE(rig.pool->request(get("/2"), RequestOptions{{}, true}).ok());
    REQUIRE(rig.until([&] { return rig.pool->counters().received_bytes > body.size(); }));
    CHECK(rig.reader.responses == 0);
    rig.reader.full = false;
    // A piece at a time, as the reader has room.
    for (int i = 0; i < 500 && rig.reader.ends == 0; ++i) {
      rig.pool->deliver();
      rig.loop->run_once(kMs);
    }
    CHECK(rig.reader.responses == 2);
    CHECK(rig.reader.ends == 1);
    CHECK(rig.reader.body.size() == body.size());
    rig.pool->abort({Errc::kAborted, 0, {}});
  }
}

TEST_CASE("http pool: the queue is bounded in length and time, and says that nothing was sent") {
  std::atomic<bool> over{false};
  net_test::TcpPeer peer([&](Fd&) {
    while (!over) usleep(1000);
  });
  {
    PoolOptions options = one_connection();
    options.max_queue = 2;
    Rig rig(peer.port(), options);
    const auto first = rig.pool->request(get("/1"), RequestOptions{{0, 60 * kMs, 0, 0}, false});
    REQUIRE(first.ok());
    REQUIRE(rig.until([&] { return rig.pool->counters().in_flight == 1; }));
    const RequestOptions waits{{20 * kMs, 0, 0, 0}, false};
    const auto second = rig.pool->request(get("/2"), waits);
    const auto third = rig.pool->request(get("/3"), {});
    REQUIRE(second.ok());
    REQUIRE(third.ok());
    CHECK(rig.pool->request(get("/4"), {}).error().code == Errc::kHttpQueueFull);
    REQUIRE(rig.until([&] { return rig.reader.failures == 1; }));
    CHECK(rig.reader.failed_id == second.value());
    CHECK(rig.reader.code == Errc::kHttpQueueTimeout);
    CHECK(rig.reader.sent == Sent::kNo);
    rig.pool->cancel(third.value());
    CHECK(rig.reader.failed_id == third.value());
    CHECK(rig.reader.code == Errc::kAborted);
    CHECK(rig.reader.sent == Sent::kNo);
    REQUIRE(rig.until([&] { return rig.reader.failures == 3; }));
    CHECK(rig.reader.failed_id == first.value());
    CHECK(rig.reader.code == Errc::kHttpHeadTimeout);
    CHECK(rig.reader.sent == Sent::kMaybe);
    over = true;
    rig.pool->abort({Errc::kAborted, 0, {}});
  }
}

TEST_CASE("http pool: a port where nobody listens fails those who wait") {
  uint16_t port = 0;
  {
    net_test::Listener listener;
    port = listener.port();
  }
  Rig rig(port);
  for (int i = 0; i < 3; ++i) REQUIRE(rig.pool->request(get("/"), {}).ok());
  REQUIRE(rig.until([&] { return rig.reader.failures == 3; }));
  CHECK(rig.reader.code == Errc::kConnRefused);
  CHECK(rig.reader.sent == Sent::kNo);
  CHECK(rig.pool->idle());
}

TEST_CASE("http pool: idle connections grow old, warm ones stay") {
  net_test::TcpPeer peer([](Fd& fd) { answer_all(fd, "ok"); });
  {
    PoolOptions options = one_connection();
    options.keep_alive = 30 * kMs;
    Rig rig(peer.port(), options);
    REQUIRE(rig.pool->request(get("/"), {}).ok());
    REQUIRE(rig.until([&] { return rig.reader.responses == 1; }));
    CHECK(rig.pool->counters().open == 1);
    REQUIRE(rig.until([&] { return rig.pool->counters().open == 0; }));
  }
  {
    PoolOptions options = one_connection();
    options.keep_alive = 20 * kMs;
    options.warm = 1;
    Rig rig(peer.port(), options);
    rig.pool->warm_up();
    REQUIRE(rig.until([&] { return rig.pool->counters().open == 1; }));
    for (int i = 0; i < 30; ++i) rig.loop->run_once(2 * kMs);
    CHECK(rig.pool->counters().open == 1);
    CHECK(rig.reader.opened == 1);
    rig.pool->abort({Errc::kAborted, 0, {}});
  }
}

TEST_CASE("http pool: closing lets what is under way end and refuses the rest") {
  net_test::TcpPeer peer([](Fd& fd) {
    while (!receive_until(fd.get(), "\r\n\r\n").empty()) {
      usleep(20'000);
      send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  {
    Rig rig(peer.port(), one_connection());
    for (int i = 0; i < 3; ++i) REQUIRE(rig.pool->request(get("/"), {}).ok());
    rig.pool->close();
    CHECK(rig.pool->request(get("/"), {}).error().code == Errc::kNotOpen);
    REQUIRE(rig.until([&] { return rig.reader.responses == 3 && rig.pool->counters().open == 0; }));
    CHECK(rig.reader.failures == 0);
  }
}
