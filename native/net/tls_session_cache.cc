#include "net/tls_session_cache.h"

#include <ctime>

namespace tickwire {

namespace {

bool for_many(const SSL_SESSION* session) noexcept {
  return SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION;
}

// A connection and its session of TLS 1.2 are one object, and OpenSSL spoils it when the connection ends without
// close_notify, which is just when resumption pays. A copy stays as good as it was. Null without memory.
SslSessionPtr copy_of(const SSL_SESSION* session) noexcept { return SslSessionPtr(SSL_SESSION_dup(session)); }

// Ages by the wall clock, which goes on while the machine sleeps, and as the server's does.
bool usable(const SSL_SESSION* session, int64_t learned_at) noexcept {
  if (SSL_SESSION_is_resumable(session) != 1) return false;
  const int64_t age = static_cast<int64_t>(::time(nullptr)) - learned_at;
  return age >= 0 && age < static_cast<int64_t>(SSL_SESSION_get_timeout(session));
}

}  // namespace

void TlsSessionCache::put(const std::string& peer, SslSessionPtr session) {
  if (for_many(session.get())) {
    session = copy_of(session.get());
    if (!session) return;
  }
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(peer); found != index_.end()) {
    order_.splice(order_.begin(), order_, found->second);
  } else {
    if (order_.size() >= kMaxPeers) {
      index_.erase(order_.back().peer);
      order_.pop_back();
    }
    order_.push_front(Entry{peer, {}});
    index_.emplace(peer, order_.begin());
  }
  auto& sessions = order_.front().sessions;
  if (sessions.size() >= kMaxPerPeer) sessions.pop_front();
  sessions.push_back({std::move(session), static_cast<int64_t>(::time(nullptr))});
}

SslSessionPtr TlsSessionCache::take(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(peer);
  if (found == index_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  auto& sessions = order_.front().sessions;
  SslSessionPtr out;
  while (!out && !sessions.empty()) {
    SslSessionPtr& newest = sessions.back().session;
    if (!usable(newest.get(), sessions.back().learned_at)) {
      sessions.pop_back();
    } else if (for_many(newest.get())) {
      out = copy_of(newest.get());
      if (!out) break;
    } else {
      out = std::move(newest);
      sessions.pop_back();
    }
  }
  if (sessions.empty()) {
    index_.erase(found);
    order_.pop_front();
  }
  return out;
}

void TlsSessionCache::forget(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(peer);
  if (found == index_.end()) return;
  order_.erase(found->second);
  index_.erase(found);
}

size_t TlsSessionCache::peers() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

size_t TlsSessionCache::sessions(const std::string& peer) const {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(peer);
  return found == index_.end() ? 0 : found->second->sessions.size();
}

}  // namespace tickwire
