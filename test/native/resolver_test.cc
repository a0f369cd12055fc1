#include <doctest/doctest.h>
#include <netdb.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "net/resolver.h"
#include "net/resolver_cache.h"

using namespace tickwire;

namespace {

using Addresses = Resolver::Addresses;

Addresses list(std::initializer_list<const char*> hosts) {
  Addresses out;
  for (const char* host : hosts) out.push_back(*SocketAddress::parse(host, 0));
  return out;
}

std::string joined(const Addresses& addresses) {
  std::string out;
  for (const auto& a : addresses) out += (out.empty() ? "" : " ") + a.host();
  return out;
}

std::unique_ptr<Loop> make_loop() {
  auto loop = Loop::create();
  REQUIRE(loop.ok());
  return std::move(loop.value());
}

bool run_until(Loop& loop, const std::function<bool()>& done, int64_t limit_ns = 5'000'000'000) {
  const int64_t end = mono_ns() + limit_ns;
  while (!done()) {
    if (mono_ns() > end) return false;
    loop.run_once(10'000'000);
  }
  return true;
}

// A name server that answers from a table, counts, and can be told to get stuck.
class FakeDns {
 public:
  std::map<std::string, Result<Addresses>> table;  // set before use
  std::atomic<int> calls{0};

  Resolver::Lookup lookup() {
    return [this](const std::string& host) -> Result<Addresses> {
      ++calls;
      std::unique_lock lock(mutex_);
      released_.wait(lock, [this] { return !stuck_; });
      const auto found = table.find(host);
      if (found == table.end()) return Error{Errc::kDns, EAI_NONAME, "no such name"};
      return found->second;
    };
  }
  void set(const std::string& host, Result<Addresses> answer) {
    const std::lock_guard lock(mutex_);
    table.insert_or_assign(host, std::move(answer));
  }
  void stick() {
    const std::lock_guard lock(mutex_);
    stuck_ = true;
  }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      stuck_ = false;
    }
    released_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  bool stuck_ = false;
};

struct Answer {
  int times = 0;
  std::string text;  // addresses, or the error's name
  int32_t detail = 0;
  uint16_t port = 0;

  Resolver::Callback callback() {
    return [this](const Result<Addresses>& r) {
      ++times;
      text = r.ok() ? joined(r.value()) : errc_name(r.error().code);
      detail = r.ok() ? 0 : r.error().detail;
      if (r.ok() && !r.value().empty()) port = r.value().front().port();
    };
  }
};

Resolver::Options options_for(FakeDns& dns) {
  Resolver::Options options;
  options.lookup = dns.lookup();
  return options;
}

std::string ask(Resolver& resolver, Loop& loop, const std::string& host) {
  Answer answer;
  const auto query = resolver.resolve(loop, host, 1, answer.callback());
  REQUIRE(run_until(loop, [&] { return answer.times > 0; }));
  return answer.text;
}

}  // namespace

TEST_CASE("resolver: what needs no lookup") {
  FakeDns dns;
  Resolver resolver(options_for(dns));
  struct Case {
    std::string host;
    const char* expected;
  };
  for (const Case& c : {Case{"127.0.0.9", "127.0.0.9"},
                        {"::1", "::1"},
                        {"localhost", "::1 127.0.0.1"},
                        {"LOCALHOST.", "::1 127.0.0.1"},
                        {"a.localhost", "::1 127.0.0.1"}}) {
    CAPTURE(c.host);
    const auto r = resolver.resolve_now(c.host, 80);
    REQUIRE(r.has_value());
    REQUIRE(r->ok());
    CHECK(joined(r->value()) == c.expected);
    CHECK(r->value().front().port() == 80);
  }
  for (const std::string& host : {std::string(), std::string(254, 'a'), std::string("a\0b", 3)}) {
    const auto r = resolver.resolve_now(host, 80);
    REQUIRE(r.has_value());
    REQUIRE_FALSE(r->ok());
    CHECK(r->error().code == Errc::kDns);
  }
  CHECK_FALSE(resolver.resolve_now("notlocalhost", 80).has_value());
  CHECK_FALSE(resolver.resolve_now("localhost.example", 80).has_value());
  CHECK_FALSE(resolver.resolve_now(std::string(253, 'a'), 80).has_value());
  CHECK(dns.calls == 0);
}

