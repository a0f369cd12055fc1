#include "net/tls_server_context.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <openssl/evp.h>

#include "tls_rig.h"

using namespace tickwire;
using namespace tickwire::net_test;

namespace {

tickwire::TlsServerOptions serving() {
  tickwire::TlsServerOptions options;
  options.identity = {test_server().pem(), test_server().key_pem(), ""};
  return options;
}

std::shared_ptr<TlsServerContext> server_of(const tickwire::TlsServerOptions& options) {
  auto r = TlsServerContext::create(options);
  if (!r.ok()) throw std::runtime_error(r.error().text);
  return r.value();
}

// Both sides of one connection on this thread.
struct Joined {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  IoResult server_end;
  IoResult client_end;
  [[nodiscard]] bool ok() const { return server_end.status == IoStatus::kOk && client_end.status == IoStatus::kOk; }
};

Joined join(const std::shared_ptr<TlsServerContext>& server, const std::shared_ptr<TlsContext>& client,
            const SocketOptions& accepted = {}) {
  net_test::Listener listener;
  Joined j;
  if (accepted.recv_buffer > 0) {
    ::setsockopt(listener.fd(), SOL_SOCKET, SO_RCVBUF, &accepted.recv_buffer, sizeof accepted.recv_buffer);
  }
  if (accepted.send_buffer > 0) {
    ::setsockopt(listener.fd(), SOL_SOCKET, SO_SNDBUF, &accepted.send_buffer, sizeof accepted.send_buffer);
  }
  SocketOptions ours;
  ours.recv_buffer = accepted.recv_buffer;
  // The same name for every connection, so that sessions are found again.
  auto made = TlsStream::create(connect_to(listener.port(), ours), client, "localhost", 443);
  REQUIRE(made.ok());
  j.client = std::move(made.value());
  Fd fd(::accept(listener.fd(), nullptr, nullptr));
  REQUIRE(fd.valid());
  REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
  auto accepted_stream = TlsStream::accept(std::move(fd), server);
  REQUIRE(accepted_stream.ok());
  j.server = std::move(accepted_stream.value());
  j.server_end = j.client_end = {IoStatus::kAgain, 0, {}};
  for (int i = 0; i < 2000; ++i) {
    if (j.client_end.status == IoStatus::kAgain) j.client_end = j.client->handshake();
    if (j.server_end.status == IoStatus::kAgain) j.server_end = j.server->handshake();
    if (j.client_end.status != IoStatus::kAgain && j.server_end.status != IoStatus::kAgain) break;
    if (j.server_end.status == IoStatus::kError) j.server->shutdown_write();
    ::poll(nullptr, 0, 1);
  }
  return j;
}

// One small message each way; also lets a client of TLS 1.3 learn what the server thinks of its certificate.
Errc exchange(Joined& j) {
  std::string got;
  if (!write_all(*j.server, "from the server")) return Errc::kBrokenPipe;
  if (const IoResult r = read_some(*j.client, got, 15); r.status != IoStatus::kOk) return r.error.code;
  if (!write_all(*j.client, "from the client")) return Errc::kBrokenPipe;
  if (const IoResult r = read_some(*j.server, got, 30); r.status != IoStatus::kOk) return r.error.code;
  return got == "from the serverfrom the client" ? Errc::kNone : Errc::kSystem;
}

}  // namespace

TEST_CASE("tls server: both profiles, data both ways, an orderly end") {
  for (const bool only_tls13 : {false, true}) {
    CAPTURE(only_tls13);
    auto options = serving();
    options.only_tls13 = only_tls13;
    TlsOptions wanted = trusting();
    Joined j = join(server_of(options), context_of(wanted));
    REQUIRE_MESSAGE(j.ok(), j.server_end.error.text);
    CHECK(exchange(j) == Errc::kNone);
    StreamInfo info;
    j.server->describe(info);
    CHECK(info.tls_version == "TLSv1.3");
    CHECK(info.alpn.empty());
    CHECK(j.server->peer_subject().empty());
    CHECK_FALSE(j.server->has_unsent_output());
    CHECK_FALSE(j.server->has_buffered_input());
    j.client->shutdown_write();
    std::string rest;
    CHECK(read_some(*j.server, rest, 1).status == IoStatus::kEof);
    j.server->shutdown_write();
    CHECK(read_some(*j.client, rest, 1).status == IoStatus::kEof);
  }
}

