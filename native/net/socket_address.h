// A numeric endpoint.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace tickwire {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
  [[nodiscard]] std::string host() const;  // numeric, IPv6 without brackets
  [[nodiscard]] uint16_t port() const noexcept;
  void set_port(uint16_t port) noexcept;

  [[nodiscard]] static SocketAddress from(const sockaddr* address, socklen_t length) noexcept;
  // Numeric IPv4 or IPv6 (a "%zone" is allowed); nothing is looked up. nullopt for anything else.
  [[nodiscard]] static std::optional<SocketAddress> parse(const std::string& host, uint16_t port);
  // The address the socket is connected to.
  [[nodiscard]] static std::optional<SocketAddress> peer_of(int fd) noexcept;
};

}  // namespace tickwire
