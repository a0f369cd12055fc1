// A receiver against a sender that loses, repeats, answers late or not at all, and connections that break: every
// message must arrive once or be reported lost, never both, never neither; in order where that is promised.
#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

#include "wire_receiver_rig.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

constexpr uint16_t kTopics = 3;

class Sender {
 public:
  Sender(uint64_t seed, Recover order, bool breaks) : random_(seed), breaks_(breaks), rig_(options(order)) {
    rig_.notes.answer = [this] { return chance(5) ? Flow::kPause : Flow::kContinue; };
    define();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    // The last word: heartbeats, answers, deadlines.
    std::vector<LastSequence> last;
    for (uint16_t t = 1; t <= kTopics; ++t) last.push_back({t, sent_[t]});
    show(heartbeat_frame(last));
    while (!questions_.empty()) answer_one();
    rig_.notes.answer = [] { return Flow::kContinue; };
    show({});
    static_cast<void>(rig_.receiver.on_time(INT64_MAX - 1));
    show({});
    rig_.receiver.end();
  }

  void check(bool ordered) {
    std::map<uint16_t, std::multiset<uint64_t>> arrived;
    std::map<uint16_t, uint64_t> before;
    for (const std::string& message : rig_.notes.messages) {
      const auto source = static_cast<uint16_t>(std::stoi(message));
      const uint64_t number = std::stoull(message.substr(message.find(':') + 1));
      arrived[source].insert(number);
      if (!ordered) continue;
      CHECK(number > before[source]);
      before[source] = number;
    }
    std::map<std::string, std::multiset<uint64_t>> lost;
    std::map<std::string, std::multiset<uint64_t>> open;
    for (const GapSeen& gap : rig_.notes.gaps) {
      for (uint64_t n = gap.range.from; n <= gap.range.to; ++n) {
        if (gap.fate == GapFate::kRequested) {
          open[gap.topic].insert(n);
        } else if (gap.fate == GapFate::kLost) {
          lost[gap.topic].insert(n);
        } else {
          const auto asked = open[gap.topic].find(n);
          REQUIRE(asked != open[gap.topic].end());
          open[gap.topic].erase(asked);
          if (gap.fate != GapFate::kRecovered) lost[gap.topic].insert(n);
        }
      }
    }
    for (uint16_t t = 1; t <= kTopics; ++t) {
      const std::string name(1, static_cast<char>('a' + t));
      CHECK(open[name].empty());
      for (uint64_t n = 1; n <= sent_[t]; ++n) REQUIRE(arrived[t].count(n) + lost[name].count(n) == 1);
      CHECK(arrived[t].size() + lost[name].size() == sent_[t]);
    }
    CHECK(rig_.notes.discarded == 0);
  }

  [[nodiscard]] const ReceiverNotes& notes() const { return rig_.notes; }

 private:
  static ReceiverOptions options(Recover order) {
    ReceiverOptions o;
    o.recover.order = order;
    o.recover.wait_ns = 50;
    return o;
  }
  bool chance(uint32_t percent) { return random_() % 100 < percent; }
  void show(const Bytes& more) {
    rig_.times.rx_ns = ++now_;
    Flow flow = rig_.show(more);
    for (int tries = 0; (flow == Flow::kPause || rig_.receiver.blocked()) && tries < 10'000; ++tries)
      flow = rig_.show();
    REQUIRE(rig_.ring.empty());
    for (const Range& range : rig_.asked) questions_.push_back(range);
    rig_.asked.clear();
  }
  void define() {
    for (uint16_t t = 1; t <= kTopics; ++t) show(topic_frame(t, std::string(1, static_cast<char>('a' + t)), sent_[t]));
  }
  void answer_one() {
    const Range range = questions_.front();
    questions_.pop_front();
    if (chance(10)) return;  // never
    uint64_t n = range.from;
    if (chance(30)) {
      n = range.from + random_() % (range.to - range.from + 1);
      show(refused_frame(range.source, {range.from, n}));
      ++n;
    }
    for (; n <= range.to; ++n) {
      if (!chance(10)) show(message_frame(range.source, n, kFlagResent));
    }
  }
  void step() {
    const auto topic = static_cast<uint16_t>(1 + random_() % kTopics);
    if (breaks_ && chance(2)) {
      // Answers that were under way are gone, and so are messages.
      questions_.clear();
      rig_.notes.answer = [] { return Flow::kContinue; };
      rig_.reconnect(ReceiverRig::kEpoch);
      rig_.notes.answer = [this] { return chance(5) ? Flow::kPause : Flow::kContinue; };
      for (uint16_t t = 1; t <= kTopics; ++t) sent_[t] += random_() % 4;
      define();
      return;
    }
    if (!questions_.empty() && chance(20)) return answer_one();
    if (chance(3)) {
      static_cast<void>(rig_.receiver.on_time(now_ += 20));
      return show({});
    }
    if (chance(3)) {
      const uint64_t from = sent_[topic] + 1;
      sent_[topic] += 1 + random_() % 5;
      return show(skipped_frame(topic, {from, sent_[topic]}));
    }
    const uint64_t number = ++sent_[topic];
    if (chance(10)) return;  // lost
    show(message_frame(topic, number));
    if (chance(5)) show(message_frame(topic, number));
  }

  std::mt19937_64 random_;
  bool breaks_;
  int64_t now_ = 1'000;
  std::map<uint16_t, uint64_t> sent_;
  std::deque<Range> questions_;
  ReceiverRig rig_;
};

}  // namespace

TEST_CASE("wire receiver: once or reported, whatever happens") {
  size_t recovered = 0;
  size_t duplicates = 0;
  for (const Recover order : {Recover::kOff, Recover::kLate, Recover::kOrdered}) {
    for (const bool breaks : {false, true}) {
      for (uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        CAPTURE(breaks);
        Sender sender(seed, order, breaks);
        sender.run(600);
        // After a broken connection what comes late is late.
        sender.check(order == Recover::kOff || (order == Recover::kOrdered && !breaks));
        for (const GapSeen& gap : sender.notes().gaps) recovered += gap.fate == GapFate::kRecovered ? 1 : 0;
        duplicates += sender.notes().duplicates;
      }
    }
  }
  CHECK(recovered > 1'000);
  CHECK(duplicates > 1'000);
}
