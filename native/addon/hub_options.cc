#include "addon/hub_options.h"

#include <utility>

#include "addon/js_values.h"

namespace tickwire::addon {

namespace {

uint32_t count(const Napi::Object& o, const char* name) { return static_cast<uint32_t>(size(o, name)); }

// The order is that of SlowPolicies in lib/native/hub-layout.ts.
hub::SlowPolicy policy(const Napi::Object& o, const char* name) {
  return static_cast<hub::SlowPolicy>(integer(o, name));
}

hub::Rate rate(const Napi::Object& o, const char* name) {
  const auto js = object(o, name);
  return {number(js, "perSecond"), number(js, "burst")};
}

Result<std::shared_ptr<TlsServerContext>> read_tls(const Napi::Object& js, hub::Protocol protocol) {
  TlsServerOptions o;
  o.only_tls13 = flag(js, "onlyTls13");
  o.identity = {text(js, "cert"), text(js, "key"), text(js, "passphrase")};
  o.client_ca_pem = text(js, "clientCa");
  o.client_certificate = static_cast<ClientCertificate>(integer(js, "clientCertificate"));
  o.tickets = flag(js, "tickets");
  if (protocol == hub::Protocol::kWebSocket) o.alpn = {"http/1.1"};
  return TlsServerContext::create(o);
}

Result<hub::Endpoint> read_endpoint(const Napi::Object& js) {
  hub::Endpoint endpoint;
  endpoint.protocol = flag(js, "wire") ? hub::Protocol::kWire : hub::Protocol::kWebSocket;
  const auto address = SocketAddress::parse(text(js, "host"), static_cast<uint16_t>(size(js, "port")));
  if (!address) return Error{Errc::kInvalidUrl, 0, "not a numeric address: " + text(js, "host")};
  endpoint.listen.address = *address;
  endpoint.listen.backlog = integer(js, "backlog");
  endpoint.listen.only_v6 = flag(js, "ipv6Only");
  endpoint.listen.socket.send_buffer = integer(js, "sendBuffer");
  // Nobody asks when a subscriber's words arrived, and stamps cost a longer system call.
  endpoint.listen.socket.kernel_timestamps = false;
  endpoint.path = text(js, "path");
  if (js.Get("tls").IsObject()) {
    auto tls = read_tls(object(js, "tls"), endpoint.protocol);
    if (!tls.ok()) return tls.error();
    endpoint.tls = std::move(tls.value());
  }
  return endpoint;
}

}  // namespace

hub::HubOptions read_hub_options(const Napi::Object& js) {
  hub::HubOptions o;
  o.name = text(js, "name");
  if (js.Get("shm").IsObject()) {
    const auto shm = object(js, "shm");
    o.shm.name = text(shm, "name");
    o.shm.directory = text(shm, "directory");
    o.shm.bytes = size(shm, "bytes");
    o.shm.table_bytes = size(shm, "table");
    o.shm.mode = count(shm, "mode");
  }
  const auto ring = object(js, "ring");
  o.ring.bytes = size(ring, "bytes");
  o.ring.entries = count(ring, "messages");
  const auto flush = object(js, "flush");
  o.flush.max_delay_ns = ns(flush, "maxDelay");
  o.flush.bytes = size(flush, "bytes");
  const auto slow = object(js, "slow");
  o.slow.pending_bytes = size(slow, "pendingBytes");
  o.slow.then = policy(slow, "policy");
  o.slow.close_timeout_ns = ns(slow, "closeTimeout");
  const auto store = object(js, "store");
  o.store.max_keys = count(store, "keys");
  o.store.bytes = size(store, "bytes");
  const auto deflate = object(js, "deflate");
  o.deflate.level = integer(deflate, "level");
  o.deflate.window_bits = integer(deflate, "windowBits");
  o.deflate.threshold = size(deflate, "threshold");
  const auto limits = object(js, "limits");
  o.inbound.max_message = size(limits, "inboundMessage");
  o.inbound.messages_per_second = count(limits, "inboundMessagesPerSecond");
  o.inbound.bytes_per_second = size(limits, "inboundBytesPerSecond");
  o.inbound.max_subscriptions = count(limits, "subscriptions");
  o.inbound.max_filter_keys = count(limits, "filterKeys");
  o.max_message = size(limits, "maxMessage");
  o.max_topics = count(limits, "topics");
  o.max_unpublished_topics = count(limits, "unpublishedTopics");
  o.max_keys = count(limits, "keys");
  const auto heartbeat = object(js, "heartbeat");
  o.liveness.ping_ns = ns(heartbeat, "ping");
  o.liveness.idle_timeout_ns = ns(heartbeat, "idle");
  o.liveness.heartbeat_ns = ns(heartbeat, "wire");
  o.liveness.close_timeout_ns = ns(js, "closeTimeout");
  o.forward_messages = flag(js, "forwardMessages");
  return o;
}

hub::TopicOptions read_topic_options(const Napi::Object& js) {
  hub::TopicOptions o;
  o.retain = flag(js, "retain") ? hub::Retain::kLast : hub::Retain::kNone;
  o.conflate = flag(js, "conflate");
  o.snapshot = flag(js, "snapshot");
  return o;
}

Result<hub::FrontOptions> read_front_options(const Napi::Object& js) {
  hub::FrontOptions o;
  const auto endpoints = js.Get("endpoints").As<Napi::Array>();
  for (uint32_t i = 0; i < endpoints.Length(); ++i) {
    auto endpoint = read_endpoint(endpoints.Get(i).As<Napi::Object>());
    if (!endpoint.ok()) return endpoint.error();
    o.endpoints.push_back(std::move(endpoint.value()));
  }
  const auto limits = object(js, "limits");
  o.admission.connections = count(limits, "connections");
  o.admission.connections_per_address = count(limits, "connectionsPerAddress");
  o.admission.pending = count(limits, "pendingHandshakes");
  o.admission.accepts = rate(limits, "acceptRate");
  o.admission.attempts_per_address = rate(limits, "acceptRatePerAddress");
  o.handshake_timeout_ns = ns(limits, "handshakeTimeout");
  o.request.max_bytes = size(limits, "requestBytes");
  o.request.max_target = o.request.max_bytes / 2;
  o.max_names = count(limits, "subscriptions");
  const auto deflate = object(js, "deflate");
  o.deflate.enabled = flag(deflate, "enabled");
  const bool contexts = flag(deflate, "contextTakeover");
  o.deflate.server_no_context_takeover = !contexts;
  o.deflate.server_max_window_bits = integer(deflate, "windowBits");
  o.deflate.least_server_window_bits = contexts ? 9 : integer(deflate, "windowBits");
  o.shared_window_bits = integer(deflate, "windowBits");
  o.origins = texts(js, "origins");
  o.authorize = flag(js, "authorize");
  o.authorize_timeout_ns = ns(js, "authorizeTimeout");
  o.health_path = text(js, "health");
  return o;
}

hub::AuthorizeAnswer read_authorize_answer(const Napi::Object& js) {
  hub::AuthorizeAnswer a;
  a.allowed = flag(js, "allowed");
  a.http = integer(js, "status");
  if (js.Get("topics").IsArray()) a.topics = texts(js, "topics");
  if (js.Get("keys").IsArray()) a.keys = texts(js, "keys");
  if (js.Get("access").IsArray()) {
    auto access = std::make_shared<hub::TopicAccess>();
    access->patterns = texts(js, "access");
    a.access = std::move(access);
  }
  if (const int slow = integer(js, "slow"); slow >= 0) a.slow = static_cast<hub::SlowPolicy>(slow);
  return a;
}

}  // namespace tickwire::addon
