// Host names to addresses without blocking a loop: the system's resolver on a few threads, with a short cache.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "loop/loop.h"
#include "net/socket_address.h"

namespace tickwire {

class Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;
  // Blocks; called from the resolver's threads. Errors are kDns with an EAI_ code in detail.
  using Lookup = std::function<Result<Addresses>(const std::string& host)>;
  using Callback = std::function<void(const Result<Addresses>&)>;

  struct Options {
    Lookup lookup;                             // empty = getaddrinfo
    size_t max_threads = 4;                    // started when needed; more than one so that a stuck name server of one
                                               // zone does not hold up the others
    size_t max_pending = 256;                  // names waiting for a thread
    size_t max_cached = 256;                   // names
    int64_t ttl_ns = 30'000'000'000;           // getaddrinfo does not tell the record's own
    int64_t max_stale_ns = 3'600'000'000'000;  // how old an answer may be when asking again fails
    int64_t idle_ns = 30'000'000'000;          // a thread without work ends after this
  };

  // A lookup under way; destroying it, on the loop's thread, forgets the callback.
  class Query {
   public:
    virtual ~Query() = default;
  };

  static constexpr size_t kMaxAddresses = 16;  // of one name

  [[nodiscard]] static Resolver& process();  // the one everybody shares
  explicit Resolver(Options options);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  // Does not wait for lookups: a thread that is stuck in one lets go of the shared state when it returns.
  ~Resolver();

  // What needs no lookup: numeric addresses, "localhost" (RFC 6761 section 6.3), fresh cache entries, and names that
  // cannot exist. nullopt: ask resolve().
  [[nodiscard]] std::optional<Result<Addresses>> resolve_now(const std::string& host, uint16_t port);
  // Answers through loop.post(), at most once, never from inside this call. Queries for the same name share a lookup.
  // The loop must outlive the query. Any loop's thread.
  [[nodiscard]] std::unique_ptr<Query> resolve(Loop& loop, const std::string& host, uint16_t port, Callback callback);
  // None of the addresses worked: ask again next time, and keep them only as a fallback.
  void distrust(const std::string& host);

  // Alternates between the families, beginning with that of the first address and keeping the order within each
  // (RFC 8305 section 4).
  static void interleave_families(Addresses& addresses);

 private:
  struct Shared;
  struct Waiter;
  class PendingQuery;
  std::shared_ptr<Shared> shared_;
};

}  // namespace tickwire
