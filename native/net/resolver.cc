#include "net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "net/resolver_cache.h"

namespace tickwire {

namespace {

constexpr size_t kMaxNameLength = 253;  // RFC 1035 section 2.3.4, as text without the root dot

// Names compare without case, and with or without the root dot.
std::string canonical(const std::string& host) {
  std::string name = host;
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

bool is_localhost(const std::string& name) {
  constexpr std::string_view kName = "localhost";
  if (name.size() < kName.size() || name.compare(name.size() - kName.size(), kName.size(), kName) != 0) return false;
  return name.size() == kName.size() || name[name.size() - kName.size() - 1] == '.';
}

Error dns_error(const std::string& host, int code, const char* why) {
  return {Errc::kDns, code, "cannot resolve " + host + ": " + why};
}

Result<Resolver::Addresses> system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) return dns_error(host, code, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  Resolver::Addresses out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
      out.push_back(SocketAddress::from(a->ai_addr, a->ai_addrlen));
  }
  return out;
}

Resolver::Addresses with_port(Resolver::Addresses addresses, uint16_t port) {
  for (auto& address : addresses) address.set_port(port);
  return addresses;
}

}  // namespace

// One query's way back to its loop. `loop` is null once the query was cancelled or answered, and is only used under the
// mutex: a loop whose queries are gone is never touched again.
struct Resolver::Waiter {
  std::mutex mutex;
  Loop* loop = nullptr;
  Callback callback;
  uint16_t port = 0;

  static void deliver(const std::shared_ptr<Waiter>& waiter, const Result<Addresses>& answer) {
    const std::lock_guard lock(waiter->mutex);
    if (waiter->loop == nullptr) return;
    Result<Addresses> own = answer.ok() ? Result<Addresses>(with_port(answer.value(), waiter->port)) : answer;
    // A closed loop takes no task and wants no answer.
    static_cast<void>(waiter->loop->post([waiter, own = std::move(own)] {
      Callback answered;
      {
        const std::lock_guard inner(waiter->mutex);
        if (waiter->loop == nullptr) return;
        waiter->loop = nullptr;
        answered = std::move(waiter->callback);
      }
      answered(own);
    }));
  }
};

class Resolver::PendingQuery final : public Query {
 public:
  explicit PendingQuery(std::shared_ptr<Waiter> waiter) : waiter_(std::move(waiter)) {}
  ~PendingQuery() override {
    Callback dead;  // destroyed outside the lock
    const std::lock_guard lock(waiter_->mutex);
    waiter_->loop = nullptr;
    dead.swap(waiter_->callback);
  }

 private:
  std::shared_ptr<Waiter> waiter_;
};

// Owned by the resolver and by each of its threads, so that whoever ends last frees it.
struct Resolver::Shared {
  struct Job {
    std::string host;
    std::vector<std::shared_ptr<Waiter>> waiters;
  };

  explicit Shared(Options o) : options(std::move(o)), cache(options.max_cached, options.ttl_ns, options.max_stale_ns) {
    if (!options.lookup) options.lookup = &system_lookup;
  }

  static void work(const std::shared_ptr<Shared>& shared);
  // Called with the mutex held.
  [[nodiscard]] bool start_thread(const std::shared_ptr<Shared>& self);
  [[nodiscard]] Result<Addresses> settle(const std::string& host, Result<Addresses> answer);

  std::mutex mutex;
  std::condition_variable work_waits;
  Options options;
  ResolverCache cache;
  std::deque<std::shared_ptr<Job>> queue;
  std::unordered_map<std::string, std::shared_ptr<Job>> jobs;  // queued and running, by name
  size_t threads = 0;
  size_t idle = 0;
  bool stopping = false;
};

bool Resolver::Shared::start_thread(const std::shared_ptr<Shared>& self) {
  try {
    // Detached: nothing may ever wait for a name server that does not answer.
    std::thread([self] { work(self); }).detach();
  } catch (const std::system_error&) {
    return false;
  }
  ++threads;
  return true;
}

Result<Resolver::Addresses> Resolver::Shared::settle(const std::string& host, Result<Addresses> answer) {
  const int64_t now = mono_ns();
  if (answer.ok() && !answer.value().empty()) {
    interleave_families(answer.value());
    if (answer.value().size() > kMaxAddresses) answer.value().resize(kMaxAddresses);
    cache.put(host, answer.value(), now);
    return answer;
  }
  if (answer.ok()) answer = Result<Addresses>(dns_error(host, EAI_NONAME, "the name has no address"));
  if (answer.error().detail == EAI_NONAME) {
    cache.erase(host);  // an authoritative no
    return answer;
  }
  if (auto stale = cache.stale(host, now)) return *std::move(stale);
  return answer;
}

