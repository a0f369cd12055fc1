#include "feed/shm_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "wire/frame_writer.h"

namespace tickwire::feed {

namespace {

constexpr size_t kRecordsPerTurn = 16'384;
constexpr int64_t kLookInterval = 10'000'000;  // at the writer's life, while spinning
constexpr std::string_view kAllTopics = "*";

// Whether these bytes are one frame, whole, of which the payload can be read.
bool is_frame(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() < wire::kHeaderBytes || !wire::starts_frame(bytes.data())) return false;
  const wire::Header header = wire::read_header(bytes.data());
  const size_t least = (header.flags & wire::kFlagMasked) != 0 ? wire::kMaskBytes : 0;
  return header.type != 0 && header.length == bytes.size() - wire::kHeaderBytes && header.length >= least &&
         (header.flags & ~wire::kFlagsUnderstood) == 0;
}

// Takes the mask off a frame in memory of our own.
void unmask_frame(std::vector<uint8_t>& frame) noexcept {
  if ((wire::read_header(frame.data()).flags & wire::kFlagMasked) == 0) return;
  (void)wire::unmask(std::span(frame).subspan(wire::kHeaderBytes));
}

wire::Frame frame_in(const std::vector<uint8_t>& bytes) noexcept {
  const wire::Header header = wire::read_header(bytes.data());
  const size_t key = (header.flags & wire::kFlagMasked) != 0 ? wire::kMaskBytes : 0;
  return {header, {bytes.data() + wire::kHeaderBytes, header.length - key}};
}

}  // namespace

Result<std::unique_ptr<SessionControl>> ShmSession::create(Loop& loop, std::unique_ptr<shm::Reader> reader,
                                                           bool joining, bool spin, wire::Receiver& receiver,
                                                           const wire::Subscriptions& subscriptions,
                                                           wire::SessionListener& listener) {
  std::unique_ptr<ShmSession> session(
      new ShmSession(loop, std::move(reader), joining, spin, receiver, subscriptions, listener));
  if (!spin) {
    auto waiter = ShmWaiter::start(loop, session->reader_, [self = session.get()] {
      self->waiting_ = false;
      self->on_resume();
    });
    if (!waiter.ok()) return waiter.error();
    session->waiter_ = std::move(waiter.value());
  }
  return std::unique_ptr<SessionControl>(std::move(session));
}

ShmSession::ShmSession(Loop& loop, std::unique_ptr<shm::Reader> reader, bool joining, bool spin,
                       wire::Receiver& receiver, const wire::Subscriptions& subscriptions,
                       wire::SessionListener& listener)
    : loop_(loop),
      reader_(std::move(reader)),
      joining_(joining),
      spin_(spin),
      receiver_(receiver),
      subscriptions_(subscriptions),
      listener_(listener) {}

ShmSession::~ShmSession() { loop_.cancel_resume(*this); }

// ---- control

void ShmSession::start() {
  if (state_ == State::kIdle) loop_.resume_later(*this);
}

Result<void> ShmSession::ping(std::span<const uint8_t>) {
  return Error{Errc::kNotOpen, 0, "shared memory has nobody to answer a ping"};
}

void ShmSession::close(uint16_t, std::string_view, const Error& why) { finish(why); }

void ShmSession::finish(const Error& error) {
  if (state_ == State::kClosed) return;
  const Error copy = error;
  const bool opened = state_ == State::kOpen;
  state_ = State::kClosed;
  waiter_.reset();
  loop_.cancel_resume(*this);
  if (opened) receiver_.end();
  listener_.on_closed(copy, 0);
}

void ShmSession::resume() {
  if (!paused_ || state_ == State::kClosed) return;
  paused_ = false;
  loop_.resume_later(*this);
}

bool ShmSession::wanted(std::string_view topic) const noexcept {
  return subscriptions_.has(topic) || subscriptions_.has(kAllTopics);
}

Result<void> ShmSession::subscribe(std::span<const std::string> topics) {
  if (state_ != State::kOpen) return Error{Errc::kNotOpen, 0, {}};
  for (const std::string& topic : topics) {
    if (topic == kAllTopics) {
      for (const auto& [name, known] : topics_) {
        if (!wanted(known.source)) announce(name, known);
      }
    } else if (const auto at = topics_.find(topic); at != topics_.end() && !wanted(at->second.source)) {
      announce(at->first, at->second);
    }
  }
  return {};
}

