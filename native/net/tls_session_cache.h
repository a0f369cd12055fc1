// Sessions to resume, by peer. Bounded; least recently used peers go first.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

#include "net/openssl_handles.h"

namespace tickwire {

// Any thread. A TLS 1.3 ticket is handed out once (RFC 8446 appendix C.4: reuse lets an observer link connections); a
// TLS 1.2 session as often as asked for.
class TlsSessionCache {
 public:
  static constexpr size_t kMaxPeers = 64;
  static constexpr size_t kMaxPerPeer = 4;  // servers send two tickets or so per connection

  void put(const std::string& peer, SslSessionPtr session);
  // The newest usable one, null without any.
  [[nodiscard]] SslSessionPtr take(const std::string& peer);
  void forget(const std::string& peer);
  [[nodiscard]] size_t peers() const;
  [[nodiscard]] size_t sessions(const std::string& peer) const;

 private:
  struct Learned {
    SslSessionPtr session;
    int64_t learned_at = 0;  // seconds of the wall clock
  };
  struct Entry {
    std::string peer;
    std::deque<Learned> sessions;  // oldest first
  };
  using Order = std::list<Entry>;  // most recently used first

  mutable std::mutex mutex_;
  Order order_;
  std::unordered_map<std::string, Order::iterator> index_;
};

}  // namespace tickwire
