#include "addon/wire_feed_options.h"

#include <utility>

#include "addon/connect_options.h"
#include "addon/core_options.h"
#include "addon/js_values.h"

namespace tickwire::addon {

namespace {

void read_recover(const Napi::Object& js, wire::RecoverOptions& o) {
  const std::string order = text(js, "order");
  o.order = order == "ordered" ? wire::Recover::kOrdered : order == "late" ? wire::Recover::kLate : wire::Recover::kOff;
  o.slow = flag(js, "slow");
  o.wait_ns = ns(js, "wait");
  o.hold_bytes = size(js, "holdBytes");
}

void read_session(const Napi::Object& js, wire::SessionOptions& o) {
  o.token = text(js, "token");
  o.name = text(js, "clientName");
  o.recv_buffer = size(js, "recvBuffer");
  o.read_chunk = size(js, "readChunk");
  o.max_send_queue = size(js, "maxSendQueue");
  o.max_pings_per_second = static_cast<uint32_t>(size(js, "maxPingsPerSecond"));
  o.handshake_timeout_ns = ns(js, "handshakeTimeout");
  o.close_timeout_ns = ns(js, "closeTimeout");
  o.stall_ns = ns(js, "stall");
  o.silence_ns = ns(js, "silence");
}

}  // namespace

feed::WireTopics read_wire_topics(const Napi::Object& js) {
  feed::WireTopics wanted;
  wanted.topics = texts(js, "topics");
  wanted.filter.keys = texts(js, "keys");
  wanted.filter.snapshot = flag(js, "snapshot");
  return wanted;
}

Result<feed::WireFeedOptions> read_wire_feed_options(const Napi::Object& js,
                                                     std::vector<Napi::ObjectReference>& memory) {
  feed::WireFeedOptions o;
  if (js.Get("shm").IsObject()) {
    const auto shm = object(js, "shm");
    o.shm = feed::ShmOptions{{.name = text(shm, "name"), .directory = text(shm, "directory")}, flag(shm, "spin")};
  } else {
    auto target = read_connect_target(js);
    if (!target.ok()) return target.error();
    o.target = std::move(target.value());
  }
  read_session(object(js, "session"), o.session);
  read_recover(object(js, "recover"), o.receiver.recover);
  o.receiver.max_topics = size(js, "maxTopics");
  const auto topics = js.Get("subscriptions").As<Napi::Array>();
  for (uint32_t i = 0; i < topics.Length(); ++i) o.topics.push_back(read_wire_topics(topics.Get(i).As<Napi::Object>()));
  if (js.Get("schema").IsString()) {
    auto rows = wire::compile_row_schema(text(js, "schema"));
    if (!rows.ok()) return rows.error();
    o.schema = rows.value().rows;
    o.rows = std::move(rows.value());
  }
  auto core = read_core_options(js, o, memory);
  if (!core.ok()) return core.error();
  return o;
}

}  // namespace tickwire::addon
