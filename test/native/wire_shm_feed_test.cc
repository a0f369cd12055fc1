#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "shm/writer.h"
#include "shm_place.h"
#include "wire_feed_rig.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;
using feed::Counter;
using feed::State;
using feed::WireFeedOptions;
using tickwire::test::ShmDirectory;

namespace {

using Names = std::vector<std::string>;

std::unique_ptr<shm::Writer> make_writer(const shm::Place& place, uint64_t capacity = 1u << 20) {
  shm::CreateOptions options;
  options.capacity = capacity;
  auto writer = shm::Writer::create(place, options);
  REQUIRE_MESSAGE(writer.ok(), writer.error().text);
  return std::move(writer.value());
}

WireFeedOptions options_for(const shm::Place& place, bool spin, Names topics = {"a"}) {
  WireFeedOptions o;
  o.shm = feed::ShmOptions{place, spin};
  o.topics.push_back({std::move(topics), {}});
  return o;
}

}  // namespace

TEST_CASE("wire feed of shared memory: topics that were asked for, joined where they stand") {
  for (const bool spin : {false, true}) {
    const ShmDirectory directory;
    auto writer = make_writer(directory.place("ticks"));
    REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
    REQUIRE(writer->append_table(topic_frame(2, "b", 0)));
    for (uint64_t n = 1; n <= 10; ++n) REQUIRE(writer->write(make_quote(n)));  // before anybody listens
    WireFeedRig rig(options_for(directory.place("ticks"), spin));
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kConnected) == 1; }));
    CHECK(rig.seen.subscribed == Names{"a@0"});
    for (uint64_t n = 11; n <= 13; ++n) {
      REQUIRE(writer->write(make_quote(n)));
      REQUIRE(writer->write(make_quote(n, 1, 2)));
      REQUIRE(writer->write(message_frame(1, n + 1000)));  // jumps: a gap
    }
    REQUIRE(rig.run([&] { return rig.seen.raws.size() >= 4; }));
    CHECK(rig.seen.raws[0] == text_of(make_quote(11)));
    CHECK(rig.seen.raws[1] == text_of(message_frame(1, 1011)));
    CHECK(rig.seen.gaps.at(0) == "a 12-1010 3 0");
    // Of a topic that is asked for later.
    rig.feed->subscribe({"b"}, {});
    REQUIRE(rig.run([&] { return rig.seen.subscribed.size() == 2; }));
    rig.feed->unsubscribe({"a"});
    const size_t before = rig.seen.raws.size();
    REQUIRE(writer->write(make_quote(5'000)));
    REQUIRE(writer->write(make_quote(14, 1, 2)));
    REQUIRE(rig.run([&] { return rig.seen.raws.size() > before; }));
    CHECK(rig.seen.raws.back() == text_of(make_quote(14, 1, 2)));
    // And one that is defined when it is first used.
    rig.feed->subscribe({"*"}, {});
    REQUIRE(writer->append_table(topic_frame(3, "c", 0)));
    REQUIRE(writer->write(make_quote(1, 1, 3)));
    REQUIRE(rig.run([&] { return rig.seen.raws.back() == text_of(make_quote(1, 1, 3)); }));
    CHECK(rig.feed->ping().error().code == Errc::kNotOpen);
    rig.feed->close(13, "");
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kDisconnected) == 1; }));
    CHECK(rig.seen.states.back() == "0:ERR_CLOSED_BY_USER");
  }
}

TEST_CASE("wire feed of shared memory: overrun by a writer that never waits, with the exact gap") {
  const ShmDirectory directory;
  auto writer = make_writer(directory.place("ticks"), 64u << 10);
  REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
  WireFeedRig rig(options_for(directory.place("ticks"), true), 1u << 20);
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kConnected) == 1; }));
  uint64_t n = 0;
  REQUIRE(writer->write(make_quote(++n)));
  REQUIRE(rig.run([&] { return rig.seen.raws.size() == 1; }));
  for (int i = 0; i < 5'000; ++i) REQUIRE(writer->write(make_quote(++n)));
  REQUIRE(rig.run([&] { return rig.seen.raws.size() > 1 && rig.seen.raws.back() == text_of(make_quote(n)); }));
  REQUIRE(rig.seen.gaps.size() == 1);
  const uint64_t missing = rig.count(Counter::kMissing);
  CHECK(rig.seen.gaps[0] == "a 2-" + std::to_string(1 + missing) + " 3 0");
  CHECK(missing + rig.seen.raws.size() == n);
  CHECK(rig.count(Counter::kOverrun) == missing);
}

TEST_CASE("wire feed of shared memory: a reader that is held up pauses, and learns what that cost") {
  const ShmDirectory directory;
  auto writer = make_writer(directory.place("ticks"), 64u << 10);
  REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
  for (const bool spin : {false, true}) {
    WireFeedRig rig(options_for(directory.place("ticks"), spin));
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kConnected) == 1; }));
    rig.reading = false;
    uint64_t first = 0;
    uint64_t n = 1'000'000;
    REQUIRE(rig.run([&] {
      for (int i = 0; i < 50; ++i) {
        if (first == 0) first = n + 1;
        REQUIRE(writer->write(make_quote(++n)));
        REQUIRE(writer->write(message_frame(1, ++n)));
      }
      return rig.count(Counter::kPauses) > 0;
    }));
    rig.reading = true;
    REQUIRE(rig.run([&] { return !rig.seen.raws.empty() && rig.seen.raws.back() == text_of(message_frame(1, n)); }));
    CHECK(rig.seen.raws.size() + rig.count(Counter::kMissing) == n - first + 1);
    CHECK(rig.count(Counter::kDuplicates) == 0);
    rig.feed->abort();
  }
}

