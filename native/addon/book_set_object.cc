#include "addon/book_set_object.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "addon/channel_object.h"
#include "addon/js_values.h"
#include "addon/throw_error.h"
#include "base/clock.h"

namespace tickwire::addon {
namespace {

constexpr size_t kPadding = 64;            // see Decoder::decode()
constexpr size_t kKeepMessage = 1u << 20;  // memory for messages that is kept for the next one
constexpr uint32_t kNoField = 0xffff;      // lib/feed/refusal.ts takes the number apart
constexpr uint32_t kSnapshotSymbols = 64;

[[nodiscard]] book::Policy policy_named(const std::string& rules) {
  if (rules == "binance") return book::rules_of(book::Venue::kBinanceSpot);
  if (rules == "binanceUsdm") return book::rules_of(book::Venue::kBinanceUsdm);
  if (rules == "bybit") return book::rules_of(book::Venue::kBybit);
  if (rules == "okx") return book::rules_of(book::Venue::kOkx);
  if (rules == "kraken") return book::rules_of(book::Venue::kKraken);
  if (rules == "coinbase") return book::rules_of(book::Venue::kCoinbase);
  book::Policy policy;
  // Whole books alone, each with a number: of two paths the one ahead counts.
  if (rules == "snapshots") policy.continuity = book::Continuity::kIncreasing;
  return policy;
}

// Numbers that were left out keep what the rules say.
void override(const Napi::Object& js, const char* name, uint32_t& out) {
  const Napi::Value value = js.Get(name);
  if (value.IsNumber()) out = value.As<Napi::Number>().Uint32Value();
}

[[nodiscard]] feed::BookSetOptions read_options(const Napi::Object& js) {
  feed::BookSetOptions o;
  o.policy = policy_named(text(js, "rules"));
  o.depth = std::clamp<uint32_t>(static_cast<uint32_t>(size(js, "depth")), 1, feed::kMaxBookDepth);
  override(js, "venueDepth", o.policy.depth);
  override(js, "snapshotLevels", o.policy.snapshot_levels);
  override(js, "levels", o.policy.max_levels);
  override(js, "keptEvents", o.policy.max_kept_events);
  override(js, "keptBytes", o.policy.max_kept_bytes);
  // Of a side that was cut off, what is shown must be known; but a limit of few levels must not make it stale at once.
  const uint32_t known = std::max(std::min(o.policy.max_levels, o.policy.snapshot_levels), 2u) / 2;
  o.policy.min_levels = std::clamp<uint32_t>(o.depth, 1, std::max(1u, known));
  if (flag(js, "jumps") && o.policy.continuity == book::Continuity::kIncrement)
    o.policy.continuity = book::Continuity::kIncreasing;
  if (!flag(js, "sequence")) o.policy.continuity = book::Continuity::kNone;
  if (!flag(js, "checksum")) o.policy.checksum = book::ChecksumRule::kNone;
  if (flag(js, "crossed")) o.policy.crossed = book::CrossedRule::kStale;
  if (js.Get("orders").IsNumber()) {
    feed::OrderOptions& orders = o.orders.emplace();
    orders.shown = std::clamp(js.Get("orders").As<Napi::Number>().Uint32Value(), 1u, feed::kMaxOrdersShown);
    override(js, "maxOrders", orders.policy.limits.max_orders);
    orders.policy.limits.depth = o.policy.depth;
    orders.policy.checksum = o.policy.checksum == book::ChecksumRule::kKraken;
    // The order of one connection is all there is.
    o.policy.continuity = book::Continuity::kNone;
    o.policy.max_levels = o.policy.min_levels = 1;
  }
  return o;
}

}  // namespace

BookSetObject::SnapshotReader::SnapshotReader(decode::Schema schema)
    : symbol_memory(2 + kSnapshotSymbols * 33),
      symbols({reinterpret_cast<uint8_t*>(symbol_memory.data()), symbol_memory.size() * 8}, kSnapshotSymbols),
      rows(schema.shapes.front(), symbols),
      decoder(decode::make_json_decoder(std::move(schema), symbols)) {}

Napi::Function BookSetObject::define(Napi::Env env) {
  return DefineClass(
      env, "BookSet",
      {InstanceMethod<&BookSetObject::add>("add"), InstanceMethod<&BookSetObject::remove>("remove"),
       InstanceMethod<&BookSetObject::expect>("expect"), InstanceMethod<&BookSetObject::invalidate>("invalidate"),
       InstanceMethod<&BookSetObject::seed>("seed"), InstanceMethod<&BookSetObject::counters>("counters"),
       InstanceMethod<&BookSetObject::destroy>("destroy"), InstanceAccessor<&BookSetObject::handle>("handle")});
}

BookSetObject::BookSetObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto object = info[0].As<Napi::Object>();
  const auto js = info[1].As<Napi::Object>();
  ChannelObject* const on = ChannelObject::Unwrap(object);
  if (on == nullptr || on->closed()) throw_error(env, {Errc::kNotOpen, 0, "the channel is closed"});
  if (js.Get("snapshot").IsString()) {
    auto schema = decode::compile_schema(text(js, "snapshot"));
    if (!schema.ok()) throw_error(env, schema.error());
    if (schema.value().shapes.size() != 1 || !schema.value().shapes.front().book) {
      throw_error(env, {Errc::kSchema, 0, "snapshots need one shape, with a book role"});
    }
    snapshots_ = std::make_unique<SnapshotReader>(std::move(schema.value()));
  }
  handle_ = on->take_handle();
  if (handle_ == 0) throw_channel_full(env);
  books_ = std::make_shared<feed::BookSet>(on->core()->channel, read_options(js), handle_);
  channel_ = on;
  channel_ref_ = Napi::Persistent(object);
  channel_->adopt(*this, books_, {});
}

