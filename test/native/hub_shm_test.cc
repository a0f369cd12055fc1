// What a hub publishes, as readers of its shared memory find it.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "hub_rig.h"
#include "shm/reader.h"
#include "shm_place.h"
#include "wire/header.h"

using namespace tickwire;
using namespace tickwire::hub_rig;
using tickwire::test::ShmDirectory;

namespace {

HubOptions shared_options(const ShmDirectory& directory) {
  HubOptions options = quick_options();
  options.shm.name = "ticks";
  options.shm.directory = directory.path();
  options.shm.bytes = 1u << 20;
  return options;
}

struct Seen {
  std::vector<wire::Header> messages;
  size_t definitions = 0;
  size_t damaged = 0;

  void take(std::span<const uint8_t> frame) {
    const wire::Header header = wire::read_header(frame.data());
    if (frame.size() != wire::kHeaderBytes + header.length ||
        wire::frame_crc(frame.data(), header.length) != header.crc) {
      ++damaged;
    } else if (header.source == 0) {
      ++definitions;
    } else {
      messages.push_back(header);
    }
  }
};

Seen read_all(shm::Reader& reader) {
  Seen seen;
  reader.poll([&seen](const shm::Record& record) { seen.take(record.payload); });
  return seen;
}

}  // namespace

TEST_CASE("hub shm: messages are wire frames in their order, names come before them and stay in the table") {
  const ShmDirectory directory;
  HubRig rig(shared_options(directory));
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  auto reader = shm::Reader::open(directory.place("ticks"), {.start = shm::From::kStart});
  REQUIRE(reader.ok());
  const KeyId key = rig.key("K");
  for (int i = 0; i < 100; ++i) CHECK(rig.publish(i % 2 == 0 ? a : b, std::to_string(i), key).sequence != 0);
  Seen seen = read_all(*reader.value());
  CHECK(seen.damaged == 0);
  CHECK(seen.definitions == 4);  // two topics, and the key in each
  REQUIRE(seen.messages.size() == 100);
  for (size_t i = 0; i < 100; ++i) {
    CHECK(seen.messages[i].source == (i % 2 == 0 ? a : b));
    CHECK(seen.messages[i].sequence == i / 2 + 1);
  }
  Seen table;
  reader.value()->poll_table([&table](std::span<const uint8_t> entry) { table.take(entry); });
  CHECK(table.definitions == 4);
  CHECK(rig->counters().shm_messages == 100);
  CHECK(rig->counters().shm_unwritten == 0);
}

TEST_CASE("hub shm: typed messages need no text; what is too long for a record is counted") {
  const ShmDirectory directory;
  HubOptions options = shared_options(directory);
  options.shm.bytes = 64u << 10;
  options.shm.table_bytes = 0;
  HubRig rig(options);
  Message message;
  message.topic = rig.topic("a");
  message.kind = PayloadKind::kTyped;
  message.wire_type = 1;
  message.payload = bytes_of("fields");
  CHECK(rig->publish(message).status == PublishStatus::kPublished);
  const std::string longer(20'000, 'x');
  CHECK(rig.publish(message.topic, longer).status == PublishStatus::kPublished);
  CHECK(rig->counters().shm_messages == 1);
  CHECK(rig->counters().shm_unwritten == 2);  // it, and the topic's name in the table
}

TEST_CASE("hub shm: several threads publish, and the end is told") {
  const ShmDirectory directory;
  HubRig rig(shared_options(directory));
  const TopicId a = rig.topic("a");
  auto reader = shm::Reader::open(directory.place("ticks"), {.start = shm::From::kStart});
  REQUIRE(reader.ok());
  std::vector<std::thread> publishers;
  for (int t = 0; t < 3; ++t) {
    publishers.emplace_back([&rig, a] {
      for (int i = 0; i < 500; ++i) static_cast<void>(rig.publish(a, "message"));
    });
  }
  for (std::thread& each : publishers) each.join();
  rig->beat();
  const Seen seen = read_all(*reader.value());
  CHECK(seen.damaged == 0);
  REQUIRE(seen.messages.size() == 1500);
  for (size_t i = 0; i < seen.messages.size(); ++i) CHECK(seen.messages[i].sequence == i + 1);
  CHECK(reader.value()->heartbeat_ns() > 0);
  rig->close_shm();
  CHECK(reader.value()->state() == shm::SegmentState::kClosed);
  CHECK(directory.files() == 0);
  CHECK(rig.publish(a, "after").status == PublishStatus::kPublished);
  CHECK(rig->counters().shm_unwritten == 1);
  rig->beat();
  CHECK_FALSE(reader.value()->pending());
}

TEST_CASE("hub shm: a hub whose segment cannot be had is not made") {
  const ShmDirectory directory;
  HubRig rig(shared_options(directory));
  auto loop = Loop::create();
  REQUIRE(loop.ok());
  Loop* const loops[] = {loop.value().get()};
  const auto second = Hub::create(shared_options(directory), loops, rig.events);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::kShmWriterActive);
}
