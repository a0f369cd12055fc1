// A TlsStream driven by poll() against a server of tls_peer.h.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "net/tls_stream.h"
#include "tls_peer.h"

namespace tickwire::net_test {

inline iovec piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

inline TlsOptions trusting() {
  TlsOptions options;
  options.ca_pem = test_authority().pem();
  return options;
}

inline std::shared_ptr<TlsContext> context_of(const TlsOptions& options) {
  auto r = TlsContext::create(options);
  if (!r.ok()) throw std::runtime_error(r.error().text);
  return r.value();
}

inline std::unique_ptr<TlsStream> open_stream(std::shared_ptr<TlsContext> context, uint16_t port,
                                              const std::string& host = "localhost", const SocketOptions& socket = {}) {
  auto r = TlsStream::create(connect_to(port, socket), std::move(context), host, port);
  if (!r.ok()) throw std::runtime_error(r.error().text);
  return std::move(r.value());
}

inline IoResult shake_hands(TlsStream& stream) {
  for (;;) {
    IoResult r = stream.handshake();
    if (r.status != IoStatus::kAgain) return r;
    if (!wait_for(stream.fd(), POLLIN)) return {IoStatus::kError, 0, {Errc::kTimedOut, 0, "test: too slow"}};
  }
}

inline Errc handshake_result(const TlsOptions& options, uint16_t port, const std::string& host = "localhost") {
  const auto stream = open_stream(context_of(options), port, host);
  const IoResult r = shake_hands(*stream);
  INFO(r.error.text);
  return r.status == IoStatus::kOk ? Errc::kNone : r.error.code;
}

// Reads until `n` bytes came or something else than data did.
inline IoResult read_some(TlsStream& stream, std::string& into, size_t n, size_t step = 4096) {
  std::vector<uint8_t> buffer(step);
  int64_t stamp = 0;
  while (into.size() < n) {
    IoResult r = stream.read(buffer, stamp);
    if (r.status == IoStatus::kOk) {
      into.append(reinterpret_cast<char*>(buffer.data()), r.bytes);
    } else if (r.status != IoStatus::kAgain) {
      return r;
    } else if (!wait_for(stream.fd(), POLLIN)) {
      return {IoStatus::kError, 0, {Errc::kTimedOut, 0, "test: too slow"}};
    }
  }
  return {};
}

inline bool write_all(TlsStream& stream, std::string_view text) {
  while (!text.empty()) {
    const iovec one = piece(text);
    const IoResult r = stream.write({&one, 1});
    if (r.status == IoStatus::kOk) {
      text.remove_prefix(r.bytes);
    } else if (r.status != IoStatus::kAgain || !wait_for(stream.fd(), POLLOUT)) {
      return false;
    }
  }
  return true;
}

inline void echo(SSL* ssl, Fd&) {
  char buffer[16384];
  for (;;) {
    const int n = SSL_read(ssl, buffer, sizeof buffer);
    if (n <= 0) break;
    if (SSL_write(ssl, buffer, n) != n) break;
  }
  SSL_shutdown(ssl);
}

inline std::string pattern(size_t n, uint32_t seed = 1) {
  std::string out(n, '\0');
  for (auto& c : out) {
    seed = seed * 1664525u + 1013904223u;
    c = static_cast<char>(seed >> 24);
  }
  return out;
}

}  // namespace tickwire::net_test
