// Several loops on threads of their own, publishers on others: nothing is lost, repeated or torn. Under
// ThreadSanitizer this is where races would show.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "hub_rig.h"
#include "loop/loop_thread.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

class CountingListener final : public HubListener {
 public:
  void on_connected(const SubscriberInfo&) override { connected.fetch_add(1); }
  void on_disconnected(const Disconnected&) override { gone.fetch_add(1); }
  void on_subscription(SubscriberId, std::string_view, bool) override {}
  void on_slow(const SlowEvent&) override { slow.fetch_add(1); }
  void on_message(SubscriberId, ws::Opcode, std::span<const uint8_t>) override {}
  void on_snapshot_needed(TopicId, std::string_view) override {}
  void on_drain() override { drains.fetch_add(1); }
  void on_measured(uint64_t, std::span<const SubscriberLag>, bool) override {}
  void on_closed() override { closed.fetch_add(1); }
  std::atomic<int> connected{0}, gone{0}, slow{0}, drains{0}, closed{0};
};

class ThreadedHub {
 public:
  ThreadedHub(const HubOptions& options, uint32_t threads) {
    std::vector<Loop*> loops;
    for (uint32_t i = 0; i < threads; ++i) {
      auto thread = LoopThread::start({});
      REQUIRE(thread.ok());
      loops.push_back(&thread.value()->loop());
      threads_.push_back(std::move(thread.value()));
    }
    auto made = Hub::create(options, loops, listener);
    REQUIRE(made.ok());
    hub_ = std::move(made.value());
  }
  ~ThreadedHub() {
    for (uint32_t i = 0; i < threads_.size(); ++i) run_on(i, [this, i] { hub_->release(i); });
    hub_.reset();
    threads_.clear();
  }
  Hub* operator->() { return hub_.get(); }
  template <class Task>
  void run_on(uint32_t loop, Task task) {
    std::promise<void> done;
    REQUIRE(threads_[loop]->loop().post([&] {
      task();
      done.set_value();
    }));
    done.get_future().wait();
  }
  ClientEnd connect(SubscriberInfo info) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    const uint32_t loop = hub_->least_loaded_loop();
    info.id = hub_->new_id(loop);
    run_on(loop, [&] { hub_->add(std::make_unique<TcpStream>(Fd(fds[0])), std::move(info)); });
    return ClientEnd(fds[1]);
  }
  CountingListener listener;

 private:
  std::vector<std::unique_ptr<LoopThread>> threads_;
  std::unique_ptr<Hub> hub_;
};

void breathe() { std::this_thread::sleep_for(std::chrono::microseconds(200)); }

}  // namespace

TEST_CASE("hub threads: four loops read the same rings while two threads publish") {
  constexpr uint64_t kMessages = 3000;
  HubOptions options = quick_options();
  options.flush.max_delay_ns = 200'000;
  options.slow.pending_bytes = 1u << 20;
  ThreadedHub hub(options, 4);
  const TopicId topics_of[2] = {hub->topic("a").value(), hub->topic("b").value()};
  std::vector<ClientEnd> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(hub.connect(i % 2 == 0 ? all_topics() : topics({"a", "b"})));
  std::vector<std::thread> publishers;
  for (int p = 0; p < 2; ++p) {
    publishers.emplace_back([&, p] {
      for (uint64_t n = 1; n <= kMessages; ++n) {
        Message message;
        message.topic = topics_of[p];
        const std::string text = std::string(p == 0 ? "a" : "b") + std::to_string(n);
        message.payload = bytes_of(text);
        while (hub->publish(message).status == PublishStatus::kRefused) breathe();
        if (n % 64 == 0) breathe();
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto complete = [&] {
    return std::all_of(clients.begin(), clients.end(),
                       [](const ClientEnd& c) { return c.frames.size() == 2 * kMessages; });
  };
  while (!complete() && std::chrono::steady_clock::now() < until) {
    for (ClientEnd& client : clients) client.read_some();
    breathe();
  }
  for (std::thread& publisher : publishers) publisher.join();
  CHECK(hub.listener.slow == 0);
  for (ClientEnd& client : clients) {
    uint64_t next[2] = {1, 1};
    REQUIRE(client.frames.size() == 2 * kMessages);
    for (const Received& frame : client.frames) {
      uint64_t& expected = next[frame.payload[0] == 'a' ? 0 : 1];
      REQUIRE(frame.payload.substr(1) == std::to_string(expected));
      ++expected;
    }
  }
  CHECK(hub->counters().deliveries == 16 * 2 * kMessages);
}

TEST_CASE("hub threads: joining, leaving and closing while publishing") {
  HubOptions options = quick_options();
  options.flush.max_delay_ns = 100'000;
  options.slow.pending_bytes = 64u << 10;
  options.slow.then = SlowPolicy::kConflate;
  ThreadedHub hub(options, 4);
  TopicOptions retaining;
  retaining.retain = Retain::kLast;
  const TopicId topic = hub->topic("a", retaining).value();
  std::vector<KeyId> keys;
  for (int i = 0; i < 50; ++i) keys.push_back(hub->key("k" + std::to_string(i)).value());
  std::atomic<bool> stop{false};
  std::thread publisher([&] {
    for (uint64_t n = 1; !stop; ++n) {
      Message message;
      message.topic = topic;
      message.key = keys[n * n % keys.size()];
      const std::string text = std::to_string(n) + std::string(100, ' ');
      message.payload = bytes_of(text);
      const PublishStatus status = hub->publish(message).status;
      if (status == PublishStatus::kClosed) break;
      if (status == PublishStatus::kRefused || n % 32 == 0) breathe();
    }
  });
  std::vector<ClientEnd> clients;
  for (int round = 0; round < 150; ++round) {
    const Lane lane = round % 3 == 0 ? Lane::kWsDeflate : Lane::kWs;
    clients.push_back(hub.connect(round % 2 == 0 ? all_topics(lane) : topics({"a", "other"}, lane)));
    if (clients.size() > 12) clients.erase(clients.begin() + round % 12);
    for (size_t i = 0; i < clients.size(); i += 2) {  // half of them never read
      clients[i].read_some();
      clients[i].frames.clear();
    }
    static_cast<void>(hub->counters());
  }
  hub->close(200 * kMs);
  for (int i = 0; i < 2000 && hub.listener.closed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  stop = true;
  publisher.join();
  CHECK(hub.listener.closed == 1);
  CHECK(hub.listener.connected == 150);
  CHECK(hub.listener.gone == 150);
  CHECK(hub->counters().subscribers == 0);
}
