// What the front is told, and what it tells: listeners, admission, handshakes, authorization.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hub/admission.h"
#include "hub/refusal.h"
#include "hub/subscriber_info.h"
#include "hub/types.h"
#include "net/listener.h"
#include "net/tls_server_context.h"
#include "ws/request_head.h"
#include "ws/server_handshake.h"

namespace tickwire::hub {

enum class Protocol : uint8_t { kWebSocket, kWire };

struct Endpoint {
  Protocol protocol = Protocol::kWebSocket;
  ListenOptions listen;
  std::shared_ptr<TlsServerContext> tls;  // null: plain
  std::string path = "/";                 // WebSocket: served here and below, where the rest names topics
};

struct FrontOptions {
  std::vector<Endpoint> endpoints;
  AdmissionLimits admission;
  int64_t handshake_timeout_ns = 5'000'000'000;  // from being accepted to being judged; TLS, request and all
  ws::RequestLimits request;
  size_t max_names = 1'024;  // topics and keys in one address
  ws::ServerDeflateOptions deflate;
  int shared_window_bits = 15;  // of HubOptions::deflate
  // Origins (scheme://host[:port]) whose pages may connect; "*.": any host below it, as in "https://*.example.com".
  // Empty: any. Clients that send no Origin are no browsers and pass.
  std::vector<std::string> origins;
  bool authorize = false;  // ask FrontListener::on_authorize
  int64_t authorize_timeout_ns = 5'000'000'000;
  std::string health_path = "/healthz";  // answered on every WebSocket endpoint; "": nowhere
  uint32_t tls_steps = 8;                // of handshakes per turn of the loop: each costs up to a millisecond of CPU
  // Clients that are turned away by admission and told so, at a time; further ones are cut.
  uint32_t farewells = 64;
  int64_t linger_ns = 1'000'000'000;  // how long one that was refused may take to read why
};

// A connection that asks to come in. Valid during the call.
struct AuthorizeRequest {
  SubscriberId id = 0;
  Protocol protocol = Protocol::kWebSocket;
  bool secure = false;
  std::string_view address;
  uint16_t port = 0;
  std::string_view path;  // WebSocket, as these: as it was sent
  std::string_view query;
  std::string_view headers;  // lines that end in CR LF
  std::string_view origin;
  std::string_view subprotocol;  // that was agreed to; "" = none
  std::string_view token;        // Authorization: Bearer, else the query's, else Hello's
  std::string_view name;         // wire: the client's own
  std::string_view tls_subject;  // of its certificate; "" without one
  bool all_topics = false;
  std::span<const std::string> topics;
  std::span<const std::string> keys;
};

struct AuthorizeAnswer {
  bool allowed = false;
  int http = 403;  // when it is not: 400 to 599
  // In place of what the client asked for.
  std::optional<std::vector<std::string>> topics;  // "*" among them: all
  std::optional<std::vector<std::string>> keys;
  std::shared_ptr<const TopicAccess> access;  // null: it may subscribe to everything
  std::optional<SlowPolicy> slow;
};

struct Refused {
  Refusal why = Refusal::kNone;
  int http = 0;  // what it was answered; 0: nothing, or no HTTP
  std::string_view address;
  uint16_t port = 0;
  std::string_view text;    // for people
  uint64_t suppressed = 0;  // others since the last report
};

// Called on the thread of the hub's loop 0. Must not block.
class FrontListener {
 public:
  // Answer by Front::answer() within authorize_timeout_ns.
  virtual void on_authorize(const AuthorizeRequest& request) = 0;
  virtual void on_refused(const Refused& refused) = 0;  // at most some twenty per second; all are counted
  // Nothing can be accepted for want of descriptors or memory; the next attempt comes by itself.
  virtual void on_accept_failed(size_t endpoint, const Error& error) = 0;

 protected:
  ~FrontListener() = default;
};

struct FrontCounters {
  uint64_t accepted = 0;       // by the kernel's count
  uint64_t admitted = 0;       // handed over to the hub
  uint64_t health = 0;         // health checks answered
  uint64_t aborted = 0;        // gone before they were accepted
  uint64_t accept_failed = 0;  // attempts to accept that failed for want of descriptors or memory
  uint64_t refused[static_cast<size_t>(Refusal::kCount)] = {};
  uint32_t pending = 0;  // in their handshake, as of now
  uint32_t connections = 0;
};

}  // namespace tickwire::hub
