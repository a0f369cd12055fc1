// A subscriber's session on two connections in a row, with any bytes from the sender: parser, receiver, sequence
// numbers, recovery. No numbered message of a topic is delivered twice in an epoch, gaps are ranges, what is kept back
// is bounded, each connection ends once. The first byte chooses: checksums put right wherever a frame seems to begin, a
// proper greeting in front, the kind of recovery, a listener that refuses now and then. The second seeds the dice.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dice.h"
#include "loop/loop.h"
#include "net/socket.h"
#include "wire/control.h"
#include "wire/frame_writer.h"
#include "wire/quote_frame.h"
#include "wire/session.h"

namespace {

using namespace tickwire;
using namespace tickwire::wire;
using tickwire::fuzz::Dice;

// The input in pieces, and then the end. The descriptor is there to be watched.
class InputStream final : public Stream {
 public:
  InputStream(Fd fd, std::span<const uint8_t> input, Dice& dice) : fd_(std::move(fd)), input_(input), dice_(dice) {}
  IoResult read(std::span<uint8_t> into, int64_t&) override {
    if (input_.empty()) return {IoStatus::kEof, 0, {}};
    const size_t most = dice_.roll(3) == 0 ? 1 + dice_.roll(80) : input_.size();
    const size_t n = std::min({most, into.size(), input_.size()});
    if (n == 0) std::abort();  // the session asked for nothing: it would never get on
    std::copy_n(input_.begin(), n, into.begin());
    input_ = input_.subspan(n);
    return {IoStatus::kOk, n, {}};
  }
  IoResult write(std::span<const iovec> pieces) override {
    if (dice_.roll(16) == 0) return {IoStatus::kAgain, 0, {}};
    return {IoStatus::kOk, 1 + dice_.roll(static_cast<uint32_t>(pieces[0].iov_len)), {}};
  }
  void shutdown_write() noexcept override {}
  bool has_buffered_input() const noexcept override { return true; }  // the end as well
  int fd() const noexcept override { return fd_.get(); }
  bool full_duplex_threads() const noexcept override { return false; }

 private:
  Fd fd_;
  std::span<const uint8_t> input_;
  Dice& dice_;
};

class Listener final : public ReceiverListener, public SessionListener {
 public:
  explicit Listener(Dice* refusals) : refusals_(refusals) {}

  Flow on_message(const Frame& frame, const ReceiveTimes&) override {
    if (refuses()) return Flow::kPause;
    for (const uint8_t byte : frame.payload) sum += byte;
    note(frame.header);
    return Flow::kContinue;
  }
  Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes&) override {
    for (taken = 0; taken < count; ++taken) {
      if (refuses()) return Flow::kPause;
      note(read_header(frames + taken * kQuoteFrameBytes));
    }
    return Flow::kContinue;
  }
  void on_topics(const Topics& topics) override {
    for (const TopicEntry& entry : topics.entries) names_[entry.source] = entry.name;
  }
  void on_symbols(const Symbols& symbols) override {
    for (const SymbolEntry& entry : symbols.entries) sum += entry.text.size();
  }
  void on_gap(const Gap& gap) override {
    if (gap.range.from == 0 || gap.range.from > gap.range.to || gap.topic.empty()) std::abort();
  }
  void on_duplicate() override {}
  void on_conflated(uint64_t) override {}
  void on_discarded(uint64_t) override {}
  void on_unusable(const Frame& frame, Unusable) override {
    for (const uint8_t byte : frame.payload) sum += byte;
    if (session != nullptr) session->definition_missing();
  }
  void on_open(const Opened& opened) override {
    names_.clear();
    if (!opened.resumed) seen_.clear();
  }
  void on_damage(const ParserCounters&) override {}
  void on_heartbeat() override {}
  void on_pong(std::span<const uint8_t> payload) override { sum += payload.size(); }
  void on_ping() override {}
  void on_refused(const ErrorMessage& error, std::span<const std::string> topics) override {
    sum += error.text.size() + topics.size();
  }
  void on_overrun(uint64_t) override { std::abort(); }
  void on_bytes(size_t) override {}
  void on_batch_end() override {}
  void on_closed(const Error&, int64_t retry_after_ns) override {
    if (retry_after_ns < 0) std::abort();
    ++closed;
    session = nullptr;
  }

  Session* session = nullptr;
  int closed = 0;
  uint64_t sum = 0;

