// The server's opening handshake (RFC 6455 section 4.2): judges a parsed request and builds the answer. No I/O.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ws/deflate.h"
#include "ws/request_head.h"

namespace tickwire::ws {

struct ServerDeflateOptions {
  bool enabled = false;
  bool server_no_context_takeover = true;  // each message by itself, so that one compression serves many clients
  bool client_no_context_takeover = true;  // no window to be kept per client
  int server_max_window_bits = 15;         // 9 to 15: ours
  int client_max_window_bits = 15;         // 9 to 15: asked of clients that let us
  // Clients that want a smaller window of ours are answered without the extension; 8 to server_max_window_bits.
  int least_server_window_bits = 8;
};

struct DeflateAgreement {
  DeflateParams params;
  std::string answer;  // value of Sec-WebSocket-Extensions
};

// Chooses among a client's offers: the first that can be met, nothing when there is none. kHandshakeExtension when the
// header is malformed.
[[nodiscard]] Result<std::optional<DeflateAgreement>> answer_deflate(std::string_view header_value,
                                                                     const ServerDeflateOptions& options);

struct ServerHandshakeOptions {
  std::vector<std::string> subprotocols = {};  // spoken here
  ServerDeflateOptions deflate = {};
};

// What a request for a WebSocket asks for and gets.
struct Upgrade {
  std::string accept;                          // Sec-WebSocket-Accept
  std::vector<std::string_view> subprotocols;  // offered, views into the request
  std::string subprotocol;                     // the first of them that is spoken here; "" = none
  std::optional<DeflateAgreement> deflate;
  std::string_view origin;  // "" without one
};

// The request is no upgrade that can be met: what to answer.
struct UpgradeRefusal {
  int http = 400;  // 400, 405 or 426
  const char* why = "";
};

// One of the two. Host, path, origin and rights are the caller's business.
struct UpgradeOutcome {
  std::optional<Upgrade> upgrade;
  UpgradeRefusal refusal;
};

[[nodiscard]] UpgradeOutcome judge_upgrade(const RequestHead& head, const ServerHandshakeOptions& options);

// The 101 answer.
[[nodiscard]] std::string upgrade_answer(const Upgrade& upgrade);

}  // namespace tickwire::ws
