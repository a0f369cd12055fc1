#include "addon/core_options.h"

#include <algorithm>
#include <string>

#include "addon/js_values.h"
#include "base/triple_slot.h"
#include "feed/stats.h"

namespace tickwire::addon {

namespace {

void read_reconnect(const Napi::Object& js, feed::ReconnectPolicy& o) {
  o.enabled = flag(js, "enabled");
  o.first_ns = ns(js, "first");
  o.max_ns = ns(js, "max");
  o.factor = number(js, "factor");
  o.jitter = number(js, "jitter");
  o.retries = integer(js, "retries");
  o.immediate = flag(js, "immediate");
  o.storm_floor_ns = ns(js, "stormFloor");
  o.storm_attempts = static_cast<uint32_t>(size(js, "stormAttempts"));
  o.storm_window_ns = ns(js, "stormWindow");
}

void read_heartbeat(const Napi::Object& js, feed::Heartbeat& o) {
  o.ping_ns = ns(js, "ping");
  o.pong_timeout_ns = ns(js, "pongTimeout");
  o.idle_ns = ns(js, "idle");
  o.app_ping = text(js, "appPing");
  o.app_ping_ns = ns(js, "appPingInterval");
}

}  // namespace

Result<void> read_conflation(const Napi::Object& js, feed::CoreOptions& o, std::vector<Napi::ObjectReference>& memory) {
  if (!js.Get("conflateMemory").IsArrayBuffer()) return Error{Errc::kSchema, 0, "conflate needs memory"};
  o.conflate_memory = take_memory(js, "conflateMemory", memory);
  const auto regions = js.Get("conflateRegions").As<Napi::Array>();
  for (uint32_t i = 0; i < regions.Length(); ++i) {
    const auto region = regions.Get(i).As<Napi::Object>();
    const feed::ConflateRegion r{size(region, "offset"), static_cast<uint32_t>(size(region, "rowBytes")),
                                 static_cast<uint32_t>(size(region, "keys"))};
    if (r.offset % 64 != 0 || r.row_bytes % 8 != 0 || r.offset > o.conflate_memory.size() ||
        r.keys > (o.conflate_memory.size() - r.offset) / TripleSlot::stride(r.row_bytes)) {
      return Error{Errc::kSchema, 0, "a conflation region does not lie inside its memory"};
    }
    o.conflate_regions.push_back(r);
  }
  if (!o.schema || o.conflate_regions.size() < o.schema->shapes.size()) {
    return Error{Errc::kSchema, 0, "conflate needs a schema and a region for each of its shapes"};
  }
  return {};
}

std::span<uint8_t> take_memory(const Napi::Object& js, const char* name, std::vector<Napi::ObjectReference>& memory) {
  auto buffer = js.Get(name).As<Napi::ArrayBuffer>();
  memory.push_back(Napi::Persistent(buffer.As<Napi::Object>()));
  return {static_cast<uint8_t*>(buffer.Data()), buffer.ByteLength()};
}

Result<void> read_core_options(const Napi::Object& js, feed::CoreOptions& o,
                               std::vector<Napi::ObjectReference>& memory) {
  read_reconnect(object(js, "reconnect"), o.reconnect);
  read_heartbeat(object(js, "heartbeat"), o.heartbeat);
  const std::string overflow = text(js, "overflow");
  o.overflow = overflow == "conflate"     ? feed::Overflow::kConflate
               : overflow == "dropOldest" ? feed::Overflow::kDropOldest
                                          : feed::Overflow::kBlock;
  o.ring_window = static_cast<uint32_t>(size(js, "ringWindow"));
  o.pending_bytes = size(js, "pendingBytes");
  o.flush_rows = std::max<uint32_t>(1, static_cast<uint32_t>(size(js, "flushRows")));
  o.flush_interval_ns = static_cast<int64_t>(number(js, "flushInterval") * 1e3);
  o.sample_bytes = static_cast<uint32_t>(size(js, "sampleBytes"));
  o.sample_interval_ns = ns(js, "sampleInterval");
  if (js.Get("connectLimit").IsObject()) {
    const auto limit = object(js, "connectLimit");
    o.connect_limit = {
        text(limit, "name"),
        std::clamp<uint32_t>(static_cast<uint32_t>(size(limit, "count")), 1, feed::ConnectGate::kMaxCount),
        ns(limit, "per"),
        {}};
    const auto bans = limit.Get("bans").As<Napi::Array>();
    for (uint32_t i = 0; i < bans.Length(); ++i) {
      const auto ban = bans.Get(i).As<Napi::Object>();
      o.connect_limit.bans.emplace_back(static_cast<int32_t>(number(ban, "status")), ns(ban, "for"));
    }
  }
  o.stats = take_memory(js, "stats", memory);
  if (o.stats.size() < feed::Stats::kBytesTotal) return Error{Errc::kSystem, 0, "statistics memory is too small"};
  // An arbiter brings its own.
  if (o.overflow == feed::Overflow::kConflate && !js.Get("arbiter").IsObject()) {
    const auto conflation = read_conflation(js, o, memory);
    if (!conflation.ok()) return conflation.error();
  }
  return {};
}

}  // namespace tickwire::addon