std::shared_ptr<feed::ChannelTenant> BookSetObject::detach() noexcept {
  channel_ = nullptr;
  return std::move(books_);
}

void BookSetObject::release() noexcept {
  if (channel_ == nullptr) return;
  channel_->forget(*this);
  // Feeds may hold on to the set; without books it touches no memory.
  std::vector<uint32_t> ids;
  for (const auto& [id, kept] : memory_) ids.push_back(id);
  post([ids = std::move(ids)](feed::BookSet& books) {
    for (const uint32_t id : ids) books.remove(id);
  });
  for (const auto& [id, kept] : memory_) channel_->let_go(kept);
  memory_.clear();
  channel_->destroy(std::move(books_));
  books_ = nullptr;
  channel_ = nullptr;
  channel_ref_.Reset();
}

template <class Task>
void BookSetObject::post(Task task) {
  if (channel_ == nullptr) return;
  (void)channel_->host().loop().post([books = books_, task = std::move(task)] { task(*books); });
}

Napi::Value BookSetObject::handle(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), handle_); }

// add(book, names, memory): the number was never another's.
Napi::Value BookSetObject::add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (channel_ == nullptr) return env.Undefined();
  const auto list = info[1].As<Napi::Array>();
  std::vector<std::string> names;
  for (uint32_t i = 0; i < list.Length(); ++i) names.push_back(list.Get(i).ToString().Utf8Value());
  auto memory = info[2].As<Napi::ArrayBuffer>();
  if (memory.ByteLength() < TripleSlot::stride(books_->options().view_bytes())) {
    throw_error(env, {Errc::kSystem, 0, "the memory of a book is too small"});
    return env.Undefined();
  }
  const uint32_t id = info[0].ToNumber().Uint32Value();
  if (memory_.contains(id)) {
    Napi::RangeError::New(env, "there is a book with this id").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const uint16_t kept = channel_->keep(Napi::Persistent(memory.As<Napi::Object>()));
  if (kept == 0) {
    throw_channel_full(env);
    return env.Undefined();
  }
  memory_[id] = kept;
  const std::span<uint8_t> bytes(static_cast<uint8_t*>(memory.Data()), memory.ByteLength());
  post([id, names = std::move(names), bytes](feed::BookSet& books) { books.add(id, names, bytes); });
  return env.Undefined();
}

