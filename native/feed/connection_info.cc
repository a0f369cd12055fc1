#include "feed/connection_info.h"

#include <cstdio>
#include <string_view>

namespace tickwire::feed {

namespace {

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20) {
      char escaped[8];
      (void)std::snprintf(escaped, sizeof escaped, "\\u%04x", u);
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.size() > 1) out += ',';
  append_string(out, name);
  out += ':';
  append_string(out, value);
}

void append_stream(std::string& out, const StreamInfo& stream) {
  append_member(out, "address", stream.remote_address);
  append_member(out, "tlsVersion", stream.tls_version);
  append_member(out, "tlsCipher", stream.tls_cipher);
  append_member(out, "alpn", stream.alpn);
  out += ",\"port\":" + std::to_string(stream.remote_port);
  out += stream.tls_resumed ? ",\"tlsResumed\":true" : ",\"tlsResumed\":false";
}

}  // namespace

std::string connection_info(const StreamInfo& stream, const ws::HandshakeResult& handshake) {
  std::string out = "{";
  append_stream(out, stream);
  append_member(out, "subprotocol", handshake.subprotocol);
  out += handshake.deflate ? ",\"deflate\":true}" : ",\"deflate\":false}";
  return out;
}

std::string connection_info(const StreamInfo& stream, const wire::Opened& opened) {
  std::string out = "{";
  append_stream(out, stream);
  append_member(out, "hub", opened.hub);
  // As text: a number of JSON would be rounded.
  append_member(out, "epoch", std::to_string(opened.epoch));
  out += ",\"heartbeatMs\":" + std::to_string(opened.heartbeat_ms);
  out += ",\"maxPayload\":" + std::to_string(opened.max_payload);
  out += opened.resumed ? ",\"resumed\":true}" : ",\"resumed\":false}";
  return out;
}

}  // namespace tickwire::feed