Result<void> ShmSession::unsubscribe(std::span<const std::string>) {
  if (state_ != State::kOpen) return Error{Errc::kNotOpen, 0, {}};
  for (const auto& [name, known] : topics_) {
    if (wanted(known.source) && !wanted(name)) wanted_[known.source] = false;
  }
  return {};
}

// ---- definitions

void ShmSession::open() {
  state_ = State::kOpen;
  const bool resumed = receiver_.begin(reader_->epoch());
  listener_.on_open(
      {{},
       reader_->epoch(),
       resumed,
       0,
       static_cast<uint32_t>(std::min<uint64_t>(reader_->segment().geometry().max_payload(), wire::kMaxPayload))});
  if (state_ == State::kClosed) return;
  receiver_.set_joining(joining_);
  read_table();
  receiver_.set_joining(false);
}

void ShmSession::read_table() {
  reader_->poll_table([this](std::span<const uint8_t> entry) {
    if (state_ == State::kClosed || !is_frame(entry)) return;
    // Entries do not change, but they are not ours to take a mask off.
    entry_.assign(entry.begin(), entry.end());
    unmask_frame(entry_);
    define(frame_in(entry_));
  });
}

void ShmSession::define(const wire::Frame& frame) {
  wire::Topics topics;
  if (!frame.header.is(wire::Type::kTopic) || !get(frame.payload, topics)) {
    (void)receiver_.on_frame(frame, times_);  // symbols; or something that it counts as malformed
    return;
  }
  // Copies first: announcing makes frames of its own.
  std::vector<std::pair<std::string, Known>> fresh;
  for (const wire::TopicEntry& topic : topics.entries) {
    fresh.emplace_back(topic.name, Known{topic.source, topic.last_sequence});
  }
  for (const auto& [name, known] : fresh) {
    topics_.insert_or_assign(name, known);
    if (wanted(name)) announce(name, known);
  }
}

// Tells the receiver of one topic, as a hub's Topic message would.
void ShmSession::announce(std::string_view name, const Known& topic) {
  uint8_t frame[wire::frame_room(512)];
  wire::TlvWriter out({frame + wire::kHeaderBytes, 512});
  const wire::TopicEntry entry{topic.source, topic.last, name};
  put(out, 0, std::span(&entry, 1));
  if (!out.ok()) return;  // cannot be: names have at most 255 bytes
  if (topic.source >= wanted_.size()) wanted_.resize(size_t{topic.source} + 1, false);
  wanted_[topic.source] = true;
  wire::Header header;
  header.type = static_cast<uint8_t>(wire::Type::kTopic);
  header.length = static_cast<uint32_t>(out.size());
  (void)receiver_.on_frame({header, {frame + wire::kHeaderBytes, out.size()}}, times_);
}

// ---- reading

void ShmSession::on_resume() {
  if (state_ == State::kClosed || paused_ || waiting_) return;
  if (state_ == State::kIdle) {
    open();
    if (state_ == State::kClosed) return;
  } else if (spin_ && !reader_->pending() && run_count_ == 0 && !have_frame_ && !receiver_.blocked()) {
    return wait_for_more();
  }
  const Step step = read();
  if (state_ == State::kClosed) return;
  if (const uint64_t lost = reader_->lost(); lost != lost_seen_) {
    listener_.on_overrun(lost - lost_seen_);
    lost_seen_ = lost;
  }
  listener_.on_batch_end();
  if (state_ == State::kClosed) return;
  if (step == Step::kPause) {
    paused_ = true;
  } else if (reader_->status() != Errc::kNone) {
    finish({reader_->status(), 0, "the segment holds what no writer leaves behind"});
  } else if (reader_->pending()) {
    loop_.resume_later(*this);
  } else {
    wait_for_more();
  }
}

