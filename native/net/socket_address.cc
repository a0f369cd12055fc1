#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace tickwire {

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t length) noexcept {
  SocketAddress out;
  out.length = std::min<socklen_t>(length, sizeof out.storage);
  std::memcpy(&out.storage, address, out.length);
  return out;
}

std::optional<SocketAddress> SocketAddress::parse(const std::string& host, uint16_t port) {
  if (host.empty() || host.find('\0') != std::string::npos) return std::nullopt;
  SocketAddress out;
  in_addr four;
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr = four;
    out = from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    out.set_port(port);
    return out;
  }
  if (host.find(':') == std::string::npos) return std::nullopt;
  // getaddrinfo, because it knows how zones are written; AI_NUMERICHOST keeps it from asking anyone.
  addrinfo hints{};
  hints.ai_family = AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0 || list == nullptr) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  out = from(list->ai_addr, list->ai_addrlen);
  out.set_port(port);
  return out;
}

std::optional<SocketAddress> SocketAddress::peer_of(int fd) noexcept {
  SocketAddress out;
  out.length = sizeof out.storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&out.storage), &out.length) != 0) return std::nullopt;
  return out;
}

std::string SocketAddress::host() const {
  char text[NI_MAXHOST];
  if (::getnameinfo(raw(), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  return text;
}

uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, &storage, sizeof address);
    return ntohs(address.sin_port);
  }
  if (family() == AF_INET6) {
    sockaddr_in6 address;
    std::memcpy(&address, &storage, sizeof address);
    return ntohs(address.sin6_port);
  }
  return 0;
}

void SocketAddress::set_port(uint16_t port) noexcept {
  if (family() == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, &storage, sizeof address);
    address.sin_port = htons(port);
    std::memcpy(&storage, &address, sizeof address);
  } else if (family() == AF_INET6) {
    sockaddr_in6 address;
    std::memcpy(&address, &storage, sizeof address);
    address.sin6_port = htons(port);
    std::memcpy(&storage, &address, sizeof address);
  }
}

}  // namespace tickwire
