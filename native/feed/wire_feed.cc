#include "feed/wire_feed.h"

#include <algorithm>
#include <utility>

#include "feed/connection_info.h"
#include "feed/shm_source.h"
#include "feed/stream_source.h"
#include "wire/frame_writer.h"
#include "wire/quote_frame.h"

namespace tickwire::feed {

namespace {

using decode::Malformed;
using wire::Flow;

// The payload follows its header, wherever the frame stands.
std::span<const uint8_t> whole(const wire::Frame& frame) noexcept {
  return {frame.payload.data() - wire::kHeaderBytes, wire::kHeaderBytes + frame.header.length};
}

std::span<const uint8_t> quote_at(const uint8_t* frames, size_t i) noexcept {
  return {frames + i * wire::kQuoteFrameBytes, wire::kQuoteFrameBytes};
}

Malformed kind_of(wire::Unusable why) noexcept {
  switch (why) {
    case wire::Unusable::kMalformed:
      return Malformed::kSyntax;
    case wire::Unusable::kUndefined:
      return Malformed::kUnknownSymbol;
    case wire::Unusable::kUnexpected:
      return Malformed::kUnexpected;
    case wire::Unusable::kTooMany:
      return Malformed::kTooManyTopics;
  }
  return Malformed::kSyntax;
}

// Shared memory loses records in one way only, and nobody is there to be asked for them again.
wire::ReceiverOptions receiving(const WireFeedOptions& options) {
  wire::ReceiverOptions receiver = options.receiver;
  if (options.shm) {
    receiver.recover.order = wire::Recover::kOff;
    receiver.jump = wire::GapCause::kOverrun;
  }
  return receiver;
}

}  // namespace

WireFeed::WireFeed(Channel& channel, WireFeedOptions& options, uint16_t handle)
    : FeedCore(channel, std::move(static_cast<CoreOptions&>(options)), handle, Errc::kClosedByUser),
      session_options_(std::move(options.session)),
      receiver_(receiving(options), *this) {
  for (const WireTopics& wanted : options.topics) subscriptions_.add(wanted.topics, wanted.filter);
  if (options.rows) decoder_.emplace(std::move(*options.rows), channel.symbols());
}

std::unique_ptr<SessionSource> WireFeed::make_source(WireFeedOptions& options) {
  if (options.shm) {
    wire::SessionListener& listener = *this;  // which only its own members may see
    return std::make_unique<ShmSource>(loop(), std::move(*options.shm), receiver_, subscriptions_, listener);
  }
  auto make_session = [this](std::unique_ptr<Stream> stream) -> Result<std::unique_ptr<SessionControl>> {
    auto session = wire::Session::create(loop(), std::move(stream), session_options_, receiver_, subscriptions_, *this);
    if (!session.ok()) return session.error();
    return std::unique_ptr<SessionControl>(std::move(session.value()));
  };
  return std::make_unique<StreamSource>(loop(), std::move(options.target), std::move(make_session));
}

Result<std::unique_ptr<WireFeed>> WireFeed::create(Channel& channel, WireFeedOptions options, uint16_t handle) {
  if (options.rows) options.schema = options.rows->rows;
  std::unique_ptr<WireFeed> feed(new WireFeed(channel, options, handle));
  auto ready = feed->prepare(channel, feed->make_source(options));
  if (!ready.ok()) return ready.error();
  return feed;
}

// ---- subscriptions
// ------------------------------------------------------------------------------------------------------------

void WireFeed::subscribe(const std::vector<std::string>& topics, const wire::TopicFilter& filter) {
  subscriptions_.add(topics, filter);
  // What is not sent now is said by the next connection; a queue that is full means that this one is at its end.
  if (wire_session() != nullptr) (void)wire_session()->subscribe(topics).ok();
}

void WireFeed::unsubscribe(const std::vector<std::string>& topics) {
  subscriptions_.remove(topics);
  for (const std::string& topic : topics) receiver_.unfollow(topic);
  if (wire_session() != nullptr) (void)wire_session()->unsubscribe(topics).ok();
}

void WireFeed::on_refused(const wire::ErrorMessage& error, std::span<const std::string> topics) {
  auto record = refused_record(handle(), loop().now_ns(), error, topics);
  publisher().control(record);
}

// ---- the connection
// -----------------------------------------------------------------------------------------------------------

void WireFeed::on_open(const wire::Opened& info) {
  if (decoder_) decoder_->begin_connection();
  counted_as_connected();
  opened(connection_info(stream_info(), info));
}

void WireFeed::on_closed(const Error& error, int64_t retry_after_ns) { closed(error, retry_after_ns); }

void WireFeed::on_ping() { stats().add(Counter::kPings); }

void WireFeed::on_heartbeat() { stats().add(Counter::kHeartbeats); }

void WireFeed::on_overrun(uint64_t records) { stats().add(Counter::kOverrun, records); }

void WireFeed::on_topics(const wire::Topics& topics) {
  if (decoder_ && !decoder_->define(topics)) refuse_kind(Malformed::kTooManySymbols, 1, {});
  for (const wire::TopicEntry& topic : topics.entries) {
    auto record = subscribed_record(handle(), loop().now_ns(), topic);
    publisher().control(record);
  }
}

void WireFeed::on_symbols(const wire::Symbols& symbols) {
  if (decoder_ && !decoder_->define(symbols)) refuse_kind(Malformed::kTooManySymbols, 1, {});
}

// ---- what did not come as it should
// -------------------------------------------------------------------------------------------

void WireFeed::on_gap(const wire::Gap& gap) {
  switch (gap.fate) {
    case wire::GapFate::kLost:
    case wire::GapFate::kRequested:
      stats().add(Counter::kGaps);
      stats().add(Counter::kMissing, gap.range.count());
      break;
    case wire::GapFate::kRecovered:
      stats().add(Counter::kRecovered, gap.range.count());
      break;
    case wire::GapFate::kRefused:
    case wire::GapFate::kExpired:
      break;
  }
  auto record = sequence_gap_record(handle(), loop().now_ns(), gap);
  publisher().control(record);
}

void WireFeed::on_duplicate() { stats().add(Counter::kDuplicates); }
void WireFeed::on_conflated(uint64_t count) { stats().add(Counter::kLeftOut, count); }
void WireFeed::on_discarded(uint64_t count) { stats().add(Counter::kDropped, count); }

void WireFeed::refuse_kind(Malformed kind, uint64_t count, std::span<const uint8_t> frame) {
  if (count == 0) return;
  if (count > 1) stats().add(kind, count - 1);
  decode::DecodeOutcome outcome;
  outcome.ok = false;
  outcome.why = kind;
  refuse(outcome, frame, {0, loop().now_ns()});
}

void WireFeed::on_unusable(const wire::Frame& frame, wire::Unusable why) {
  refuse_kind(kind_of(why), 1, whole(frame));
  if (why == wire::Unusable::kUndefined && wire_session() != nullptr) wire_session()->definition_missing();
}

void WireFeed::on_damage(const wire::ParserCounters& since) {
  stats().add(Counter::kSkippedBytes, since.skipped_bytes);
  refuse_kind(Malformed::kUnsupported, since.unsupported, {});
  refuse_kind(Malformed::kChecksum, since.of(wire::Damage::kChecksum), {});
  const uint64_t torn = since.of(wire::Damage::kCutShort) + since.of(wire::Damage::kGivenUp);
  refuse_kind(Malformed::kTruncated, torn, {});
  uint64_t strange = since.of(wire::Damage::kType) + since.of(wire::Damage::kLength);
  // Bytes that did not even begin like a frame: once for all that one read found.
  if (since.skipped_bytes > 0 && strange + torn + since.of(wire::Damage::kChecksum) == 0) strange = 1;
  refuse_kind(Malformed::kResync, strange, {});
}

// ---- data
// ---------------------------------------------------------------------------------------------------------------------

void WireFeed::not_decoded(const decode::DecodeOutcome& outcome, std::span<const uint8_t> frame,
                           const ReceiveTimes& times) {
  if (outcome.ok) {
    stats().add(Counter::kIgnored);
    return;
  }
  refuse(outcome, frame, times);
  if (outcome.why == Malformed::kUnknownSymbol && wire_session() != nullptr) wire_session()->definition_missing();
}

Flow WireFeed::on_raw(const wire::Frame& frame, const ReceiveTimes& times) {
  std::span<const uint8_t> bytes = whole(frame);
  if ((frame.header.flags & wire::kFlagMasked) != 0) {
    // As it was sent, so that its checksum holds: the mask was taken off where the frame lies.
    scratch_.assign(bytes.begin(), bytes.end());
    (void)wire::unmask(std::span(scratch_).subspan(wire::kHeaderBytes));
    bytes = scratch_;
  }
  if (!publisher().raw(RecordKind::kBinary, bytes, times)) {
    pause();
    return Flow::kPause;
  }
  taken(bytes.size(), times);
  return Flow::kContinue;
}

Flow WireFeed::on_message(const wire::Frame& frame, const ReceiveTimes& times) {
  if (!decoder_) return on_raw(frame, times);
  batch_.clear();
  const decode::DecodeOutcome outcome = decoder_->decode(frame, batch_);
  if (!outcome.ok || outcome.ignored) [[unlikely]] {
    not_decoded(outcome, whole(frame), times);
  } else if (!publisher().rows(batch_, times)) {
    pause();
    return Flow::kPause;
  } else if (outcome.cut_levels > 0) {
    stats().add(Counter::kLevelsCut, outcome.cut_levels);
  }
  taken(wire::kHeaderBytes + frame.header.length, times);
  return Flow::kContinue;
}

Flow WireFeed::on_quotes(const uint8_t* frames, size_t count, size_t& done, const ReceiveTimes& times) {
  done = 0;
  while (done < count) {
    if (!decoder_) {
      const uint8_t* const at = frames + done * wire::kQuoteFrameBytes;
      const Flow flow = on_raw({wire::read_header(at), {at + wire::kHeaderBytes, wire::kQuotePayloadBytes}}, times);
      if (flow != Flow::kContinue) return flow;
      ++done;
      continue;
    }
    batch_.clear();
    decode::DecodeOutcome outcome;
    const size_t rows = decoder_->decode_quotes(frames + done * wire::kQuoteFrameBytes, count - done, batch_, outcome);
    if (rows > 0 && !publisher().rows(batch_, times)) {
      // A quote is a row: those that found room are taken, the others will be offered and decoded again.
      const uint32_t published = publisher().take_partial();
      taken(published, published * wire::kQuoteFrameBytes, times);
      done += published;
      pause();
      return Flow::kPause;
    }
    taken(rows, rows * wire::kQuoteFrameBytes, times);
    done += rows;
    if (done == count) break;
    not_decoded(outcome, quote_at(frames, done), times);
    taken(wire::kQuoteFrameBytes, times);
    ++done;
  }
  return Flow::kContinue;
}

}  // namespace tickwire::feed
