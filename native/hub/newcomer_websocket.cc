// A newcomer that speaks HTTP: judged by its request.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "hub/newcomer.h"
#include "hub/request_query.h"
#include "ws/http_answer.h"
#include "ws/http_syntax.h"

namespace tickwire::hub {
namespace {

constexpr std::string_view kWireProtocol = "tickwire.v1";
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr uint32_t kRetryAfterS = 1;

// The credentials of "Authorization: Bearer …" (RFC 6750 section 2.1), "" for any other.
std::string_view bearer(const ws::RequestHead& head) noexcept {
  uint32_t count = 0;
  const std::string_view value = head.find("authorization", count);
  constexpr std::string_view kScheme = "bearer ";
  if (count != 1 || !ws::same_token(value.substr(0, kScheme.size()), kScheme)) return {};
  return ws::trim(value.substr(kScheme.size()));
}

int status_of(Refusal why) noexcept {
  switch (why) {
    case Refusal::kAddressConnections:
    case Refusal::kAddressRate:
    case Refusal::kRate:
      return 429;
    default:
      return 503;
  }
}

ws::HttpAnswer dated(int status) {
  ws::HttpAnswer answer;
  answer.status = status;
  answer.wall_seconds = realtime_ns() / kNsPerSecond;
  return answer;
}

}  // namespace

bool Newcomer::judge_request() {
  const auto out = parser_.feed(bytes());
  if (out.status == ws::RequestParser::Outcome::Status::kNeedMore) return false;
  if (out.status == ws::RequestParser::Outcome::Status::kFailed) {
    refuse_http(Refusal::kMalformed, out.http, out.why);
    return true;
  }
  const ws::RequestHead& head = parser_.head();
  if (answer_health(head)) return true;
  std::string_view rest;
  if (!has_ticket()) {
    refuse_http(turned_away_, status_of(turned_away_), "too many connections");
  } else if (front_.draining()) {
    refuse_http(Refusal::kClosing, 503, "the hub is closing");
  } else if (!path_below(head.path, endpoint_.path, rest)) {
    refuse_http(Refusal::kPath, 404, "nothing is served here");
  } else {
    const std::span<const uint8_t> behind = bytes().subspan(out.consumed);
    info_.received.assign(behind.begin(), behind.end());
    judge_upgrade(head, rest);
  }
  return true;
}

bool Newcomer::answer_health(const ws::RequestHead& head) {
  const std::string& path = front_.options_.health_path;
  if (path.empty() || head.path != path || (head.method != "GET" && head.method != "HEAD")) return false;
  front_.health_.fetch_add(1, std::memory_order_relaxed);
  const bool draining = front_.draining();
  std::string body = draining ? R"({"status":"draining","subscribers":)" : R"({"status":"ok","subscribers":)";
  body.append(std::to_string(front_.hub_.counters().subscribers)).append("}\n");
  ws::HttpAnswer answer = dated(draining ? 503 : 200);
  answer.content_type = "application/json";
  answer.body = body;
  answer.with_body = head.method == "GET";
  say(ws::http_answer(answer));
  return true;
}

void Newcomer::judge_upgrade(const ws::RequestHead& head, std::string_view rest) {
  ws::ServerHandshakeOptions spoken;
  spoken.subprotocols = {std::string(kWireProtocol)};
  spoken.deflate = front_.options_.deflate;
  ws::UpgradeOutcome outcome = ws::judge_upgrade(head, spoken);
  if (!outcome.upgrade) {
    const bool other = outcome.refusal.http == 405 || outcome.refusal.http == 426;
    return refuse_http(other ? Refusal::kNotWebSocket : Refusal::kMalformed, outcome.refusal.http, outcome.refusal.why);
  }
  ws::Upgrade& upgrade = *outcome.upgrade;
  if (!front_.origin_allowed(upgrade.origin)) {
    return refuse_http(Refusal::kOrigin, 403, "pages of this origin may not connect");
  }
  std::optional<RequestQuery> query = parse_query(rest, head.query, front_.options_.max_names);
  if (!query) return refuse_http(Refusal::kMalformed, 400, "malformed topics, keys or token in the address");
  info_.all_topics = query->all_topics;
  info_.topics = std::move(query->topics);
  info_.keys = std::move(query->keys);
  info_.path = head.path;
  choose_lane(upgrade);
  answer_ = ws::upgrade_answer(upgrade);
  AuthorizeRequest request;
  request.path = head.path;
  request.query = head.query;
  request.headers = head.lines;
  request.origin = upgrade.origin;
  request.subprotocol = upgrade.subprotocol;
  request.token = bearer(head);
  if (request.token.empty()) request.token = query->token;
  ask(request);
}

void Newcomer::choose_lane(ws::Upgrade& upgrade) {
  const bool shared = front_.options_.deflate.server_no_context_takeover;
  info_.lane = Lane::kWs;
  if (upgrade.subprotocol == kWireProtocol) {
    info_.lane = Lane::kWsWire;
    // There is no shared compression of wire frames, and compressing for each client alone has to be asked for.
    if (shared) upgrade.deflate.reset();
  }
  if (!upgrade.deflate) return;
  const ws::DeflateParams& params = upgrade.deflate->params;
  info_.deflate = params;
  if (info_.lane == Lane::kWs && params.server_no_context_takeover &&
      params.server_max_window_bits >= front_.options_.shared_window_bits) {
    info_.lane = Lane::kWsDeflate;
  }
}

void Newcomer::refuse_http(Refusal why, int http, std::string_view text) {
  front_.refused(why, http, peer_, text);
  const std::string body = std::string(text) + "\n";
  ws::HttpAnswer answer = dated(http);
  answer.body = body;
  if (http == 429 || http == 503) answer.retry_after_s = kRetryAfterS;
  say(ws::http_answer(answer));
}

}  // namespace tickwire::hub
