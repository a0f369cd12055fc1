#include <doctest/doctest.h>

#include <random>

#include "base/clock.h"
#include "tls_rig.h"

using namespace tickwire;
using namespace tickwire::net_test;

TEST_CASE("tls stream: end without close_notify is an error, after the data") {
  TlsPeer peer({.tickets = false}, [](SSL* ssl, Fd& fd) {
    SSL_write(ssl, "last words", 10);
    fd.reset();
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  std::string text;
  const IoResult r = read_some(*stream, text, 1000);
  CHECK(text == "last words");
  CHECK(r.status == IoStatus::kError);
  CHECK(r.error.code == Errc::kTlsTruncated);
}

TEST_CASE("tls stream: a damaged record") {
  TlsPeer peer({.tickets = false}, [](SSL* ssl, Fd& fd) {
    SSL_write(ssl, "good", 4);
    send_all(fd.get(), std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'z'));
    char c;
    SSL_read(ssl, &c, 1);
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  std::string text;
  const IoResult r = read_some(*stream, text, 1000);
  CHECK(text == "good");
  CHECK(r.status == IoStatus::kError);
  CHECK(r.error.code == Errc::kTlsProtocol);
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("tls stream: a peer that hands out one byte at a time") {
  TlsPeer server({}, echo);
  TcpPeer dropper([&](Fd& fd) {  // between the two, byte by byte towards the client
    const Fd up = connect_to(server.port());
    char buffer[4096];
    for (;;) {
      pollfd both[] = {{fd.get(), POLLIN, 0}, {up.get(), POLLIN, 0}};
      if (::poll(both, 2, 5000) <= 0) return;
      if (both[0].revents != 0) {
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n <= 0) return;
        send_all(up.get(), {buffer, static_cast<size_t>(n)});
      }
      if (both[1].revents != 0) {
        const ssize_t n = ::recv(up.get(), buffer, sizeof buffer, 0);
        if (n <= 0) return;
        for (ssize_t i = 0; i < n; ++i) {
          send_all(fd.get(), {buffer + i, 1});
          if (i % 16 == 0) std::this_thread::yield();
        }
      }
    }
  });
  const auto stream = open_stream(context_of(trusting()), dropper.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  const std::string text = pattern(3000);
  REQUIRE(write_all(*stream, text));
  std::string back;
  REQUIRE(read_some(*stream, back, text.size(), 7).status == IoStatus::kOk);
  CHECK(back == text);
}

TEST_CASE("tls stream: many records in one read, and no byte is left without being announced") {
  constexpr size_t kRecords = 400;
  TlsPeer peer({.tickets = false}, [](SSL* ssl, Fd&) {
    char go;
    SSL_read(ssl, &go, 1);
    const std::string record(100, 'r');
    for (size_t i = 0; i < kRecords; ++i) SSL_write(ssl, record.data(), 100);
    SSL_write(ssl, "!", 1);
    SSL_read(ssl, &go, 1);
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  CHECK_FALSE(stream->has_buffered_input());
  REQUIRE(write_all(*stream, "g"));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  std::vector<uint8_t> into(1u << 20);
  int64_t stamp = 0;
  IoResult r = stream->read({into.data(), 50}, stamp);
  CHECK(r.bytes == 50);
#ifdef __linux__
  CHECK(stamp != 0);
  CHECK(mono_ns() - stamp < 5'000'000'000);
#endif
  CHECK(stream->has_buffered_input());  // half of a record is decrypted, the others wait in the buffer
  r = stream->read({into.data(), 50}, stamp);
  CHECK(r.bytes == 50);
  CHECK(stream->has_buffered_input());  // whole records of the chunk
  r = stream->read(into, stamp);
  CHECK(r.status == IoStatus::kOk);
  CHECK(r.bytes == kRecords * 100 - 100 + 1);
  CHECK_FALSE(stream->has_buffered_input());
  CHECK(stream->read(into, stamp).status == IoStatus::kAgain);
  write_all(*stream, "g");
}

TEST_CASE("tls stream: an end that follows data at once is announced") {
  TlsPeer peer({.tickets = false}, [](SSL* ssl, Fd&) {
    SSL_write(ssl, "data", 4);
    SSL_shutdown(ssl);
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  uint8_t into[64];
  int64_t stamp = 0;
  const IoResult r = stream->read(into, stamp);
  CHECK(r.status == IoStatus::kOk);
  CHECK(r.bytes == 4);
  CHECK(stream->has_buffered_input());
  CHECK(stream->read(into, stamp).status == IoStatus::kEof);
  CHECK_FALSE(stream->has_buffered_input());
}

TEST_CASE("tls stream: small pieces share a record, large ones are cut into records") {
  std::atomic<size_t> records{0};
  TlsPeer peer({.tickets = false}, [&](SSL* ssl, Fd&) {
    char buffer[16384];
    size_t total = 0;
    while (total < 3 * 16384 + 100 + 6) {
      const int n = SSL_read(ssl, buffer, sizeof buffer);  // one record per call
      if (n <= 0) break;
      total += static_cast<size_t>(n);
      ++records;
    }
    SSL_write(ssl, "k", 1);
    SSL_read(ssl, buffer, 1);
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  const iovec small[] = {piece("a"), piece(""), piece("bc"), piece("def")};
  CHECK(stream->write(small).bytes == 6);
  CHECK(stream->write({}).status == IoStatus::kOk);
  const iovec nothing = piece("");
  CHECK(stream->write({&nothing, 1}).status == IoStatus::kOk);
  const std::string head = pattern(100), body = pattern(3 * 16384);
  const iovec large[] = {piece(head), piece(body)};
  CHECK(stream->write(large).bytes == head.size() + body.size());
  std::string ok;
  REQUIRE(read_some(*stream, ok, 1).status == IoStatus::kOk);
  CHECK(records == 1 + 4);
}

TEST_CASE("tls stream: refused writes go on with the same bytes in any cut; other bytes are an error") {
  const auto full = [](TlsPeer& peer, const std::string& text, size_t& accepted) {
    SocketOptions small;
    small.send_buffer = 4096;
    auto stream = open_stream(context_of(trusting()), peer.port(), "localhost", small);
    if (shake_hands(*stream).status != IoStatus::kOk) throw std::runtime_error("handshake");
    accepted = 0;
    for (;;) {
      const iovec rest = piece(std::string_view(text).substr(accepted));
      const IoResult r = stream->write({&rest, 1});
      if (r.status != IoStatus::kOk) {
        CHECK(r.status == IoStatus::kAgain);
        return stream;
      }
      accepted += r.bytes;
    }
  };
  const std::string text = pattern(16u << 20);
  std::atomic<bool> go{false};
  std::string got;
  {
    TlsPeer peer({.tickets = false}, [&](SSL* ssl, Fd&) {
      while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::vector<char> buffer(16384);
      while (got.size() < text.size()) {
        const int n = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
        if (n <= 0) break;
        got.append(buffer.data(), static_cast<size_t>(n));
      }
      SSL_write(ssl, "k", 1);
    });
    size_t accepted = 0;
    const auto stream = full(peer, text, accepted);
    REQUIRE(accepted < text.size());
    go = true;
    std::minstd_rand random(7);
    while (accepted < text.size()) {  // pieces shorter and longer than the refused record
      std::vector<iovec> pieces;
      size_t at = accepted;
      for (int i = 0; i < 5 && at < text.size(); ++i) {
        const size_t n = std::min<size_t>(text.size() - at, random() % 9 == 0 ? random() % 60000 : random() % 700);
        pieces.push_back(piece(std::string_view(text).substr(at, n)));
        at += n;
      }
      const IoResult r = stream->write(pieces);
      REQUIRE(r.status != IoStatus::kError);
      REQUIRE(r.bytes <= at - accepted);
      accepted += r.bytes;
      if (r.status == IoStatus::kAgain) REQUIRE(wait_for(stream->fd(), POLLOUT));
    }
    std::string ok;
    REQUIRE(read_some(*stream, ok, 1).status == IoStatus::kOk);
  }
  CHECK(got == text);

  go = false;
  std::string received;
  {
    TlsPeer peer({.tickets = false}, [&](SSL* ssl, Fd&) {
      while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::vector<char> buffer(16384);
      int n;
      while ((n = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()))) > 0) {
        received.append(buffer.data(), static_cast<size_t>(n));
      }
    });
    size_t accepted = 0;
    const auto stream = full(peer, text, accepted);
    go = true;
    const std::string other(100, '#');
    IoResult r;
    do {
      REQUIRE(wait_for(stream->fd(), POLLOUT));
      const iovec wrong = piece(other);
      r = stream->write({&wrong, 1});
    } while (r.status == IoStatus::kAgain);
    CHECK(r.status == IoStatus::kError);
    CHECK(r.error.code == Errc::kTlsProtocol);
  }
  CHECK(text.compare(0, received.size(), received) == 0);  // nothing out of order ever left
}

TEST_CASE("tls stream: key updates in both directions while both sides send") {
  TlsPeer peer({.min_version = TLS1_3_VERSION}, [](SSL* ssl, Fd&) {
    std::vector<char> buffer(16384);
    size_t total = 0;
    while (total < 1'000'000) {
      const int n = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (n <= 0) return;
      total += static_cast<size_t>(n);
      SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
      if (SSL_write(ssl, buffer.data(), n) != n) return;
    }
    SSL_read(ssl, buffer.data(), 1);  // unread answers at closing time would turn into a reset
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  const std::string text = pattern(1'000'000);
  std::string back;
  size_t sent = 0;
  while (back.size() < text.size()) {
    if (sent < text.size()) {
      const iovec rest = piece(std::string_view(text).substr(sent, 5000));
      const IoResult w = stream->write({&rest, 1});
      REQUIRE(w.status != IoStatus::kError);
      sent += w.bytes;
    }
    std::vector<uint8_t> into(3000);
    int64_t stamp = 0;
    const IoResult r = stream->read(into, stamp);
    INFO(r.error.text);
    INFO(back.size());
    REQUIRE((r.status == IoStatus::kOk || r.status == IoStatus::kAgain));
    back.append(reinterpret_cast<char*>(into.data()), r.bytes);
    if (r.status == IoStatus::kAgain && sent == text.size()) REQUIRE(wait_for(stream->fd(), POLLIN));
  }
  CHECK(back == text);
}

TEST_CASE("tls stream: a peer that demands answers without reading them is bounded") {
  TlsPeer peer({.min_version = TLS1_3_VERSION, .tickets = false}, [](SSL* ssl, Fd& fd) {
    const int tiny = 2048;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
    give_up_after(fd.get(), 1);
    for (int i = 0; i < 20'000; ++i) {
      SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
      if (SSL_write(ssl, "d", 1) != 1) return;
    }
    SSL_shutdown(ssl);
  });
  SocketOptions small;
  small.send_buffer = 4096;
  const auto stream = open_stream(context_of(trusting()), peer.port(), "localhost", small);
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  std::string text;
  const IoResult r = read_some(*stream, text, 1'000'000);  // ends either way: with everything or by being cut off
  CHECK((r.status == IoStatus::kEof || r.status == IoStatus::kError));
  CHECK(text == std::string(text.size(), 'd'));
}