TEST_CASE("wire feed of shared memory: the next writer is followed by the policy, from its start") {
  for (const bool spin : {false, true}) {
    const ShmDirectory directory;
    auto writer = make_writer(directory.place("ticks"));
    REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
    WireFeedRig rig(options_for(directory.place("ticks"), spin));
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kConnected) == 1; }));
    REQUIRE(writer->write(make_quote(1)));
    REQUIRE(writer->write(make_quote(2)));
    writer->close();
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kReconnecting) == 1; }));
    CHECK(rig.seen.raws.size() == 2);  // to the end of what was there
    CHECK(rig.seen.states[2] == "3:ERR_EOF");
    writer = make_writer(directory.place("ticks"));
    REQUIRE(writer->append_table(topic_frame(4, "a", 0)));
    for (uint64_t n = 1; n <= 5; ++n) REQUIRE(writer->write(make_quote(n, 1, 4)));
    REQUIRE(rig.run([&] { return rig.seen.raws.size() == 7; }));
    CHECK(rig.seen.gaps.empty());
    CHECK(rig.seen.opened.find(R"("resumed":false)") != std::string::npos);
  }
}

TEST_CASE("wire feed of shared memory: a writer that is killed in mid-stream is noticed; what it wrote is read") {
  for (const bool spin : {false, true}) {
    const ShmDirectory directory;
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      // Only what is safe behind fork(): the parent has no other threads yet that could hold a lock.
      auto writer = shm::Writer::create(directory.place("ticks"), {});
      if (!writer.ok() || !writer.value()->append_table(topic_frame(1, "a", 0))) ::_exit(1);
      char byte = 'r';
      if (::write(pipe_ends[1], &byte, 1) != 1) ::_exit(1);
      for (uint64_t n = 1;; ++n) {
        if (!writer.value()->write(make_quote(n))) ::_exit(1);
        ::usleep(200);
      }
    }
    char ready = 0;
    REQUIRE(::read(pipe_ends[0], &ready, 1) == 1);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    WireFeedRig rig(options_for(directory.place("ticks"), spin), 4u << 20);
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.seen.raws.size() > 20; }));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(rig.run([&] { return rig.seen.reached(State::kReconnecting) >= 3; }));
    CHECK(rig.seen.states[2] == "3:ERR_SHM_WRITER_GONE");
    const uint64_t first = read_header(reinterpret_cast<const uint8_t*>(rig.seen.raws[0].data())).sequence;
    for (size_t i = 0; i < rig.seen.raws.size(); ++i) {
      REQUIRE(rig.seen.raws[i] == text_of(make_quote(first + i)));
    }
    // Somebody takes its place.
    auto writer = make_writer(directory.place("ticks"));
    REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
    const size_t before = rig.seen.raws.size();
    REQUIRE(writer->write(make_quote(1)));
    REQUIRE(rig.run([&] { return rig.seen.raws.size() == before + 1; }));
  }
}

TEST_CASE("wire feed of shared memory: no segment, and records that are no frames") {
  const ShmDirectory directory;
  WireFeedRig rig(options_for(directory.place("ticks"), false));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kReconnecting) >= 2; }));
  CHECK(rig.seen.states[1] == "3:ERR_SHM_NOT_FOUND");
  auto writer = make_writer(directory.place("ticks"));
  const std::string noise = "not a frame at all, but long enough to be one";
  const std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(noise.data()), noise.size()};
  REQUIRE(writer->append_table(bytes));
  REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kConnected) == 1; }));
  REQUIRE(writer->write(bytes));
  Bytes long_frame = make_quote(1);
  long_frame.push_back(0);
  REQUIRE(writer->write(long_frame));
  REQUIRE(writer->write(make_quote(2)));
  REQUIRE(rig.run([&] { return rig.seen.raws.size() == 1; }));
  CHECK(rig.count(Counter::kMalformed) == 2);
  CHECK(rig.count(Counter::kSkippedBytes) == noise.size() + 65);
}

TEST_CASE("wire feed of shared memory: destroyed at any moment, also while its thread sleeps") {
  const ShmDirectory directory;
  auto writer = make_writer(directory.place("ticks"));
  REQUIRE(writer->append_table(topic_frame(1, "a", 0)));
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    for (uint64_t n = 1; !stop; ++n) {
      (void)writer->write(make_quote(n));
      if (n % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  for (int i = 0; i < 60; ++i) {
    WireFeedRig rig(options_for(directory.place("ticks"), i % 3 == 0), 1u << 20);
    rig.feed->open();
    rig.run_for(i % 7);
    if (i % 2 == 0) rig.feed->close(13, "");
  }
  stop = true;
  busy.join();
}