TEST_CASE("resolver: asks once, answers on the loop, caches without regard to case and root dot") {
  FakeDns dns;
  dns.table.emplace("a.test", list({"127.0.0.1", "127.0.0.2", "::1"}));
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  Answer answer;
  const auto query = resolver.resolve(*loop, "A.test.", 8080, answer.callback());
  CHECK(answer.times == 0);  // never from inside resolve()
  REQUIRE(run_until(*loop, [&] { return answer.times > 0; }));
  CHECK(answer.text == "127.0.0.1 ::1 127.0.0.2");
  CHECK(answer.port == 8080);
  const auto cached = resolver.resolve_now("a.TEST", 9);
  REQUIRE(cached.has_value());
  CHECK(cached->value().front().port() == 9);
  CHECK(dns.calls == 1);
  Answer second;
  const auto again = resolver.resolve(*loop, "a.test", 1, second.callback());
  CHECK(second.times == 0);
  REQUIRE(run_until(*loop, [&] { return second.times > 0; }));
  CHECK(dns.calls == 1);
  resolver.distrust("a.test");
  CHECK_FALSE(resolver.resolve_now("a.test", 9).has_value());
}

TEST_CASE("resolver: failures") {
  FakeDns dns;
  dns.table.emplace("later.test", Error{Errc::kDns, EAI_AGAIN, "later"});
  dns.table.emplace("empty.test", Addresses{});
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  for (const auto& [host, detail] :
       {std::pair{"later.test", EAI_AGAIN}, {"none.test", EAI_NONAME}, {"empty.test", EAI_NONAME}}) {
    Answer answer;
    const auto query = resolver.resolve(*loop, host, 1, answer.callback());
    REQUIRE(run_until(*loop, [&] { return answer.times > 0; }));
    CHECK(answer.text == "ERR_DNS");
    CHECK(answer.detail == detail);
  }
}

TEST_CASE("resolver: an old answer serves while asking again fails, not against a clear no") {
  FakeDns dns;
  dns.set("a.test", list({"127.0.0.1"}));
  auto options = options_for(dns);
  options.ttl_ns = 0;
  Resolver resolver(options);
  auto loop = make_loop();
  CHECK(ask(resolver, *loop, "a.test") == "127.0.0.1");
  CHECK(ask(resolver, *loop, "a.test") == "127.0.0.1");
  CHECK(dns.calls == 2);  // ttl 0
  dns.set("a.test", Error{Errc::kDns, EAI_AGAIN, "later"});
  CHECK(ask(resolver, *loop, "a.test") == "127.0.0.1");
  dns.set("a.test", Error{Errc::kDns, EAI_NONAME, "gone"});
  CHECK(ask(resolver, *loop, "a.test") == "ERR_DNS");
  dns.set("a.test", Error{Errc::kDns, EAI_AGAIN, "later"});
  CHECK(ask(resolver, *loop, "a.test") == "ERR_DNS");
}