TEST_CASE("tls server: large streams in both directions") {
  Joined j = join(server_of(serving()), context_of(trusting()));
  REQUIRE(j.ok());
  const std::string down = pattern(3'000'000, 1);
  const std::string up = pattern(1'000'000, 2);
  std::string got_down, got_up;
  std::string_view down_left = down, up_left = up;
  std::vector<uint8_t> buffer(50'000);
  int64_t stamp = 0;
  const auto pump = [&](TlsStream& from, std::string_view& left, TlsStream& to, std::string& got) {
    // In pieces of odd sizes, as a hub gathers frames.
    std::vector<iovec> pieces;
    size_t at = 0;
    for (size_t size = 1; at < left.size() && pieces.size() < 40; size = size * 5 % 20'011 + 1) {
      const size_t n = std::min(size, left.size() - at);
      pieces.push_back({const_cast<char*>(left.data() + at), n});
      at += n;
    }
    const IoResult w = from.write(pieces);
    REQUIRE(w.status != IoStatus::kError);
    left.remove_prefix(w.bytes);
    const IoResult r = to.read(buffer, stamp);
    REQUIRE((r.status == IoStatus::kOk || r.status == IoStatus::kAgain));
    got.append(reinterpret_cast<char*>(buffer.data()), r.bytes);
  };
  for (int i = 0; i < 100'000 && (got_down.size() < down.size() || got_up.size() < up.size()); ++i) {
    pump(*j.server, down_left, *j.client, got_down);
    pump(*j.client, up_left, *j.server, got_up);
  }
  CHECK(got_down == down);
  CHECK(got_up == up);
}

TEST_CASE("tls server: what was begun is taken, and what follows is free to choose") {
  SocketOptions small;
  small.recv_buffer = 4096;
  small.send_buffer = 4096;
  Joined j = join(server_of(serving()), context_of(trusting()), small);
  REQUIRE(j.ok());
  std::string sent;
  IoResult r;
  for (int i = 0; i < 10'000; ++i) {
    const std::string block = pattern(10'000, static_cast<uint32_t>(i) + 7);
    const iovec one = piece(block);
    r = j.server->write({&one, 1});
    REQUIRE(r.status != IoStatus::kError);
    if (r.status == IoStatus::kAgain) break;
    sent += block.substr(0, r.bytes);
  }
  REQUIRE(r.status == IoStatus::kAgain);
  REQUIRE(j.server->has_unsent_output());
  CHECK(j.server->write({}).status == IoStatus::kAgain);
  // Nothing of the block that was refused last is sent: other bytes may come instead.
  std::string got;
  std::vector<uint8_t> buffer(16'384);
  int64_t stamp = 0;
  bool wrote = false;
  for (int i = 0; i < 20'000 && (!wrote || j.server->has_unsent_output() || got.size() < sent.size()); ++i) {
    const IoResult in = j.client->read(buffer, stamp);
    REQUIRE((in.status == IoStatus::kOk || in.status == IoStatus::kAgain));
    got.append(reinterpret_cast<char*>(buffer.data()), in.bytes);
    if (wrote) {
      REQUIRE(j.server->write({}).status != IoStatus::kError);
    } else {
      const iovec one = piece("something else");
      const IoResult out = j.server->write({&one, 1});
      REQUIRE(out.status != IoStatus::kError);
      wrote = out.status == IoStatus::kOk;
      if (wrote) sent += "something else";
    }
    if (in.status == IoStatus::kAgain) ::poll(nullptr, 0, 1);
  }
  CHECK(got == sent);
  CHECK(j.server->write({}).status == IoStatus::kOk);
}

TEST_CASE("tls server: ALPN") {
  struct Case {
    std::vector<std::string> server, client;
    std::string chosen;
    bool ok;
  };
  for (const Case& c : std::vector<Case>{
           {{"http/1.1"}, {"h2", "http/1.1"}, "http/1.1", true},
           {{"http/1.1"}, {}, "", true},
           {{}, {"h2"}, "", true},
           {{"b", "a"}, {"a", "b"}, "b", true},  // ours decides
           {{"http/1.1"}, {"h2"}, "", false},
       }) {
    auto options = serving();
    options.alpn = c.server;
    TlsOptions wanted = trusting();
    wanted.alpn = c.client;
    Joined j = join(server_of(options), context_of(wanted));
    CHECK(j.ok() == c.ok);
    if (!c.ok) {
      CHECK(j.client_end.error.code == Errc::kTlsHandshake);
      continue;
    }
    StreamInfo info;
    j.server->describe(info);
    CHECK(info.alpn == c.chosen);
  }
}

TEST_CASE("tls server: client certificates") {
  const Identity client = make_identity({.common_name = "desk 7"}, &test_authority());
  const Identity stranger = make_identity({.common_name = "stranger"});
  TlsOptions plain = trusting();
  TlsOptions named = trusting();
  named.cert_pem = client.pem();
  named.key_pem = client.key_pem();
  TlsOptions wrong = trusting();
  wrong.cert_pem = stranger.pem();
  wrong.key_pem = stranger.key_pem();
  auto options = serving();
  options.client_ca_pem = test_authority().pem();
  for (const auto wish : {ClientCertificate::kOptional, ClientCertificate::kRequired}) {
    options.client_certificate = wish;
    const auto context = server_of(options);
    Joined good = join(context, context_of(named));
    REQUIRE_MESSAGE(good.ok(), good.server_end.error.text);
    CHECK(exchange(good) == Errc::kNone);
    CHECK(good.server->peer_subject() == "CN=desk 7");
    Joined nobody = join(context, context_of(plain));
    if (wish == ClientCertificate::kOptional) {
      REQUIRE(nobody.ok());
      CHECK(nobody.server->peer_subject().empty());
    } else {
      CHECK(nobody.server_end.error.code == Errc::kTlsVerify);
    }
    Joined bad = join(context, context_of(wrong));
    CHECK(bad.server_end.status == IoStatus::kError);
    CHECK(bad.server_end.error.code == Errc::kTlsSelfSigned);
    CHECK(bad.server_end.error.text.find("client certificate") == 0);
  }
}

TEST_CASE("tls server: a subject is known after resumption too") {
  const Identity client = make_identity({.common_name = "desk 7"}, &test_authority());
  TlsOptions named = trusting();
  named.cert_pem = client.pem();
  named.key_pem = client.key_pem();
  auto options = serving();
  options.client_ca_pem = test_authority().pem();
  options.client_certificate = ClientCertificate::kRequired;
  const auto server = server_of(options);
  const auto context = context_of(named);
  for (const bool resumed : {false, true}) {
    Joined j = join(server, context);
    REQUIRE(j.ok());
    CHECK(exchange(j) == Errc::kNone);
    StreamInfo info;
    j.server->describe(info);
    CHECK(info.tls_resumed == resumed);
    CHECK(j.server->peer_subject() == "CN=desk 7");
  }
}

TEST_CASE("tls server: versions and what is no TLS at all") {
  auto options = serving();
  options.only_tls13 = true;
  {
    net_test::Listener listener;
    const Fd client = connect_to(listener.port());
    Fd fd(::accept(listener.fd(), nullptr, nullptr));
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
    auto server = TlsStream::accept(std::move(fd), server_of(options));
    REQUIRE(server.ok());
    send_all(client.get(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const IoResult r = shake_hands(*server.value());
    CHECK(r.status == IoStatus::kError);
    CHECK(r.error.code == Errc::kTlsProtocol);
  }
  {
    const SslCtxPtr old(SSL_CTX_new(TLS_client_method()));
    REQUIRE(SSL_CTX_set_max_proto_version(old.get(), TLS1_2_VERSION) == 1);
    net_test::Listener listener;
    const Fd client = connect_to(listener.port());
    const SslPtr ssl(SSL_new(old.get()));
    SSL_set_fd(ssl.get(), client.get());
    Fd fd(::accept(listener.fd(), nullptr, nullptr));
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
    auto server = TlsStream::accept(std::move(fd), server_of(options));
    REQUIRE(server.ok());
    CHECK(SSL_connect(ssl.get()) != 1);
    const IoResult r = shake_hands(*server.value());
    CHECK(r.error.code == Errc::kTlsVersion);
    ERR_clear_error();
  }
}

TEST_CASE("tls server: resumption by tickets") {
  const auto resumed = [](const std::shared_ptr<TlsServerContext>& server, const std::shared_ptr<TlsContext>& client) {
    Joined j = join(server, client);
    REQUIRE(j.ok());
    REQUIRE(exchange(j) == Errc::kNone);
    StreamInfo info;
    j.server->describe(info);
    return info.tls_resumed;
  };
  const auto server = server_of(serving());
  const auto client = context_of(trusting());
  CHECK_FALSE(resumed(server, client));
  CHECK(resumed(server, client));
  CHECK(resumed(server, client));
  // Keys are a context's own: another process's tickets mean nothing.
  CHECK_FALSE(resumed(server_of(serving()), client));
  auto options = serving();
  options.tickets = false;
  const auto without = server_of(options);
  const auto other = context_of(trusting());
  CHECK_FALSE(resumed(without, other));
  CHECK_FALSE(resumed(without, other));
}

TEST_CASE("tls server: ticket keys are replaced, and an older one opens for one interval more") {
  TlsTicketKeys keys;
  REQUIRE(keys.init(1000).ok());
  struct Sealed {
    unsigned char name[TlsTicketKeys::kNameBytes];
    unsigned char iv[EVP_MAX_IV_LENGTH];
  };
  EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  REQUIRE(hmac != nullptr);
  const auto serve = [&](Sealed& s, bool sealing, int64_t at) {
    EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX* mac = EVP_MAC_CTX_new(hmac);
    const int r = keys.serve(s.name, s.iv, cipher, mac, sealing, at);
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    return r;
  };
  constexpr int64_t kFuture = int64_t{1} << 62;  // behind any real clock: the key that init() made is replaced here
  Sealed first{};
  CHECK(serve(first, true, kFuture) == 1);
  CHECK(serve(first, false, kFuture + 999) == 1);
  CHECK(serve(first, false, kFuture + 1000) == 2);  // the older one now: a new ticket is due
  Sealed second{};
  CHECK(serve(second, true, kFuture + 1500) == 1);
  CHECK(memcmp(first.name, second.name, sizeof first.name) != 0);
  CHECK(serve(first, false, kFuture + 1999) == 2);
  CHECK(serve(first, false, kFuture + 2000) == 0);  // gone
  CHECK(serve(second, false, kFuture + 2000) == 2);
  CHECK(serve(second, false, kFuture + 9000) == 0);  // nobody came for long: neither is young enough
  Sealed forged{};
  CHECK(serve(forged, false, kFuture + 9000) == 0);
  EVP_MAC_free(hmac);
}

TEST_CASE("tls server: options that cannot work") {
  const auto refused = [](const tickwire::TlsServerOptions& options, const char* part) {
    const auto r = TlsServerContext::create(options);
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code == Errc::kTlsConfig);
    CHECK_MESSAGE(r.error().text.find(part) != std::string::npos, r.error().text);
    CHECK(ERR_peek_error() == 0);
  };
  refused({}, "server certificate and key");
  auto options = serving();
  options.identity.key_pem = make_identity({}).key_pem();
  refused(options, "does not belong");
  options = serving();
  options.identity.cert_pem = "nonsense";
  refused(options, "server certificate");
  options = serving();
  options.identity.key_pem = test_server().key_pem("secret");
  refused(options, "passphrase");
  options.identity.key_passphrase = "secret";
  CHECK(TlsServerContext::create(options).ok());
  options.client_certificate = ClientCertificate::kRequired;
  refused(options, "authorities");
  options.client_ca_pem = "nonsense";
  refused(options, "PEM");
  options = serving();
  options.alpn = {""};
  refused(options, "ALPN");
}
