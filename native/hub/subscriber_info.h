// What the front (listener, TLS, handshake) hands over together with an accepted connection.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/types.h"
#include "ws/deflate.h"

namespace tickwire::hub {

// Which topics a connection may subscribe to: exact names, and prefixes that end in '*'. Shared by connections with the
// same rights. A connection without one may subscribe to everything.
struct TopicAccess {
  std::vector<std::string> patterns;
  [[nodiscard]] bool allows(std::string_view topic) const noexcept;
};

struct SubscriberInfo {
  // From Hub::new_id(); admission and authorization speak of the connection by it before the hub knows it.
  SubscriberId id = 0;
  Lane lane = Lane::kWs;
  // permessage-deflate as agreed; absent: not negotiated. kWsDeflate takes whoever has server_no_context_takeover and a
  // server window of at least HubOptions::deflate.window_bits. With kWs and kWsWire, messages from deflate.threshold on
  // are compressed for this client alone, with its own context, when the server's context is taken over; else they go
  // uncompressed.
  std::optional<ws::DeflateParams> deflate;

  // Subscriptions made by path, query or Hello. `all_topics` also covers topics that come into being later; the names
  // are then ignored.
  bool all_topics = false;
  std::vector<std::string> topics;
  std::vector<std::string> keys;  // only messages of these keys; empty: of all
  std::shared_ptr<const TopicAccess> access;
  std::optional<SlowPolicy> slow;  // in place of the hub's

  std::string remote_address;
  uint16_t remote_port = 0;
  std::string path;  // of the request, for events; "" over TCP

  // Bytes already read behind the handshake (at most HubOptions::inbound.max_message + 14), and the rest of the
  // handshake's answer that the kernel has not taken: it is sent before anything else.
  std::vector<uint8_t> received;
  std::vector<uint8_t> unsent;
};

}  // namespace tickwire::hub
