// Who may connect: limits on connections and on how fast they come, in total and per address. An IPv6 address counts by
// its /64, which is what one customer gets; an IPv4 address inside IPv6 counts as itself.
//
// Any thread. One lock per connection that comes or goes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "hub/refusal.h"
#include "net/socket_address.h"

namespace tickwire::hub {

// A token bucket's measures. per_second 0: no limit.
struct Rate {
  double per_second = 0;
  double burst = 1;  // at least 1
};

struct AdmissionLimits {
  uint32_t connections = 10'000;             // open at a time, those in their handshake included
  uint32_t connections_per_address = 2'000;  // of them from one address
  uint32_t pending = 1'024;                  // of them in their handshake
  Rate accepts = {};                         // connections that are let in
  Rate attempts_per_address = {};            // connections that are tried
  // Addresses that are remembered for their rate; raised to `connections`. The one that was quiet for longest is
  // forgotten first, and one with connections never.
  uint32_t addresses = 65'536;
};

struct AddressKey {
  uint64_t prefix = 0;
  bool v6 = false;
  [[nodiscard]] static AddressKey of(const SocketAddress& address) noexcept;
  [[nodiscard]] bool operator==(const AddressKey&) const noexcept = default;
};

class TokenBucket {
 public:
  // Takes one token when there is one.
  [[nodiscard]] bool take(const Rate& rate, int64_t now_ns) noexcept;
  // Whether take() would find one; takes nothing.
  [[nodiscard]] bool has(const Rate& rate, int64_t now_ns) noexcept;

 private:
  void refill(const Rate& rate, int64_t now_ns) noexcept;
  double tokens_ = 0;
  int64_t filled_at_ = 0;
  bool started_ = false;
};

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  // Keeps one admitted connection counted while it lives.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& o) noexcept = default;
    Ticket& operator=(Ticket&& o) noexcept;
    ~Ticket() { reset(); }
    [[nodiscard]] explicit operator bool() const noexcept { return admission_ != nullptr; }
    void handshaken() noexcept;  // it is pending no longer
    void reset() noexcept;

   private:
    friend class Admission;
    Ticket(std::shared_ptr<Admission> admission, AddressKey address) noexcept
        : admission_(std::move(admission)), address_(address) {}
    std::shared_ptr<Admission> admission_;
    AddressKey address_;
    bool pending_ = true;
  };

  // `seed` is unpredictable to clients: addresses that collide must not be found by computing.
  [[nodiscard]] static std::shared_ptr<Admission> create(const AdmissionLimits& limits, uint64_t seed);

  // A ticket, or the reason why there is none: kConnections, kAddressConnections, kPending, kRate, kAddressRate.
  struct Verdict {
    Ticket ticket;
    Refusal refusal = Refusal::kNone;
  };
  [[nodiscard]] Verdict admit(const SocketAddress& peer, int64_t now_ns);

  struct Standing {
    uint32_t connections = 0;
    uint32_t pending = 0;
    size_t addresses = 0;  // remembered
  };
  [[nodiscard]] Standing standing() const;

 private:
  struct Entry {
    uint32_t connections = 0;
    TokenBucket attempts;
    std::list<AddressKey>::iterator quiet;  // its place in quiet_, valid while connections is 0
  };
  struct Hash {
    uint64_t seed;
    [[nodiscard]] size_t operator()(const AddressKey& key) const noexcept;
  };
  Admission(const AdmissionLimits& limits, uint64_t seed);
  [[nodiscard]] Entry& entry_of(const AddressKey& address);
  void leave(const AddressKey& address, bool pending) noexcept;
  void handshaken() noexcept;

  const AdmissionLimits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<AddressKey, Entry, Hash> entries_;
  std::list<AddressKey> quiet_;  // without connections, the quietest first
  TokenBucket accepts_;
  uint32_t connections_ = 0;
  uint32_t pending_ = 0;
};

}  // namespace tickwire::hub
