// The extension parameters of permessage-deflate: what a client offers and what it accepts (RFC 7692 section 7.1).
#include <optional>
#include <utility>

#include "ws/deflate.h"
#include "ws/extension_list.h"

namespace tickwire::ws {
namespace {

Error bad_answer(const char* why) { return Error{Errc::kHandshakeExtension, 0, why}; }

}  // namespace

std::string deflate_offer(const DeflateOptions& options) {
  if (!options.enabled) return {};
  std::string offer{kDeflateName};
  if (options.client_no_context_takeover) offer += "; client_no_context_takeover";
  if (options.server_no_context_takeover) offer += "; server_no_context_takeover";
  if (options.server_max_window_bits < 15) {
    offer.append("; server_max_window_bits=").append(std::to_string(options.server_max_window_bits));
  }
  // Always named, so that the server may ask for a smaller window.
  offer += "; client_max_window_bits";
  if (options.client_max_window_bits < 15) offer.append("=").append(std::to_string(options.client_max_window_bits));
  return offer;
}

Result<DeflateParams> accept_deflate(std::string_view header_value, const DeflateOptions& offered) {
  if (!offered.enabled) return bad_answer("an extension that was not offered");
  std::string_view rest = trim(header_value);
  const std::string_view name = take_token(rest);
  if (!same_token(name, kDeflateName)) return bad_answer("an extension that was not offered");
  rest = trim(rest);

  DeflateParams agreed;
  agreed.client_no_context_takeover = offered.client_no_context_takeover;
  agreed.client_max_window_bits = offered.client_max_window_bits;
  bool seen_client_takeover = false;
  bool seen_server_takeover = false;
  bool seen_client_bits = false;
  bool seen_server_bits = false;
  const auto again = [](bool& seen) { return std::exchange(seen, true); };
  while (!rest.empty()) {
    if (rest[0] == ',') return bad_answer("more than one extension");
    if (rest[0] != ';') return bad_answer("malformed extension parameters");
    const std::optional<ExtensionParameter> p = next_parameter(rest);
    if (!p) return bad_answer("malformed extension parameters");
    if (p->name == "client_no_context_takeover" || p->name == "server_no_context_takeover") {
      if (p->value) return bad_answer("a value for a parameter that takes none");
      const bool client = p->name[0] == 'c';
      if (again(client ? seen_client_takeover : seen_server_takeover)) return bad_answer("a parameter twice");
      (client ? agreed.client_no_context_takeover : agreed.server_no_context_takeover) = true;
    } else if (p->name == "client_max_window_bits" || p->name == "server_max_window_bits") {
      const bool client = p->name[0] == 'c';
      if (again(client ? seen_client_bits : seen_server_bits)) return bad_answer("a parameter twice");
      const std::optional<int> bits = p->value ? window_bits(*p->value) : std::nullopt;
      if (!bits) return bad_answer("window bits must be 8 to 15");
      if (*bits > (client ? offered.client_max_window_bits : offered.server_max_window_bits)) {
        return bad_answer("a larger window than was offered");
      }
      (client ? agreed.client_max_window_bits : agreed.server_max_window_bits) = *bits;
    } else {
      return bad_answer("unknown parameter of permessage-deflate");
    }
  }
  return agreed;
}

}  // namespace tickwire::ws