void Resolver::Shared::work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    if (shared->queue.empty() && !shared->stopping) {
      ++shared->idle;
      const auto idle_time = std::chrono::nanoseconds(shared->options.idle_ns);
      shared->work_waits.wait_for(lock, idle_time, [&] { return !shared->queue.empty() || shared->stopping; });
      --shared->idle;
    }
    if (shared->queue.empty() || shared->stopping) {
      --shared->threads;
      return;
    }
    const std::shared_ptr<Job> job = std::move(shared->queue.front());
    shared->queue.pop_front();
    lock.unlock();
    Result<Addresses> found = shared->options.lookup(job->host);
    lock.lock();
    const Result<Addresses> answer = shared->settle(job->host, std::move(found));
    const auto waiters = std::move(job->waiters);
    shared->jobs.erase(job->host);
    lock.unlock();
    for (const auto& waiter : waiters) Waiter::deliver(waiter, answer);
    lock.lock();
  }
}

Resolver& Resolver::process() {
  static Resolver resolver{Options{}};
  return resolver;
}

Resolver::Resolver(Options options) : shared_(std::make_shared<Shared>(std::move(options))) {}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->work_waits.notify_all();
}

std::optional<Result<Resolver::Addresses>> Resolver::resolve_now(const std::string& host, uint16_t port) {
  if (auto numeric = SocketAddress::parse(host, port)) return Result<Addresses>(Addresses{*numeric});
  const std::string name = canonical(host);
  if (name.empty() || name.size() > kMaxNameLength || name.find('\0') != std::string::npos) {
    return Result<Addresses>(Error{Errc::kDns, EAI_NONAME, "the host name is empty, too long or holds a NUL"});
  }
  if (is_localhost(name)) {
    return Result<Addresses>(Addresses{*SocketAddress::parse("::1", port), *SocketAddress::parse("127.0.0.1", port)});
  }
  const std::lock_guard lock(shared_->mutex);
  if (auto cached = shared_->cache.fresh(name, mono_ns())) {
    return Result<Addresses>(with_port(*std::move(cached), port));
  }
  return std::nullopt;
}

std::unique_ptr<Resolver::Query> Resolver::resolve(Loop& loop, const std::string& host, uint16_t port,
                                                   Callback callback) {
  auto waiter = std::make_shared<Waiter>();
  waiter->loop = &loop;
  waiter->callback = std::move(callback);
  waiter->port = port;
  auto query = std::make_unique<PendingQuery>(waiter);
  if (auto known = resolve_now(host, port)) {
    Waiter::deliver(waiter, *known);
    return query;
  }
  const std::string name = canonical(host);
  const char* refused = nullptr;
  {
    const std::lock_guard lock(shared_->mutex);
    if (const auto running = shared_->jobs.find(name); running != shared_->jobs.end()) {
      running->second->waiters.push_back(waiter);
    } else if (shared_->queue.size() >= shared_->options.max_pending) {
      refused = "too many lookups are waiting";
    } else {
      const bool thread_needed = shared_->queue.size() >= shared_->idle;
      if (thread_needed && shared_->threads < shared_->options.max_threads && !shared_->start_thread(shared_) &&
          shared_->threads == 0) {
        refused = "no thread could be started";
      } else {
        auto job = std::make_shared<Shared::Job>();
        job->host = name;
        job->waiters.push_back(waiter);
        shared_->queue.push_back(job);
        shared_->jobs.emplace(name, std::move(job));
      }
    }
  }
  if (refused != nullptr) {
    Waiter::deliver(waiter, dns_error(host, EAI_AGAIN, refused));
  } else {
    shared_->work_waits.notify_one();
  }
  return query;
}

void Resolver::distrust(const std::string& host) {
  const std::lock_guard lock(shared_->mutex);
  shared_->cache.distrust(canonical(host));
}

void Resolver::interleave_families(Addresses& addresses) {
  if (addresses.empty()) return;
  const int first_family = addresses.front().family();
  const auto other = std::stable_partition(addresses.begin(), addresses.end(),
                                           [&](const SocketAddress& a) { return a.family() == first_family; });
  const Addresses first(addresses.begin(), other);
  const Addresses second(other, addresses.end());
  addresses.clear();
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) addresses.push_back(first[i]);
    if (i < second.size()) addresses.push_back(second[i]);
  }
}

}  // namespace tickwire
