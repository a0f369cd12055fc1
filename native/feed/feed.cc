#include "feed/feed.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "feed/connection_info.h"
#include "feed/stream_source.h"

namespace tickwire::feed {

namespace {

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

// In front of its one caller, which runs for each message and is to hold it.
inline bool Feed::deliver(const ws::Message& message, const ReceiveTimes& times) {
  if (kept_ || kept_refused_) [[unlikely]] {
    bool is_done = false;
    if (!deliver_kept(is_done)) return false;
    if (is_done) return true;
  }
  const bool binary = message.opcode == ws::Opcode::kBinary;
  if (decoder_ == nullptr) {
    return publisher().raw(binary ? RecordKind::kBinary : RecordKind::kText, message.data, times);
  }
  if (arbiter_ != nullptr) {
    if (arbiter_->in_order() && !arbiter_has_room()) return false;
    batch_.clear_into_own();  // the arbiter may tell of a gap while it looks at the rows: they must not lie in the ring
  } else {
    publisher().prepare(batch_);
  }
  const auto outcome = decoder_->decode(message.data, binary, batch_);
  if (!outcome.ok) [[unlikely]] {
    refuse(outcome, message.data, times);
    if (books_) books_->refused(outcome, message.data, times.rx_ns);
    return true;
  }
  if (outcome.ignored) {
    stats().add(Counter::kIgnored);
    return true;
  }
  const bool is_notice = !notice_.empty() && !batch_.rows().empty() && notice_[batch_.rows().front().shape];
  if (is_notice) [[unlikely]] {
    publisher().notices(batch_, times);
  } else if (arbiter_ != nullptr || outcome.blank) {
    return deliver_first(outcome, times);
  } else if (!books_ || !books_->keeps(batch_)) {
    if (!publisher().rows(batch_, times)) return false;
  }
  // Behind the publisher, which may ask for the same message again.
  if (books_) {
    books_->take(batch_, outcome, times.rx_ns);
    books_->end_of_message();
  }
  if (outcome.cut_levels > 0) stats().add(Counter::kLevelsCut, outcome.cut_levels);
  return true;
}

Feed::Feed(Channel& channel, FeedOptions options, uint16_t handle)
    : FeedCore(channel, std::move(static_cast<CoreOptions&>(options)), handle, Errc::kWsClosedByUser),
      session_options_(std::move(options.session)),
      greeting_(std::move(options.greeting)),
      arbiter_(std::move(options.arbiter)),
      path_(options.path) {}

Feed::~Feed() {
  if (lane_ != 0) arbiter_->close_lane(lane_);
}

void Feed::set_greeting(std::vector<Greeting> greeting, uint32_t number) {
  greeting_ = std::move(greeting);
  greeting_number_ = number;
}

// Leaves in the batch what came first. False when the arbiter has taken all of it, to hand it on in order.
bool Feed::pass_arbiter(const ReceiveTimes& times) {
  const auto offered = static_cast<uint32_t>(batch_.rows().size());
  const bool in_order = arbiter_->in_order();
  const Arbiter::Dropped dropped =
      in_order ? arbiter_->arrange(batch_, path_, lane_, times) : arbiter_->filter(batch_, path_, lane_, times.rx_ns);
  if (dropped.copies != 0) {
    stats().add(Counter::kDuplicates, dropped.copies);
    stats().add(Counter::kCopyLagNs, dropped.lag_ns);
  }
  if (!in_order) return true;
  stats().add(Counter::kRows, offered - dropped.copies);
  (void)arbiter_->drain();  // if there is no room, no further message is taken
  return false;
}

// Rows that an arbiter takes, or of which some are for books alone. No message is decoded twice here, as what has
// passed would not pass again.
bool Feed::deliver_first(const decode::DecodeOutcome& outcome, const ReceiveTimes& times) {
  if (outcome.cut_levels > 0) stats().add(Counter::kLevelsCut, outcome.cut_levels);
  if (!books_) return deliver_rest(outcome, times);
  books_->take(batch_, outcome, times.rx_ns);
  const bool done = books_->keeps(batch_) || deliver_rest(outcome, times);
  // Not before: what books tell would be written over the rows, which mostly lie in the ring already.
  books_->end_of_message();
  return done;
}

bool Feed::deliver_rest(const decode::DecodeOutcome& outcome, const ReceiveTimes& times) {
  if (outcome.blank) decode::drop_blank_rows(batch_, options().schema->shapes);
  if (arbiter_ != nullptr && !pass_arbiter(times)) return true;
  if (batch_.rows().empty() || publisher().rows(batch_, times)) return true;
  kept_ = kept_refused_ = true;
  kept_times_ = times;
  return false;
}

// Whether rows that the arbiter has taken before were published, so that it takes more.
bool Feed::arbiter_has_room() {
  if (arbiter_->drain()) return true;
  publisher().wait();
  return arbiter_->drain();  // room that was freed before the reader could see that we wait is announced by nobody
}

// What an arbiter let pass.
bool Feed::offer_kept() {
  if (kept_ && publisher().rows(batch_, kept_times_)) kept_ = false;
  return !kept_;
}

bool Feed::deliver_kept(bool& is_done) {
  if (!offer_kept()) return false;
  is_done = std::exchange(kept_refused_, false);
  return true;
}

void Feed::on_session_gone() {
  kept_refused_ = false;
  if (lane_ != 0) arbiter_->close_lane(lane_);
  lane_ = 0;
}

Result<std::unique_ptr<Feed>> Feed::create(Channel& channel, FeedOptions options, uint16_t handle) {
  ConnectTarget target = std::move(options.target);
  if (options.arbiter != nullptr) {
    if (!options.schema || options.path >= options.arbiter->paths() || &options.arbiter->channel() != &channel) {
      return Error{Errc::kSchema, 0, "the arbiter is of another channel, or has no such path"};
    }
    options.row_handle = options.arbiter->handle();
    options.conflator = options.arbiter->conflator();
  }
  std::optional<decode::SbeSchema> sbe = std::move(options.sbe);
  std::shared_ptr<BookSet> books = std::move(options.books);
  const bool book_rows = options.book_rows;
  const std::span<uint8_t> tap = options.tap;
  std::unique_ptr<Feed> feed(new Feed(channel, std::move(options), handle));
  if (!tap.empty()) feed->tap_.emplace(tap);
  if (sbe) {
    feed->decoder_ = decode::make_sbe_decoder(std::move(*sbe), channel.symbols());
  } else if (feed->options().schema) {
    feed->decoder_ = decode::make_json_decoder(*feed->options().schema, channel.symbols());
  }
  if (feed->options().schema) {
    const auto& shapes = feed->options().schema->shapes;
    if (std::any_of(shapes.begin(), shapes.end(), [](const decode::Shape& shape) { return shape.notice; })) {
      for (const decode::Shape& shape : shapes) feed->notice_.push_back(shape.notice);
    }
  }
  if (books && feed->options().schema) {
    if (&books->channel() != &channel) return Error{Errc::kSystem, 0, "the books are of another channel"};
    feed->books_.emplace(std::move(books), *feed->options().schema, book_rows, handle);
  }
  auto make_session = [self = feed.get()](std::unique_ptr<Stream> stream) -> Result<std::unique_ptr<SessionControl>> {
    auto session = ws::Session::create(self->loop(), std::move(stream), self->session_options_, *self);
    if (!session.ok()) return session.error();
    return std::unique_ptr<SessionControl>(std::move(session.value()));
  };
  auto ready = feed->prepare(
      channel, std::make_unique<StreamSource>(channel.loop(), std::move(target), std::move(make_session)));
  if (!ready.ok()) return ready.error();
  return feed;
}

void Feed::tap(Tap::Kind kind, ws::Opcode opcode, std::span<const uint8_t> bytes, int64_t time_ns) noexcept {
  tap_->write(kind, opcode == ws::Opcode::kBinary, 0, bytes, time_ns);
}

// ---- sending
// ------------------------------------------------------------------------------------------------------------------

Result<void> Feed::send(ws::Opcode opcode, std::span<const uint8_t> payload) {
  return with_session([&](SessionControl& session) {
    auto sent = own(session).send(opcode, payload);
    if (sent.ok()) {
      stats().add_shared(Counter::kSent);
      stats().add_shared(Counter::kSentBytes, payload.size());
    }
    return sent;
  });
}

Result<void> Feed::send_batch(std::span<const ws::Message> messages) {
  return with_session([&](SessionControl& session) {
    auto sent = own(session).send_batch(messages);
    if (sent.ok()) {
      uint64_t bytes = 0;
      for (const auto& m : messages) bytes += m.data.size();
      stats().add_shared(Counter::kSent, messages.size());
      stats().add_shared(Counter::kSentBytes, bytes);
    }
    return sent;
  });
}

void Feed::send_app_ping(std::string_view text) {
  // A full send queue is the transport's problem; the idle deadline notices when nothing comes back.
  if (session() == nullptr || !own(*session()).send(ws::Opcode::kText, bytes_of(text)).ok()) return;
  if (tap_) tap(Tap::Kind::kSent, ws::Opcode::kText, bytes_of(text), loop().now_ns());
}

// ---- the session's reports
// ----------------------------------------------------------------------------------------------------

void Feed::on_open(const ws::HandshakeResult& result) {
  counted_as_connected();
  if (books_) books_->connected();
  tapped_ = false;
  if (tap_) tap_->write(Tap::Kind::kOpen, false, 0, {}, loop().now_ns());
  if (arbiter_ != nullptr) lane_ = arbiter_->open_lane();
  stats().set_greeting(greeting_number_);
  // Before anybody else may send: the greeting is what the peer hears first.
  for (const auto& greeting : greeting_) {
    if (!own(*session()).send(greeting.opcode, bytes_of(greeting.payload)).ok()) {
      break;  // the session is on its way down and says so itself
    }
    if (tap_) tap(Tap::Kind::kSent, greeting.opcode, bytes_of(greeting.payload), loop().now_ns());
    stats().add_shared(Counter::kSent);
    stats().add_shared(Counter::kSentBytes, greeting.payload.size());
  }
  opened(connection_info(stream_info(), result));
}

void Feed::on_ping(std::span<const uint8_t>) { stats().add(Counter::kPings); }

void Feed::on_closed(const Error& error, bool) {
  if (books_) books_->disconnected();
  if (tap_) {
    const bool has_code = error.code == Errc::kWsClosed || error.code == Errc::kWsClosedByUser;
    const auto code = static_cast<uint16_t>(has_code ? error.detail : 0);
    tap_->write(Tap::Kind::kClose, false, code, bytes_of(error.text), loop().now_ns());
  }
  if (error.code == Errc::kHandshakeStatus && session() != nullptr) {
    refused(error, own(*session()).retry_after_ns());
  } else {
    closed(error);
  }
}

// ---- data
// ---------------------------------------------------------------------------------------------------------------------

ws::Flow Feed::on_message(const ws::Message& message, const ReceiveTimes& times) {
  if (tap_ && !tapped_) [[unlikely]]
    tap(Tap::Kind::kReceived, message.opcode, message.data, times.rx_ns);
  if (!deliver(message, times)) [[unlikely]] {
    tapped_ = true;
    pause();
    return ws::Flow::kPause;
  }
  tapped_ = false;
  taken(message.data.size(), times);
  return ws::Flow::kContinue;
}

}  // namespace tickwire::feed
