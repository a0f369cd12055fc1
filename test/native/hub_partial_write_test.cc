// A stream may take any part of what it is offered. Wherever frames are cut, they arrive whole and in order.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

// Takes `most` bytes at a time, then none until the client has read.
class ChoppingStream final : public Stream {
 public:
  ChoppingStream(int fd, int client, size_t most) : socket_(Fd(fd)), client_(client), most_(most) {}
  IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override { return socket_.read(into, kernel_ns); }
  IoResult write(std::span<const iovec> pieces) override {
    int unread = 0;
    REQUIRE(ioctl(client_, FIONREAD, &unread) == 0);
    if (unread != 0) return {IoStatus::kAgain, 0, {}};
    std::vector<iovec> part;
    size_t left = most_;
    for (const iovec& piece : pieces) {
      if (left == 0) break;
      part.push_back({piece.iov_base, std::min(piece.iov_len, left)});
      left -= part.back().iov_len;
    }
    return socket_.write(part);
  }
  void shutdown_write() noexcept override { socket_.shutdown_write(); }
  [[nodiscard]] bool has_buffered_input() const noexcept override { return false; }
  [[nodiscard]] int fd() const noexcept override { return socket_.fd(); }
  [[nodiscard]] bool full_duplex_threads() const noexcept override { return false; }

 private:
  TcpStream socket_;
  int client_;
  size_t most_;
};

ClientEnd connect_chopped(HubRig& rig, SubscriberInfo info, size_t most) {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  REQUIRE(fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | O_NONBLOCK) == 0);
  rig.attach(std::move(info), std::make_unique<ChoppingStream>(fds[0], fds[1], most));
  return ClientEnd(fds[1]);
}

}  // namespace

TEST_CASE("hub: frames are completed wherever a write is cut") {
  // The first write ends at every offset of these frames, the later ones at its multiples.
  const std::vector<size_t> sizes{0, 1, 40, 125, 126, 3, 130, 7, 0, 20};
  size_t total = 0;
  for (const size_t size : sizes) total += size + (size < 126 ? 2 : 4);
  for (size_t most = 1; most <= total; ++most) {
    CAPTURE(most);
    HubRig rig;
    const TopicId a = rig.topic("a");
    const TopicId b = rig.topic("b");
    const KeyId key = rig.key("k");
    SubscriberInfo filtered = topics({"a", "b"});
    filtered.keys = {"k"};
    std::vector<ClientEnd> clients;
    clients.push_back(connect_chopped(rig, all_topics(), most));
    clients.push_back(connect_chopped(rig, topics({"a"}), most));
    clients.push_back(connect_chopped(rig, topics({"a"}), most));
    clients.push_back(connect_chopped(rig, topics({"a", "b"}), most));
    clients.push_back(connect_chopped(rig, std::move(filtered), most));
    rig.run();
    std::vector<std::string> of_a;
    std::vector<std::string> of_both;
    std::vector<std::string> of_key;
    for (int round = 0; round < 2; ++round) {
      for (size_t i = 0; i < sizes.size(); ++i) {
        const std::string text(sizes[i], static_cast<char>('a' + i + 10 * static_cast<size_t>(round)));
        const bool second = round == 1 && i % 3 == 1;
        REQUIRE(rig.publish(second ? b : a, text, i % 2 == 0 ? key : kNoKey).status == PublishStatus::kPublished);
        of_both.push_back(text);
        if (!second) of_a.push_back(text);
        if (i % 2 == 0) of_key.push_back(text);
      }
      rig.run();
    }
    for (bool any = true; any;) {
      any = false;
      for (ClientEnd& client : clients) any = client.read_some() != 0 || any;
      rig.run();
    }
    CHECK(clients[0].texts() == of_both);
    CHECK(clients[1].texts() == of_a);
    CHECK(clients[2].texts() == of_a);
    CHECK(clients[3].texts() == of_both);
    CHECK(clients[4].texts() == of_key);
    CHECK(rig->counters().blocked == 0);
    CHECK(rig->counters().deliveries == 2 * of_both.size() + 2 * of_a.size() + of_key.size());
    for (const ClientEnd& client : clients) CHECK(client.raw.empty());
  }
}

TEST_CASE("hub: snapshots are completed wherever a write is cut") {
  const std::vector<std::string> parts{"one", std::string(130, '2'), "", "four"};
  size_t total = 0;
  for (const std::string& part : parts) total += part.size() + (part.size() < 126 ? 2 : 4);
  for (size_t most = 1; most <= total; ++most) {
    CAPTURE(most);
    HubRig rig;
    TopicOptions options;
    options.snapshot = true;
    const TopicId a = rig.topic("a", options);
    CHECK(rig.publish(a, "unseen").status == PublishStatus::kPublished);
    ClientEnd client = connect_chopped(rig, topics({"a"}), most);
    std::vector<Message> messages(parts.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      messages[i].topic = a;
      messages[i].payload = bytes_of(parts[i]);
    }
    REQUIRE(rig->publish_snapshot(a, messages) == PublishStatus::kPublished);
    CHECK(rig.publish(a, "after").status == PublishStatus::kPublished);
    for (rig.run(); client.read_some() != 0;) rig.run();
    std::vector<std::string> expected = parts;
    expected.emplace_back("after");
    CHECK(client.texts() == expected);
  }
}

TEST_CASE("hub: more than one system call holds goes to all who share a topic, part by part") {
  HubOptions options = quick_options();
  options.ring.bytes = 4u << 20;
  options.slow.pending_bytes = 1u << 20;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  std::vector<ClientEnd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(rig.connect_tcp(topics({"a"})));
  ClientEnd of_b = rig.connect(topics({"b"}));
  ClientEnd of_both = rig.connect_tcp(topics({"b", "a"}));
  rig.run();
  std::vector<std::string> expected;
  std::vector<std::string> everything;
  size_t bytes = 0;
  // One pass, in which the topics take turns: neither is contiguous in the ring.
  for (int i = 0; bytes < 700'000; ++i) {
    everything.push_back(std::to_string(i) + std::string(static_cast<size_t>(i % 700), 'x'));
    REQUIRE(rig.publish(i % 3 == 0 ? b : a, everything.back()).status == PublishStatus::kPublished);
    if (i % 3 != 0) expected.push_back(everything.back());
    bytes += everything.back().size();
  }
  for (int i = 0; i < 200; ++i) {
    rig.loop().run_once(kMs);
    for (ClientEnd& client : clients) client.read_some();
    of_b.read_some();
    of_both.read_some();
  }
  for (const ClientEnd& client : clients) CHECK((client.texts() == expected));
  CHECK((of_both.texts() == everything));
  CHECK(of_b.texts().size() == everything.size() - expected.size());
  CHECK(rig.events.slow.empty());
}