Napi::Value BookSetObject::remove(const Napi::CallbackInfo& info) {
  const uint32_t id = info[0].ToNumber().Uint32Value();
  const auto kept = memory_.find(id);
  if (channel_ == nullptr || kept == memory_.end()) return info.Env().Undefined();
  post([id](feed::BookSet& books) { books.remove(id); });
  channel_->let_go(kept->second);
  memory_.erase(kept);
  return info.Env().Undefined();
}

Napi::Value BookSetObject::expect(const Napi::CallbackInfo& info) {
  const auto feed = static_cast<uint16_t>(info[1].ToNumber().Uint32Value());
  const bool ask = info[2].ToBoolean().Value();
  post([id = info[0].ToNumber().Uint32Value(), feed, ask](feed::BookSet& books) { books.expect(id, feed, ask); });
  return info.Env().Undefined();
}

Napi::Value BookSetObject::invalidate(const Napi::CallbackInfo& info) {
  post([id = info[0].ToNumber().Uint32Value()](feed::BookSet& books) { books.invalidate(id); });
  return info.Env().Undefined();
}

// seed(book, request, body): -1, or why the body is no snapshot.
Napi::Value BookSetObject::seed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (channel_ == nullptr || snapshots_ == nullptr) return Napi::Number::New(env, -1);
  SnapshotReader& reader = *snapshots_;
  const auto bytes = info[2].As<Napi::Uint8Array>();
  const size_t size = bytes.ByteLength();
  reader.message.resize(size + kPadding);
  if (size != 0) std::memcpy(reader.message.data(), bytes.Data(), size);
  std::memset(reader.message.data() + size, 0, kPadding);
  reader.batch.clear_into_own();
  auto outcome = reader.decoder->decode({reader.message.data(), size}, false, reader.batch);
  if (reader.message.capacity() > kKeepMessage + kPadding) std::vector<uint8_t>().swap(reader.message);
  if (outcome.ok && (outcome.ignored || reader.batch.rows().empty())) {
    outcome = {false, false, decode::Malformed::kUnknownShape, 0, -1, 0};
  }
  // Half a snapshot would pass for a whole one.
  if (outcome.ok && outcome.cut_levels > 0) outcome = {false, false, decode::Malformed::kTooManyRows, 0, -1, 0};
  if (!outcome.ok) {
    const uint32_t field = outcome.field < 0 ? kNoField : static_cast<uint32_t>(outcome.field);
    return Napi::Number::New(env, static_cast<uint32_t>(outcome.why) | uint32_t{outcome.shape} << 8 | field << 16);
  }
  size_t at = 0;
  book::Event event = reader.rows.read(reader.batch, at);
  event.kind = book::Kind::kSnapshot;
  event.request = info[1].ToNumber().Uint32Value();
  std::vector<book::RowLevel> levels(event.bids.begin(), event.bids.end());
  levels.insert(levels.end(), event.asks.begin(), event.asks.end());
  post([id = info[0].ToNumber().Uint32Value(), event, levels = std::move(levels)](feed::BookSet& books) {
    const std::span<const book::RowLevel> all(levels);
    const size_t bids = event.bids.size();
    book::Event shown = event;
    shown.bids = all.first(bids);
    shown.asks = all.subspan(bids);
    books.seed(id, shown, mono_ns());
  });
  return Napi::Number::New(env, -1);
}

// In the order of BookSetCounters in lib/native/book-layout.ts.
Napi::Value BookSetObject::counters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto out = Napi::Float64Array::New(env, 6);
  if (books_ == nullptr) return out;
  const feed::BookSetCounters& c = books_->counters();
  size_t i = 0;
  for (const auto* counter : {&c.events, &c.unknown, &c.elsewhere, &c.records, &c.no_symbol, &c.unreadable}) {
    out[i++] = static_cast<double>(counter->load(std::memory_order_relaxed));
  }
  return out;
}

Napi::Value BookSetObject::destroy(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