 private:
  bool refuses() { return refusals_ != nullptr && refusals_->roll(3) == 0; }
  void note(const Header& header) {
    if (header.sequence == 0 || (header.flags & kFlagSnapshot) != 0) return;
    const auto name = names_.find(header.source);
    if (name == names_.end()) std::abort();  // of a topic that was never defined
    if (!seen_.emplace(name->second, header.sequence).second) std::abort();
  }

  Dice* refusals_;
  std::map<uint16_t, std::string> names_;
  std::set<std::pair<std::string, uint64_t>> seen_;
};

template <class Put>
void append_control(std::vector<uint8_t>& out, Type type, Put&& put_payload) {
  uint8_t payload[512];
  TlvWriter writer(payload);
  put_payload(writer);
  Header header;
  header.type = static_cast<uint8_t>(type);
  std::vector<uint8_t> frame(frame_room(writer.size()));
  frame.resize(write_frame(frame.data(), header, {payload, writer.size()}));
  out.insert(out.end(), frame.begin(), frame.end());
}

void greet(std::vector<uint8_t>& out) {
  append_control(out, Type::kWelcome, [](TlvWriter& w) {
    Welcome welcome;
    welcome.epoch = 1;
    welcome.heartbeat_ms = 1000;
    welcome.max_payload = 1u << 20;
    put(w, welcome);
  });
  append_control(out, Type::kTopic, [](TlvWriter& w) {
    const TopicEntry entries[] = {{1, 0, "a"}, {2, 5, "b"}};
    put(w, 1, std::span(entries));
  });
  append_control(out, Type::kSymbol, [](TlvWriter& w) {
    const SymbolEntry entry{1, "S"};
    put(w, std::span(&entry, 1));
  });
}

void right_checksums(std::vector<uint8_t>& bytes) {
  for (size_t i = 0; i + kHeaderBytes <= bytes.size(); ++i) {
    if (!starts_frame(bytes.data() + i)) continue;
    const uint32_t length = load<uint32_t>(bytes.data() + i + 8);
    if (length <= bytes.size() - i - kHeaderBytes) store(bytes.data() + i + 12, frame_crc(bytes.data() + i, length));
  }
}

void connect(Loop& loop, Receiver& receiver, const Subscriptions& subscriptions, Listener& listener,
             std::span<const uint8_t> input, Dice& dice) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const Fd other(ends[1]);
  auto made = Session::create(loop, std::make_unique<InputStream>(Fd(ends[0]), input, dice), {}, receiver,
                              subscriptions, listener);
  if (!made.ok()) std::abort();
  const std::unique_ptr<Session> session = std::move(made.value());
  const int before = listener.closed;
  listener.session = session.get();
  session->start();
  for (int turn = 0; listener.closed == before; ++turn) {
    loop.run_once(0);
    session->resume();
    if (dice.roll(64) == 0 && listener.closed == before) static_cast<void>(receiver.on_time(INT64_MAX));
    // Somebody who asks for ever for what is there: each turn takes something.
    if (turn > 100'000) std::abort();
  }
  if (listener.closed != before + 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const uint8_t choice = data[0];
  Dice dice(data[1] * 2654435761u + 1);
  ReceiverOptions options;
  options.recover.order = static_cast<Recover>((choice >> 2) % 3);
  options.recover.slow = (choice & 16) != 0;
  options.recover.hold_bytes = 2048;
  options.max_topics = 8;
  static const std::unique_ptr<Loop> loop = std::move(Loop::create().value());
  Listener listener((choice & 32) != 0 ? &dice : nullptr);
  Receiver receiver(options, listener);
  Subscriptions subscriptions;
  const std::vector<std::string> topics{"a", "b"};
  subscriptions.add(topics, {});
  const std::span<const uint8_t> input(data + 3, size - 3);
  const size_t cut = std::min<size_t>(input.size(), data[2] * 8u);
  for (const auto part : {input.first(cut), input.subspan(cut)}) {
    std::vector<uint8_t> bytes;
    if ((choice & 2) != 0) greet(bytes);
    bytes.insert(bytes.end(), part.begin(), part.end());
    if ((choice & 1) != 0) right_checksums(bytes);
    connect(*loop, receiver, subscriptions, listener, bytes, dice);
  }
  return listener.sum == UINT64_MAX ? 1 : 0;
}