TEST_CASE("resolver: queries for one name share a lookup; a cancelled one hears nothing") {
  FakeDns dns;
  dns.table.emplace("a.test", list({"127.0.0.1"}));
  dns.stick();
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  Answer kept, cancelled, late;
  const auto first = resolver.resolve(*loop, "a.test", 1, kept.callback());
  auto second = resolver.resolve(*loop, "a.test", 2, cancelled.callback());
  auto third = resolver.resolve(*loop, "a.test", 3, late.callback());
  second.reset();
  dns.release();
  while (!resolver.resolve_now("a.test", 1).has_value()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the answers are posted now
  third.reset();                                              // cancelled with its task in the loop's queue
  REQUIRE(run_until(*loop, [&] { return kept.times > 0; }));
  loop->run_once(0);
  CHECK(kept.times == 1);
  CHECK(cancelled.times == 0);
  CHECK(late.times == 0);
  CHECK(dns.calls == 1);
}

TEST_CASE("resolver: the query may be destroyed by its own callback") {
  FakeDns dns;
  dns.table.emplace("a.test", list({"127.0.0.1"}));
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  bool called = false;
  std::unique_ptr<Resolver::Query> query;
  query = resolver.resolve(*loop, "a.test", 1, [&](const Result<Addresses>&) {
    query.reset();
    called = true;
  });
  REQUIRE(run_until(*loop, [&] { return called; }));
}

TEST_CASE("resolver: a stuck lookup blocks neither other names, nor the end of loop and resolver") {
  auto dns = std::make_shared<FakeDns>();
  dns->table.emplace("a.test", list({"127.0.0.1"}));
  dns->stick();
  Answer answer;
  {
    auto loop = make_loop();
    auto options = options_for(*dns);
    const auto inner = options.lookup;
    options.lookup = [dns, inner](const std::string& host) -> Result<Addresses> {
      if (host == "quick.test") return list({"127.0.0.2"});
      return inner(host);
    };
    Resolver resolver(options);
    auto query = resolver.resolve(*loop, "a.test", 1, answer.callback());
    CHECK(ask(resolver, *loop, "quick.test") == "127.0.0.2");
    query.reset();
  }
  dns->release();  // the thread goes on alone and finds nobody
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(answer.times == 0);
}

TEST_CASE("resolver: a closed loop takes no answer") {
  FakeDns dns;
  dns.table.emplace("a.test", list({"127.0.0.1"}));
  dns.stick();
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  Answer answer;
  auto query = resolver.resolve(*loop, "a.test", 1, answer.callback());
  loop->close();
  dns.release();
  while (!resolver.resolve_now("a.test", 1).has_value()) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(answer.times == 0);
  query.reset();
}

TEST_CASE("resolver: bounded") {
  FakeDns dns;
  dns.stick();
  auto options = options_for(dns);
  options.max_threads = 1;
  options.max_pending = 2;
  Resolver resolver(options);
  auto loop = make_loop();
  std::vector<std::unique_ptr<Resolver::Query>> queries;
  std::vector<Answer> answers(5);
  for (int i = 0; i < 5; ++i) {
    queries.push_back(
        resolver.resolve(*loop, "n" + std::to_string(i) + ".test", 1, answers[static_cast<size_t>(i)].callback()));
    while (dns.calls == 0) std::this_thread::yield();  // the first one is with the thread
  }
  loop->run_once(0);
  CHECK(answers[3].text == "ERR_DNS");
  CHECK(answers[3].detail == EAI_AGAIN);
  CHECK(answers[4].text == "ERR_DNS");
  CHECK(answers[0].times + answers[1].times + answers[2].times == 0);
  dns.release();
  REQUIRE(run_until(*loop, [&] { return answers[0].times + answers[1].times + answers[2].times == 3; }));
  CHECK(dns.calls == 3);
}

TEST_CASE("resolver: more addresses than anyone needs") {
  FakeDns dns;
  Addresses many;
  for (int i = 1; i <= 100; ++i) many.push_back(*SocketAddress::parse("127.0.1." + std::to_string(i), 0));
  dns.table.emplace("a.test", many);
  Resolver resolver(options_for(dns));
  auto loop = make_loop();
  Answer answer;
  const auto query = resolver.resolve(*loop, "a.test", 1, answer.callback());
  REQUIRE(run_until(*loop, [&] { return answer.times > 0; }));
  CHECK(resolver.resolve_now("a.test", 1)->value().size() == Resolver::kMaxAddresses);
}

TEST_CASE("resolver: threads end when idle and come back") {
  FakeDns dns;
  dns.table.emplace("a.test", list({"127.0.0.1"}));
  auto options = options_for(dns);
  options.idle_ns = 1'000'000;
  options.ttl_ns = 0;
  Resolver resolver(options);
  auto loop = make_loop();
  for (int i = 0; i < 5; ++i) {
    CHECK(ask(resolver, *loop, "a.test") == "127.0.0.1");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(dns.calls == 5);
}

TEST_CASE("resolver: the system's") {
  auto loop = make_loop();
  // A label of more than 63 bytes (RFC 1035 section 2.3.4) is refused before any name server is asked.
  CHECK(ask(Resolver::process(), *loop, std::string(64, 'a') + ".test") == "ERR_DNS");
}

TEST_CASE("resolver: many loops and names at once, with cancellations") {
  FakeDns dns;
  for (int i = 0; i < 8; ++i) dns.table.emplace("n" + std::to_string(i), list({"127.0.0.1"}));
  auto options = options_for(dns);
  options.ttl_ns = 0;
  options.max_cached = 4;
  Resolver resolver(options);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      auto loop = std::move(Loop::create().value());
      uint32_t seed = t + 1;
      for (int i = 0; i < 200; ++i) {
        seed = seed * 1664525u + 1013904223u;
        bool answered = false;
        auto query = resolver.resolve(*loop, "n" + std::to_string(seed >> 29), 1, [&](const Result<Addresses>& r) {
          answered = true;
          if (!r.ok()) ++wrong;
        });
        if ((seed >> 20) % 3 == 0) {
          query.reset();
          loop->run_once(0);
          if (answered) ++wrong;
        } else if (!run_until(*loop, [&] { return answered; })) {
          ++wrong;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("resolver: families alternate, order within each is kept") {
  struct Case {
    Addresses in;
    const char* out;
  };
  for (Case c : {Case{list({}), ""},
                 {list({"1.1.1.1"}), "1.1.1.1"},
                 {list({"1.1.1.1", "1.1.1.2", "1.1.1.3", "::1"}), "1.1.1.1 ::1 1.1.1.2 1.1.1.3"},
                 {list({"::1", "::2", "1.1.1.1", "1.1.1.2", "1.1.1.3"}), "::1 1.1.1.1 ::2 1.1.1.2 1.1.1.3"}}) {
    Resolver::interleave_families(c.in);
    CHECK(joined(c.in) == c.out);
  }
}

TEST_CASE("resolver cache: freshness, fallback, bound") {
  ResolverCache cache(2, 100, 1000);
  cache.put("a", list({"1.1.1.1"}), 0);
  CHECK(cache.fresh("a", 99).has_value());
  CHECK_FALSE(cache.fresh("a", 100).has_value());
  CHECK(cache.stale("a", 999).has_value());
  CHECK_FALSE(cache.stale("a", 1000).has_value());
  cache.put("a", list({"1.1.1.2"}), 500);
  CHECK(joined(*cache.fresh("a", 550)) == "1.1.1.2");
  cache.distrust("a");
  CHECK_FALSE(cache.fresh("a", 550).has_value());
  CHECK(cache.stale("a", 550).has_value());
  cache.distrust("unknown");
  cache.put("b", list({"1.1.1.1"}), 600);
  cache.put("c", list({"1.1.1.1"}), 700);
  CHECK(cache.size() == 2);
  CHECK_FALSE(cache.stale("a", 700).has_value());
  cache.put("b", list({"1.1.1.1"}), 800);
  CHECK(cache.size() == 2);
  cache.erase("b");
  CHECK_FALSE(cache.stale("b", 800).has_value());
  ResolverCache none(0, 100, 1000);
  none.put("a", list({"1.1.1.1"}), 0);
  CHECK(none.size() == 0);
}
