#include "ws/server_handshake.h"

#include <algorithm>
#include <utility>

#include "ws/accept_key.h"
#include "ws/http_syntax.h"

namespace tickwire::ws {
namespace {

constexpr size_t kMaxSubprotocols = 32;

UpgradeOutcome no_upgrade(int http, const char* why) { return {std::nullopt, {http, why}}; }

// Whether one of the headers of that name, which may come several times, lists the token.
bool lists(const RequestHead& head, std::string_view name, std::string_view token) noexcept {
  return std::any_of(head.headers.begin(), head.headers.end(), [&](const RequestHead::Header& h) {
    return same_token(h.name, name) && list_has_token(h.value, token);
  });
}

// Base64 of 16 bytes (RFC 6455 section 4.1): 22 digits and two pads.
bool is_key(std::string_view text) noexcept {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  return std::all_of(text.begin(), text.end() - 2, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

// False when an element is no token, comes twice, or there are too many.
bool collect_subprotocols(const RequestHead& head, std::vector<std::string_view>& out) {
  for (const RequestHead::Header& h : head.headers) {
    if (!same_token(h.name, "sec-websocket-protocol")) continue;
    std::string_view rest = h.value;
    for (bool more = true; more;) {
      const size_t comma = rest.find(',');
      const std::string_view name = trim(rest.substr(0, comma));
      more = comma != std::string_view::npos;
      if (more) rest.remove_prefix(comma + 1);
      if (!is_token(name) || std::find(out.begin(), out.end(), name) != out.end()) return false;
      if (out.size() == kMaxSubprotocols) return false;
      out.push_back(name);
    }
  }
  return true;
}

// Several headers count as one list (RFC 9110 section 5.3).
std::string joined(const RequestHead& head, std::string_view name) {
  std::string all;
  for (const RequestHead::Header& h : head.headers) {
    if (!same_token(h.name, name) || h.value.empty()) continue;
    all.append(all.empty() ? "" : ", ").append(h.value);
  }
  return all;
}

}  // namespace

UpgradeOutcome judge_upgrade(const RequestHead& head, const ServerHandshakeOptions& options) {
  if (head.method != "GET") return no_upgrade(405, "a WebSocket is asked for with GET");
  if (!lists(head, "upgrade", "websocket")) return no_upgrade(426, "only WebSockets are served here");
  if (!head.http_1_1) return no_upgrade(400, "an upgrade needs HTTP/1.1");
  if (!lists(head, "connection", "upgrade")) return no_upgrade(400, "no Connection: Upgrade");
  uint32_t count = 0;
  const std::string_view version = head.find("sec-websocket-version", count);
  if (count != 1 || version != "13") return no_upgrade(426, "version 13 of the WebSocket protocol is spoken here");
  const std::string_view key = head.find("sec-websocket-key", count);
  if (count != 1 || !is_key(key)) return no_upgrade(400, "there must be one Sec-WebSocket-Key of 16 bytes");

  Upgrade upgrade;
  upgrade.origin = head.find("origin", count);
  if (count > 1) return no_upgrade(400, "more than one Origin");
  if (!collect_subprotocols(head, upgrade.subprotocols)) return no_upgrade(400, "malformed Sec-WebSocket-Protocol");
  for (const std::string_view offered : upgrade.subprotocols) {
    const auto spoken = std::find(options.subprotocols.begin(), options.subprotocols.end(), offered);
    if (spoken == options.subprotocols.end()) continue;
    upgrade.subprotocol = *spoken;
    break;
  }
  Result<std::optional<DeflateAgreement>> deflate =
      answer_deflate(joined(head, "sec-websocket-extensions"), options.deflate);
  if (!deflate.ok()) return no_upgrade(400, "malformed Sec-WebSocket-Extensions");
  upgrade.deflate = std::move(deflate.value());
  upgrade.accept = accept_key(key);
  return {std::move(upgrade), {}};
}

std::string upgrade_answer(const Upgrade& upgrade) {
  std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const auto line = [&answer](std::string_view name, std::string_view value) {
    answer.append(name).append(": ").append(value).append("\r\n");
  };
  line("Sec-WebSocket-Accept", upgrade.accept);
  if (!upgrade.subprotocol.empty()) line("Sec-WebSocket-Protocol", upgrade.subprotocol);
  if (upgrade.deflate) line("Sec-WebSocket-Extensions", upgrade.deflate->answer);
  answer.append("\r\n");
  return answer;
}

}  // namespace tickwire::ws
