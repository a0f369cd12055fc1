// A receiver, with the frames of a sender in the test's hands.
#pragma once
#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/control.h"
#include "wire/quote_frame.h"
#include "wire/raw.h"
#include "wire/receiver.h"
#include "wire_stream.h"

namespace tickwire::wire::testing {

inline std::string text_of(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

template <class Put>
Bytes control_frame(Type type, Put&& put) {
  Bytes payload(8192);
  TlvWriter out(payload);
  put(out);
  REQUIRE(out.ok());
  payload.resize(out.size());
  Header h;
  h.type = static_cast<uint8_t>(type);
  return make_frame(h, payload);
}

inline Bytes topic_frame(uint16_t source, std::string_view name, uint64_t last, uint32_t request = 0) {
  const TopicEntry entry{source, last, name};
  return control_frame(Type::kTopic, [&](TlvWriter& out) { put(out, request, std::span(&entry, 1)); });
}
inline Bytes heartbeat_frame(std::vector<LastSequence> last) {
  return control_frame(Type::kHeartbeat, [&](TlvWriter& out) { put(out, last); });
}
inline Bytes skipped_frame(uint16_t source, SequenceRange range, SkippedWhy why = SkippedWhy::kSlow) {
  const Range one{source, range.from, range.to};
  return control_frame(Type::kSkipped, [&](TlvWriter& out) { put(out, why, std::span(&one, 1)); });
}
inline Bytes refused_frame(uint16_t source, SequenceRange range) {
  ResendRefused no;
  no.request = 1;
  no.range = {source, range.from, range.to};
  return control_frame(Type::kResendRefused, [&](TlvWriter& out) { put(out, no); });
}
// A message whose content is its topic's number and its own.
inline Bytes message_frame(uint16_t source, uint64_t number, uint8_t flags = 0) {
  Header h = header_of(Type::kRaw, source, number);
  h.flags = flags;
  const std::string content = std::to_string(source) + ":" + std::to_string(number);
  Bytes payload(64);
  TlvWriter out(payload);
  Raw raw;
  raw.kind = ContentKind::kText;
  raw.content = {reinterpret_cast<const uint8_t*>(content.data()), content.size()};
  put(out, raw);
  payload.resize(out.size());
  return make_frame(h, payload);
}

struct GapSeen {
  std::string topic;
  SequenceRange range;
  GapCause cause;
  GapFate fate;
  [[nodiscard]] bool operator==(const GapSeen&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const GapSeen& gap) {
  return out << gap.topic << " " << gap.range.from << "-" << gap.range.to << " cause " << static_cast<int>(gap.cause)
             << " fate " << static_cast<int>(gap.fate);
}

class ReceiverNotes : public ReceiverListener {
 public:
  virtual ~ReceiverNotes() = default;
  std::vector<std::string> messages;  // "source:number", with "s" or "r" behind it by its flags
  std::vector<GapSeen> gaps;
  std::vector<std::string> topics;   // "source=name@last"
  std::vector<std::string> symbols;  // "id=text"
  std::vector<Unusable> unusable;
  uint64_t duplicates = 0;
  uint64_t conflated = 0;
  uint64_t discarded = 0;
  std::function<Flow()> answer = [] { return Flow::kContinue; };

  Flow on_message(const Frame& frame, const ReceiveTimes&) override {
    const Flow flow = answer();
    if (flow != Flow::kPause) messages.push_back(name_of(frame.header));
    return flow;
  }
  Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes&) override {
    for (taken = 0; taken < count; ++taken) {
      const Flow flow = answer();
      if (flow != Flow::kPause) messages.push_back(name_of(read_header(frames + taken * kQuoteFrameBytes)));
      if (flow == Flow::kStop) ++taken;
      if (flow != Flow::kContinue) return flow;
    }
    return Flow::kContinue;
  }
  void on_topics(const Topics& all) override {
    for (const TopicEntry& entry : all.entries) {
      topics.push_back(std::to_string(entry.source) + "=" + std::string(entry.name) + "@" +
                       std::to_string(entry.last_sequence));
    }
  }
  void on_symbols(const Symbols& all) override {
    for (const SymbolEntry& entry : all.entries)
      symbols.push_back(std::to_string(entry.id) + "=" + std::string(entry.text));
  }
  void on_gap(const Gap& gap) override { gaps.push_back({std::string(gap.topic), gap.range, gap.cause, gap.fate}); }
  void on_duplicate() override { ++duplicates; }
  void on_conflated(uint64_t count) override { conflated += count; }
  void on_discarded(uint64_t count) override { discarded += count; }
  void on_unusable(const Frame&, Unusable why) override { unusable.push_back(why); }

  static std::string name_of(const Header& h) {
    return std::to_string(h.source) + ":" + std::to_string(h.sequence) + ((h.flags & kFlagSnapshot) != 0 ? "s" : "") +
           ((h.flags & kFlagResent) != 0 ? "r" : "");
  }
};

// Frames go through a parser, as from a connection; what is refused waits, as in a receive ring.
struct ReceiverRig : private FrameSink {
  explicit ReceiverRig(ReceiverOptions options = {}) : receiver(options, notes) { receiver.begin(kEpoch); }

  static constexpr uint64_t kEpoch = 77;

  Flow on_frame(const Frame& frame) override { return receiver.on_frame(frame, times); }
  Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken) override {
    return receiver.on_quotes(frames, count, taken, times);
  }
  // Everything that fits is shown at once.
  Flow show(const Bytes& more = {}) {
    append(ring, more);
    if (receiver.blocked() && receiver.resume() != Flow::kContinue) return Flow::kPause;
    const ParseOutcome out = parser.feed(ring, 1u << 20, *this);
    ring.erase(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(out.consumed));
    for (const Range& range : receiver.take_asked()) asked.push_back(range);
    return out.flow;
  }
  void show_all(std::initializer_list<Bytes> frames) {
    for (const Bytes& frame : frames) CHECK(show(frame) == Flow::kContinue);
    CHECK(ring.empty());
  }
  // As a session does it.
  void reconnect(uint64_t epoch) {
    ring.clear();
    parser.reset();
    receiver.end();
    receiver.begin(epoch);
  }
  [[nodiscard]] std::vector<SequenceRange> take_asked(uint16_t source) {
    std::vector<SequenceRange> ranges;
    for (const Range& range : asked) {
      CHECK(range.source == source);
      ranges.push_back({range.from, range.to});
    }
    asked.clear();
    return ranges;
  }

  ReceiverNotes notes;
  Receiver receiver;
  FrameParser parser;
  Bytes ring;
  ReceiveTimes times{1, 1'000};
  std::vector<Range> asked;
};

}  // namespace tickwire::wire::testing
