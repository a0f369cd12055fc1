#include "addon/feed_options.h"

#include "addon/arbiter_object.h"
#include "addon/book_set_object.h"
#include "addon/connect_options.h"
#include "addon/core_options.h"
#include "addon/js_values.h"
#include "feed/tap.h"

namespace tickwire::addon {

namespace {

void read_session(const Napi::Object& js, ws::SessionOptions& o) {
  o.handshake.host_header = text(js, "hostHeader");
  o.handshake.path = text(js, "path");
  o.handshake.subprotocols = texts(js, "subprotocols");
  o.handshake.origin = text(js, "origin");
  const auto headers = js.Get("headers").As<Napi::Array>();
  for (uint32_t i = 0; i < headers.Length(); ++i) {
    const auto pair = headers.Get(i).As<Napi::Array>();
    o.handshake.headers.emplace_back(pair.Get(0u).ToString().Utf8Value(), pair.Get(1u).ToString().Utf8Value());
  }
  if (js.Get("deflate").IsObject()) {
    const auto deflate = object(js, "deflate");
    auto& d = o.handshake.deflate;
    d.enabled = true;
    d.client_no_context_takeover = flag(deflate, "clientNoContextTakeover");
    d.server_no_context_takeover = flag(deflate, "serverNoContextTakeover");
    d.client_max_window_bits = integer(deflate, "clientMaxWindowBits");
    d.server_max_window_bits = integer(deflate, "serverMaxWindowBits");
    d.level = integer(deflate, "level");
    d.threshold = size(deflate, "threshold");
  }
  const auto limits = object(js, "limits");
  o.limits.max_message = size(limits, "maxMessage");
  o.limits.max_fragments = static_cast<uint32_t>(size(limits, "maxFragments"));
  o.max_send_queue = size(limits, "maxSendQueue");
  o.max_pings_per_second = static_cast<uint32_t>(size(limits, "maxPingsPerSecond"));
  o.recv_buffer = size(js, "recvBuffer");
  o.read_chunk = size(js, "readChunk");
  o.handshake_timeout_ns = ns(js, "handshakeTimeout");
  o.close_timeout_ns = ns(js, "closeTimeout");
  o.trigger = text(js, "trigger") == "level" ? Trigger::kLevel : Trigger::kEdge;
}

}  // namespace

std::vector<feed::Greeting> read_greeting(Napi::Array list) {
  std::vector<feed::Greeting> greeting;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value value = list.Get(i);
    if (value.IsString()) {
      greeting.push_back({ws::Opcode::kText, value.ToString().Utf8Value()});
    } else {
      const auto bytes = value.As<Napi::Uint8Array>();
      greeting.push_back({ws::Opcode::kBinary, std::string(bytes.Data(), bytes.Data() + bytes.ByteLength())});
    }
  }
  return greeting;
}

Result<feed::FeedOptions> read_feed_options(Napi::Object js, std::vector<Napi::ObjectReference>& memory) {
  feed::FeedOptions o;
  auto target = read_connect_target(js);
  if (!target.ok()) return target.error();
  o.target = std::move(target.value());
  read_session(js, o.session);
  // What create() of the handshake refuses would otherwise only show with the first connection.
  auto handshake = ws::ClientHandshake::create(o.session.handshake);
  if (!handshake.ok()) return handshake.error();
  o.greeting = read_greeting(js.Get("greeting").As<Napi::Array>());
  if (js.Get("schema").IsString()) {
    if (text(js, "format") == "sbe") {
      auto schema = decode::compile_sbe_schema(text(js, "schema"));
      if (!schema.ok()) return schema.error();
      o.schema = schema.value().rows;
      o.sbe = std::move(schema.value());
    } else {
      auto schema = decode::compile_schema(text(js, "schema"));
      if (!schema.ok()) return schema.error();
      o.schema = std::move(schema.value());
    }
  }
  if (js.Get("books").IsObject()) {
    const BookSetObject* const books = BookSetObject::Unwrap(object(js, "books"));
    if (books == nullptr || books->books() == nullptr) return Error{Errc::kNotOpen, 0, "the books are closed"};
    o.books = books->books();
    o.book_rows = flag(js, "bookRows");
  }
  if (js.Get("tap").IsArrayBuffer()) {
    o.tap = take_memory(js, "tap", memory);
    if (!feed::Tap::fits(o.tap.size())) return Error{Errc::kSystem, 0, "the tap's memory has no fitting size"};
  }
  auto core = read_core_options(js, o, memory);
  if (!core.ok()) return core.error();
  if (js.Get("arbiter").IsObject()) {
    ArbiterObject* const arbiter = ArbiterObject::Unwrap(object(js, "arbiter"));
    if (arbiter == nullptr || arbiter->arbiter() == nullptr) return Error{Errc::kNotOpen, 0, "the arbiter is closed"};
    o.arbiter = arbiter->arbiter();
    o.path = static_cast<uint32_t>(size(js, "arbiterPath"));
    arbiter->share_memory(memory);
  }
  return o;
}

}  // namespace tickwire::addon
