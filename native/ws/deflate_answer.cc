// The server's part in negotiating permessage-deflate (RFC 7692 sections 5.1 and 7.1).
#include <algorithm>
#include <utility>

#include "ws/extension_list.h"
#include "ws/server_handshake.h"

namespace tickwire::ws {
namespace {

// One element of the list. `good` is false when it names another extension, or ours with parameters that are unknown,
// repeated or out of range: such an offer is declined (RFC 7692 section 7.1).
struct Offer {
  bool good = false;
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_bits;
  bool client_bits_named = false;
  std::optional<int> client_bits;
};

bool take(const ExtensionParameter& p, Offer& offer) noexcept {
  const auto first = [](bool& seen) { return !std::exchange(seen, true); };
  if (p.name == "server_no_context_takeover") return !p.value && first(offer.server_no_context_takeover);
  if (p.name == "client_no_context_takeover") return !p.value && first(offer.client_no_context_takeover);
  if (p.name == "server_max_window_bits") {
    if (!p.value || offer.server_bits) return false;
    offer.server_bits = window_bits(*p.value);
    return offer.server_bits.has_value();
  }
  if (p.name == "client_max_window_bits") {
    if (!first(offer.client_bits_named)) return false;
    if (!p.value) return true;
    offer.client_bits = window_bits(*p.value);
    return offer.client_bits.has_value();
  }
  return false;
}

// Cuts one element off the front; nullopt when the list is malformed.
std::optional<Offer> next_offer(std::string_view& rest) noexcept {
  const std::string_view name = take_token(rest);
  if (name.empty()) return std::nullopt;
  Offer offer;
  offer.good = same_token(name, kDeflateName);
  rest = trim(rest);
  while (rest.starts_with(';')) {
    const std::optional<ExtensionParameter> p = next_parameter(rest);
    if (!p) return std::nullopt;
    offer.good = offer.good && take(*p, offer);
  }
  if (rest.empty()) return offer;
  if (rest[0] != ',') return std::nullopt;
  rest = trim(rest.substr(1));
  if (rest.empty()) return std::nullopt;
  return offer;
}

std::optional<DeflateAgreement> agree(const Offer& offer, const ServerDeflateOptions& o) {
  DeflateAgreement a;
  a.answer = kDeflateName;
  DeflateParams& p = a.params;
  p.server_max_window_bits = std::min(o.server_max_window_bits, offer.server_bits.value_or(15));
  if (p.server_max_window_bits < o.least_server_window_bits) return std::nullopt;
  p.server_no_context_takeover = o.server_no_context_takeover || offer.server_no_context_takeover;
  // A client's offer to forget its window is a hint, and ours a demand that it may always be given (section 7.1.1.2).
  p.client_no_context_takeover = o.client_no_context_takeover || offer.client_no_context_takeover;
  // Only who named the parameter may be told a smaller window (section 7.1.2.2).
  p.client_max_window_bits =
      offer.client_bits_named ? std::min(o.client_max_window_bits, offer.client_bits.value_or(15)) : 15;
  if (p.server_no_context_takeover) a.answer += "; server_no_context_takeover";
  if (p.client_no_context_takeover) a.answer += "; client_no_context_takeover";
  if (offer.server_bits || p.server_max_window_bits < 15) {
    a.answer.append("; server_max_window_bits=").append(std::to_string(p.server_max_window_bits));
  }
  if (offer.client_bits_named && p.client_max_window_bits < 15) {
    a.answer.append("; client_max_window_bits=").append(std::to_string(p.client_max_window_bits));
  }
  return a;
}

}  // namespace

Result<std::optional<DeflateAgreement>> answer_deflate(std::string_view header_value,
                                                       const ServerDeflateOptions& options) {
  std::optional<DeflateAgreement> agreed;
  std::string_view rest = trim(header_value);
  while (!rest.empty()) {
    const std::optional<Offer> offer = next_offer(rest);
    if (!offer) return Error{Errc::kHandshakeExtension, 0, "malformed extension list"};
    if (options.enabled && offer->good && !agreed) agreed = agree(*offer, options);
  }
  return agreed;
}

}  // namespace tickwire::ws
