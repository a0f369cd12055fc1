#include "hub/admission.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace tickwire::hub {
namespace {

// A mixer in the manner of splitmix64: every bit of the input reaches every bit of the result.
uint64_t mix(uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

AddressKey AddressKey::of(const SocketAddress& address) noexcept {
  AddressKey key;
  if (address.family() == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address.storage, sizeof four);
    key.prefix = four.sin_addr.s_addr;
  } else if (address.family() == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address.storage, sizeof six);
    if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
      uint32_t four = 0;
      std::memcpy(&four, six.sin6_addr.s6_addr + 12, sizeof four);
      key.prefix = four;
    } else {
      std::memcpy(&key.prefix, six.sin6_addr.s6_addr, sizeof key.prefix);
      key.v6 = true;
    }
  }
  return key;
}

void TokenBucket::refill(const Rate& rate, int64_t now_ns) noexcept {
  const double burst = std::max(rate.burst, 1.0);
  if (!std::exchange(started_, true)) {
    tokens_ = burst;
    filled_at_ = now_ns;
    return;
  }
  const int64_t elapsed = now_ns - filled_at_;
  if (elapsed <= 0) return;  // another thread's later look at the clock came first
  tokens_ = std::min(burst, tokens_ + static_cast<double>(elapsed) * 1e-9 * rate.per_second);
  filled_at_ = now_ns;
}

bool TokenBucket::has(const Rate& rate, int64_t now_ns) noexcept {
  if (rate.per_second <= 0) return true;
  refill(rate, now_ns);
  return tokens_ >= 1;
}

bool TokenBucket::take(const Rate& rate, int64_t now_ns) noexcept {
  if (!has(rate, now_ns)) return false;
  if (rate.per_second > 0) tokens_ -= 1;
  return true;
}

size_t Admission::Hash::operator()(const AddressKey& key) const noexcept {
  return static_cast<size_t>(mix(mix(key.prefix ^ seed) + (key.v6 ? seed | 1 : 0)));
}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& o) noexcept {
  if (this != &o) {
    reset();
    admission_ = std::move(o.admission_);
    address_ = o.address_;
    pending_ = o.pending_;
  }
  return *this;
}

void Admission::Ticket::handshaken() noexcept {
  if (admission_ != nullptr && std::exchange(pending_, false)) admission_->handshaken();
}

void Admission::Ticket::reset() noexcept {
  if (const auto admission = std::move(admission_)) admission->leave(address_, pending_);
  admission_ = nullptr;
}

std::shared_ptr<Admission> Admission::create(const AdmissionLimits& limits, uint64_t seed) {
  return std::shared_ptr<Admission>(new Admission(limits, seed));
}

Admission::Admission(const AdmissionLimits& limits, uint64_t seed) : limits_(limits), entries_(0, Hash{seed}) {}

Admission::Entry& Admission::entry_of(const AddressKey& address) {
  if (const auto found = entries_.find(address); found != entries_.end()) return found->second;
  // Every connection keeps at most one address, so a table of that size always has a quiet one when it is full.
  const size_t most = std::max<size_t>(std::max(limits_.addresses, limits_.connections), 1);
  if (entries_.size() >= most && !quiet_.empty()) {
    entries_.erase(quiet_.front());
    quiet_.pop_front();
  }
  Entry& entry = entries_[address];
  entry.quiet = quiet_.insert(quiet_.end(), address);
  return entry;
}

Admission::Verdict Admission::admit(const SocketAddress& peer, int64_t now_ns) {
  const AddressKey address = AddressKey::of(peer);
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(address);
  if (entry.connections == 0) quiet_.splice(quiet_.end(), quiet_, entry.quiet);
  const auto refuse = [](Refusal why) { return Verdict{{}, why}; };
  // An address's own limits come first: what it is refused for costs the others nothing.
  if (!entry.attempts.take(limits_.attempts_per_address, now_ns)) return refuse(Refusal::kAddressRate);
  if (entry.connections >= limits_.connections_per_address) return refuse(Refusal::kAddressConnections);
  if (connections_ >= limits_.connections) return refuse(Refusal::kConnections);
  if (pending_ >= limits_.pending) return refuse(Refusal::kPending);
  if (!accepts_.take(limits_.accepts, now_ns)) return refuse(Refusal::kRate);
  if (entry.connections++ == 0) quiet_.erase(entry.quiet);
  ++connections_;
  ++pending_;
  return Verdict{Ticket(shared_from_this(), address), Refusal::kNone};
}

void Admission::leave(const AddressKey& address, bool pending) noexcept {
  const std::lock_guard lock(mutex_);
  --connections_;
  if (pending) --pending_;
  const auto found = entries_.find(address);
  if (found == entries_.end() || --found->second.connections != 0) return;
  found->second.quiet = quiet_.insert(quiet_.end(), address);
}

void Admission::handshaken() noexcept {
  const std::lock_guard lock(mutex_);
  --pending_;
}

Admission::Standing Admission::standing() const {
  const std::lock_guard lock(mutex_);
  return {connections_, pending_, entries_.size()};
}

}  // namespace tickwire::hub
