// The pieces the hub is made of, each against what it promises.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "hub/broadcast_ring.h"
#include "hub/flush_pace.h"
#include "hub/gather.h"
#include "hub/last_values.h"
#include "hub/missed_tally.h"
#include "hub/name_table.h"
#include "hub/option_checks.h"
#include "hub/out_buffer.h"
#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub;
using tickwire::hub_rig::bytes_of;

namespace {

std::string text_of(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

TEST_CASE("hub ring: frames stay where they were put until they are overwritten, and runs of them are contiguous") {
  std::mt19937 random(3);
  auto made = BroadcastRing::create(64u << 10, 1024);
  REQUIRE(made.ok());
  BroadcastRing& ring = *made.value();
  std::vector<std::string> all;
  uint64_t messages = 0;
  for (uint64_t i = 0; i < 5000; ++i) {
    const std::string frame(random() % 300, static_cast<char>('a' + i % 26));
    std::copy(frame.begin(), frame.end(), ring.room());
    const bool message = random() % 5 != 0;
    messages += message && !frame.empty() ? 1 : 0;
    ring.append(i, frame.size(), message);
    all.push_back(frame);
    // Whatever fits into the ring and its entries is still there.
    const uint64_t oldest = ring.first_within(i > 1000 ? i - 1000 : 0, i + 1, ring.capacity());
    const uint64_t from = oldest + random() % (i + 1 - oldest);
    std::string run;
    for (uint64_t k = from; k <= i; ++k) run += all[k];
    REQUIRE(ring.bytes_between(from, i + 1) == run.size());
    REQUIRE(text_of({ring.at(ring.begin_of(from)), run.size()}) == run);
    REQUIRE(text_of(ring.frame(from)) == all[from]);
  }
  CHECK(messages == ring.messages_between(4990, 5000) + ring.messages_between(4000, 4990) +
                        (messages - ring.messages_between(4000, 5000)));
  // The law of first_within.
  for (const uint64_t bytes : {0u, 1u, 500u, 5000u, 60'000u}) {
    const uint64_t first = ring.first_within(4500, 5000, bytes);
    CHECK(ring.bytes_between(first, 5000) <= bytes);
    if (first > 4500) CHECK(ring.bytes_between(first - 1, 5000) > bytes);
  }
}

TEST_CASE("hub ring: a lane that was out of use goes on where it is told") {
  auto made = BroadcastRing::create(64u << 10, 1024);
  REQUIRE(made.ok());
  BroadcastRing& ring = *made.value();
  const auto put = [&ring](uint64_t index, std::string_view text) {
    std::copy(text.begin(), text.end(), ring.room());
    ring.append(index, text.size(), true);
  };
  ring.start(0);
  put(0, "zero");
  put(1, "one");
  ring.start(5'000);
  put(5'000, "again");
  CHECK(ring.size_of(5'000) == 5);
  CHECK(text_of(ring.frame(5'000)) == "again");
  CHECK(ring.messages_between(5'000, 5'001) == 1);
}

TEST_CASE("hub values: the order of publication, from any index, against a plain list") {
  std::mt19937 random(11);
  LastValues values(100, 1u << 20);
  std::map<std::pair<TopicId, KeyId>, uint64_t> newest;
  ListEnds topics[3];
  for (uint64_t index = 0; index < 3000; ++index) {
    const auto topic = static_cast<TopicId>(1 + random() % 2);
    const KeyId key = random() % 40;
    bool made = false;
    const SlotId id = values.find_or_make(topic, key, made);
    REQUIRE(id != 0);
    CHECK(made == !newest.contains({topic, key}));
    values[id].index = index;
    values.touch(id);
    values.touch(id, topics[topic]);
    newest[{topic, key}] = index;
    const uint64_t from = random() % (index + 1);
    const SlotId hint = random() % (values.slots() + 1);
    for (const bool of_topic : {false, true}) {
      std::vector<uint64_t> expected;
      for (const auto& [pair, at] : newest) {
        if (at >= from && (!of_topic || pair.first == topic)) expected.push_back(at);
      }
      std::sort(expected.begin(), expected.end());
      std::vector<uint64_t> walked;
      const bool of_list =
          hint == 0 || !of_topic || values[hint].topic == topic;  // a hint comes from a walk of the list
      const SlotId usable = of_list ? hint : 0;
      SlotId each = of_topic ? values.first_from(from, usable, topics[topic]) : values.first_from(from, usable);
      for (; each != 0; each = of_topic ? values.next_of_topic(each) : values.next(each)) {
        walked.push_back(values[each].index);
      }
      REQUIRE(walked == expected);
    }
  }
}

TEST_CASE("hub values: limits of slots and bytes; what finds no room leaves nothing old behind") {
  LastValues values(3, 256);
  bool made = false;
  for (KeyId key = 0; key < 3; ++key) CHECK(values.find_or_make(1, key, made) == key + 1);
  CHECK(values.find_or_make(1, 3, made) == 0);
  CHECK(values.find_or_make(1, 2, made) == 3);
  CHECK_FALSE(made);
  const std::string small(100, 's');  // takes 128
  CHECK(values.keep(1, bytes_of(small), bytes_of("text")));
  CHECK(text_of(values[1].payload()) == small);
  CHECK(text_of(values[1].text()) == "text");
  CHECK(values.keep(2, bytes_of(small), {}));
  CHECK_FALSE(values.keep(3, bytes_of(small), {}));
  CHECK(values.kept() == 2);
  CHECK(values.kept_bytes() == 256);
  CHECK(values.not_kept() == 1);
  CHECK_FALSE(values.keep(2, bytes_of(std::string(129, 'l')), {}));
  CHECK_FALSE(values[2].kept);
  CHECK(values.kept() == 1);
  CHECK(values.keep(2, bytes_of("fits again"), {}));
  CHECK(values.kept() == 2);
}

TEST_CASE("hub names: numbers, limits, what is no name") {
  NameTable names(3, 8, Errc::kHubTopicLimit);
  CHECK(names.intern("a").value() == 1);
  CHECK(names.intern("b").value() == 2);
  CHECK(names.intern("a").value() == 1);
  CHECK(names.find("b") == 2);
  CHECK(names.find("c") == 0);
  CHECK(names.intern("").error().code == Errc::kHubName);
  CHECK(names.intern("123456789").error().code == Errc::kHubName);
  CHECK(names.intern("\xFF").error().code == Errc::kHubName);
  CHECK(names.intern("a\nb").error().code == Errc::kHubName);
  CHECK(names.intern("\xC3\xA9").value() == 3);
  CHECK(names.intern("d").error().code == Errc::kHubTopicLimit);
  names.forget(2);
  CHECK(names.find("b") == 0);
  CHECK(names.name(2).empty());
  CHECK(names.intern("d").value() == 2);
  CHECK(names.name(2) == "d");
  CHECK(names.count() == 3);
}

TEST_CASE("hub missed: ranges grow per topic and stay sorted") {
  MissedTally tally;
  std::vector<MissedRange> ranges;
  tally.add(7, 10);
  tally.add(7, 11);
  tally.add(2, 5);
  CHECK(tally.total() == 3);
  tally.merge_into(ranges);
  tally.clear();
  CHECK(tally.total() == 0);
  tally.add(5, 1);
  tally.add(7, 20);
  tally.merge_into(ranges);
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[0].topic == 2);
  CHECK(ranges[1].topic == 5);
  CHECK(ranges[2].topic == 7);
  CHECK(ranges[2].from == 10);
  CHECK(ranges[2].to == 20);
  CHECK(ranges[2].count == 3);
}

TEST_CASE("hub private bytes: against a plain string") {
  std::mt19937 random(5);
  OutBuffer out;
  std::string model;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const std::string more(random() % 700, static_cast<char>('a' + i % 26));
      REQUIRE(out.append(bytes_of(more)));
      model += more;
    } else if (!model.empty()) {
      const size_t n = 1 + random() % model.size();
      out.consume(n);
      model.erase(0, n);
    }
    REQUIRE(out.size() == model.size());
    REQUIRE(out.empty() == model.empty());
    REQUIRE(text_of(out.bytes()) == model);
  }
}

TEST_CASE("hub gather: neighbours are one piece, small ones are copied together, order is kept") {
  std::string memory(4000, '?');
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<char>('a' + i % 26);
  const auto at = [&memory](size_t from, size_t n) { return bytes_of(memory).subspan(from, n); };
  Gather gather;
  gather.clear();
  std::string expected;
  const auto add = [&](size_t from, size_t n) {
    REQUIRE(gather.add(at(from, n), from));
    expected += memory.substr(from, n);
  };
  add(0, 600);     // too long to be copied
  add(600, 10);    // its neighbour
  add(700, 10);    // alone: copied
  add(900, 10);    // copied behind it
  add(2000, 700);  // a piece of its own
  CHECK(gather.pieces().size() == 3);
  for (size_t i = 0; i < 60; ++i) add(2800 + 10 * i, 10);  // neighbours of each other: one piece, where they lie
  add(100, 1);
  CHECK(gather.pieces().size() == 5);
  CHECK(gather.pieces()[3].iov_base == memory.data() + 2800);
  CHECK(gather.pieces()[4].iov_base == memory.data() + 100);  // nothing has followed it yet
  CHECK(gather.frames() == 66);
  CHECK(gather.tag(4) == 2000);
  std::string joined;
  for (const iovec& piece : gather.pieces()) joined.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  CHECK(joined == expected);
  CHECK(gather.ends().back() == expected.size());
  CHECK(gather.bytes() == expected.size());
}

TEST_CASE("hub gather: says when it is full, but takes one frame of any size") {
  const std::vector<uint8_t> big(Gather::kMaxBytes + 1);
  Gather gather;
  gather.clear();
  CHECK(gather.add(big, 0));
  CHECK_FALSE(gather.add(std::span(big).first(1), 1));
  gather.clear();
  size_t taken = 0;
  while (gather.add(std::span(big).subspan(2 * taken, 1), taken)) ++taken;
  CHECK(taken == Gather::kMaxFrames);
}

TEST_CASE("hub pace: at once when idle, half of the time while passes are short, no pause when they are long") {
  FlushPace pace(1000);
  CHECK(pace.next_start() < 0);
  pace.started(10'000);
  pace.ended(10'100);
  CHECK(pace.next_start() == 10'200);  // as long as it took
  pace.started(20'000);
  pace.ended(20'700);
  CHECK(pace.next_start() == 21'000);  // but no message waits longer than max_delay
  pace.started(30'000);
  pace.ended(35'000);
  CHECK(pace.next_start() == 35'000);
  FlushPace never(0);
  never.started(10);
  never.ended(20);
  CHECK(never.next_start() == 20);
}

TEST_CASE("hub options: each fault is named") {
  const auto fault = [](auto change) {
    HubOptions options;
    change(options);
    const Result<void> checked = check_options(options);
    return checked.ok() ? std::string() : checked.error().text.substr(0, checked.error().text.find(':'));
  };
  CHECK(fault([](HubOptions&) {}).empty());
  CHECK(fault([](HubOptions& o) { o.ring.bytes = 1; }) == "ring.bytes");
  CHECK(fault([](HubOptions& o) { o.ring.entries = 3; }) == "ring.entries");
  CHECK(fault([](HubOptions& o) { o.flush.max_delay_ns = -1; }) == "flush.max_delay_ns");
  CHECK(fault([](HubOptions& o) { o.slow.pending_bytes = 0; }) == "slow.pending_bytes");
  CHECK(fault([](HubOptions& o) { o.deflate.window_bits = 8; }) == "deflate.window_bits");
  CHECK(fault([](HubOptions& o) { o.max_message = 2u << 20; }) == "max_message");
  CHECK(fault([](HubOptions& o) { o.max_name = 256; }) == "max_name");
  HubOptions rounded;
  rounded.ring.bytes = 9u << 20;
  rounded.ring.entries = 5000;
  REQUIRE(check_options(rounded).ok());
  CHECK(rounded.ring.bytes == 16u << 20);
  CHECK(rounded.ring.entries == 8192);
}