ShmSession::Step ShmSession::read() {
  if (receiver_.blocked() && receiver_.resume() != wire::Flow::kContinue) return Step::kPause;
  // What was refused comes first.
  if (pass_on_quotes() == Step::kPause || pass_on_frame() == Step::kPause) return Step::kPause;
  times_ = {0, mono_ns()};
  size_t bytes = 0;
  Step step = Step::kOn;
  const auto deliver = [&](const shm::Record& record) {
    read_table();  // what it refers to was there before it was published
    bytes += record.payload.size();
    step = take_record(record.payload);
  };
  for (size_t n = 0; n < kRecordsPerTurn && step == Step::kOn && state_ == State::kOpen; ++n) {
    if (reader_->poll(deliver, 1) == 0) break;
  }
  if (bytes > 0 && state_ == State::kOpen) listener_.on_bytes(bytes);
  return step == Step::kOn ? pass_on_quotes() : step;
}

ShmSession::Step ShmSession::take_record(std::span<const uint8_t> bytes) {
  if (bytes.size() == wire::kQuoteFrameBytes && wire::looks_like_quote(bytes.data())) {
    if (!wanted(wire::load<uint16_t>(bytes.data() + 6))) return Step::kOn;
    std::memcpy(run_.data() + run_count_++ * wire::kQuoteFrameBytes, bytes.data(), wire::kQuoteFrameBytes);
    return run_count_ == kRun ? pass_on_quotes() : Step::kOn;
  }
  const Step quotes = pass_on_quotes();
  have_frame_ = take_frame(bytes);
  return quotes == Step::kPause ? quotes : pass_on_frame();
}

// False: it is none, or none for us.
bool ShmSession::take_frame(std::span<const uint8_t> bytes) {
  if (!is_frame(bytes)) {
    wire::ParserCounters strange;
    strange.skipped_bytes = bytes.size();
    listener_.on_damage(strange);
    return false;
  }
  const wire::Header header = wire::read_header(bytes.data());
  if (header.source != 0 && !wanted(header.source)) return false;
  frame_.assign(bytes.begin(), bytes.end());
  unmask_frame(frame_);
  return true;
}

ShmSession::Step ShmSession::pass_on_quotes() {
  if (run_count_ == 0 || state_ == State::kClosed) return Step::kOn;
  size_t taken = 0;
  const wire::Flow flow = receiver_.on_quotes(run_.data(), run_count_, taken, times_);
  if (flow != wire::Flow::kPause) taken = run_count_;
  run_count_ -= taken;
  if (run_count_ != 0) {
    std::memmove(run_.data(), run_.data() + taken * wire::kQuoteFrameBytes, run_count_ * wire::kQuoteFrameBytes);
  }
  return flow == wire::Flow::kPause || receiver_.blocked() ? Step::kPause : Step::kOn;
}

ShmSession::Step ShmSession::pass_on_frame() {
  if (!have_frame_ || state_ == State::kClosed) return Step::kOn;
  const wire::Frame frame = frame_in(frame_);
  if (frame.header.is(wire::Type::kHeartbeat)) listener_.on_heartbeat();
  // The end of a segment is told by its state; a goodbye adds nothing to it.
  if (!frame.header.is(wire::Type::kBye) && receiver_.on_frame(frame, times_) == wire::Flow::kPause) {
    return Step::kPause;
  }
  have_frame_ = false;
  return receiver_.blocked() ? Step::kPause : Step::kOn;
}

// Everything was read.
void ShmSession::wait_for_more() {
  if (spin_) {
    const int64_t now = loop_.now_ns();
    if (now >= next_look_ns_) {
      next_look_ns_ = now + kLookInterval;
      if (writer_gone()) return;
    }
    loop_.resume_later(*this);
    return;
  }
  if (writer_gone()) return;
  waiting_ = true;
  waiter_->wait();
}

bool ShmSession::writer_gone() {
  const shm::SegmentState state = reader_->state();
  if (state == shm::SegmentState::kLive && reader_->writer_alive()) return false;
  // It may have written until its end.
  if (reader_->pending()) return loop_.resume_later(*this), true;
  if (state == shm::SegmentState::kClosed) {
    finish({Errc::kEof, 0, "the writer has closed the segment"});
  } else {
    finish({Errc::kShmWriterGone, 0, "the writer is gone"});
  }
  return true;
}

}  // namespace tickwire::feed
