// A request as its parts, and the checks that keep one request from becoming two on the wire.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tickwire::http {

struct Request {
  std::string_view method;     // a token, as check_method() accepts it
  std::string_view target;     // origin-form, "/path?query", as check_target() accepts it
  std::string_view authority;  // host, or host:port
  std::string_view fields;     // "name:value\n" for each, as check_fields() accepts them
  std::span<const uint8_t> body;
  bool has_body = false;  // Content-Length is sent also when the body is empty
};

// All return no error, or kHttpRequest with what is wrong; never with the value itself, which may be a secret.
[[nodiscard]] Error check_method(std::string_view method);
// RFC 9112 section 3.2.1: a slash first, and nothing that ends or splits the request line.
[[nodiscard]] Error check_target(std::string_view target);
// Names are tokens in lower case, values hold no control characters. Fields that this client sets itself or that belong
// to one connection (Host, Content-Length, Connection, Transfer-Encoding, Upgrade, …) are refused.
[[nodiscard]] Error check_fields(std::string_view fields);

// Calls `each(name, value)` for every field.
template <class Each>
void for_each_field(std::string_view fields, Each each) {
  while (!fields.empty()) {
    const size_t end = fields.find('\n');
    const std::string_view line = fields.substr(0, end);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) each(line.substr(0, colon), line.substr(colon + 1));
    if (end == std::string_view::npos) return;
    fields.remove_prefix(end + 1);
  }
}

// Bytes that write_h1() will write, the body included.
[[nodiscard]] size_t h1_size(const Request& request) noexcept;
// Writes the request as HTTP/1.1; `out` has room for h1_size() bytes. Returns the number written.
size_t write_h1(uint8_t* out, const Request& request) noexcept;

}  // namespace tickwire::http
