#include "net/tls_stream.h"

#include <algorithm>
#include <cstring>

#include "net/tls_error.h"

namespace tickwire {

namespace {

// Walks over the pieces of a write.
class PieceCursor {
 public:
  explicit PieceCursor(std::span<const iovec> pieces) : pieces_(pieces) { skip_empty(); }

  [[nodiscard]] bool done() const noexcept { return index_ == pieces_.size(); }
  // The rest of the present piece.
  [[nodiscard]] std::span<const uint8_t> front() const noexcept {
    const iovec& piece = pieces_[index_];
    return {static_cast<const uint8_t*>(piece.iov_base) + offset_, piece.iov_len - offset_};
  }
  [[nodiscard]] bool last_piece() const noexcept {
    for (size_t i = index_ + 1; i < pieces_.size(); ++i) {
      if (pieces_[i].iov_len != 0) return false;
    }
    return true;
  }
  void advance(size_t n) noexcept {
    while (n > 0 && !done()) {
      const size_t step = std::min(n, pieces_[index_].iov_len - offset_);
      offset_ += step;
      n -= step;
      skip_empty();
    }
  }

 private:
  void skip_empty() noexcept {
    while (index_ < pieces_.size() && offset_ == pieces_[index_].iov_len) {
      ++index_;
      offset_ = 0;
    }
  }

  std::span<const iovec> pieces_;
  size_t index_ = 0;
  size_t offset_ = 0;
};

// Copies up to `limit` bytes from the cursor on, across pieces.
size_t gather(PieceCursor cursor, uint8_t* out, size_t limit) noexcept {
  size_t n = 0;
  while (n < limit && !cursor.done()) {
    const auto piece = cursor.front();
    const size_t step = std::min(piece.size(), limit - n);
    std::memcpy(out + n, piece.data(), step);
    n += step;
    cursor.advance(step);
  }
  return n;
}

}  // namespace

TlsStream::TlsStream(Fd fd, std::shared_ptr<const TlsClientContext> context, std::string peer)
    : client_(std::move(context)), peer_(std::move(peer)), socket_(std::move(fd)) {}

TlsStream::TlsStream(Fd fd, std::shared_ptr<const TlsServerContext> context)
    : server_(std::move(context)), socket_(std::move(fd)) {}

Result<std::unique_ptr<TlsStream>> TlsStream::create(Fd fd, std::shared_ptr<TlsContext> context,
                                                     const std::string& host, uint16_t port) {
  const OpensslErrorScope errors;
  // TlsContext::create is the only source of contexts.
  auto client = std::static_pointer_cast<const TlsClientContext>(std::move(context));
  std::string peer = client->peer_key(host, port);
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(fd), std::move(client), std::move(peer)));
  auto ssl = stream->client_->new_ssl(host, stream->peer_);
  if (!ssl.ok()) return ssl.error();
  if (!stream->attach(std::move(ssl.value()))) return tls_config_error("TLS connection");
  return stream;
}

Result<std::unique_ptr<TlsStream>> TlsStream::accept(Fd fd, std::shared_ptr<TlsServerContext> context) {
  const OpensslErrorScope errors;
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(fd), std::move(context)));
  auto ssl = stream->server_->new_ssl();
  if (!ssl.ok()) return ssl.error();
  if (!stream->attach(std::move(ssl.value()))) return tls_config_error("TLS connection");
  return stream;
}

TlsStream::~TlsStream() {
  if (!ssl_) return;
  // SSL_free takes a connection without close_notify for a bad one and spoils its session, yet a cut connection is just
  // when resumption pays. After a fatal alert OpenSSL has spoiled it already, and that stays.
  if (SSL_is_init_finished(ssl_.get()) == 1) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  const OpensslErrorScope errors;
  ssl_.reset();
}

bool TlsStream::attach(SslPtr ssl) {
  const BIO_METHOD* method = socket_method();
  if (method == nullptr) return false;
  BioPtr bio(BIO_new(method));
  if (!bio) return false;
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  ssl_ = std::move(ssl);
  BIO* raw = bio.release();
  SSL_set_bio(ssl_.get(), raw, raw);  // takes the one reference
  return true;
}

IoResult TlsStream::handshake() {
  if (end_.status != IoStatus::kOk) return end_;
  const OpensslErrorScope errors;
  const int done = SSL_do_handshake(ssl_.get());
  release_buffers();
  if (done == 1) return {};
  const int why = SSL_get_error(ssl_.get(), done);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return {IoStatus::kAgain, 0, {}};
  // A session that leads to failures must not lead to the same one for ever.
  if (client_) client_->sessions().forget(peer_);
  return finish(why, true);
}

void TlsStream::describe(StreamInfo& info) const {
  info.tls_version = SSL_get_version(ssl_.get());
  info.tls_cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  info.tls_resumed = SSL_session_reused(ssl_.get()) == 1;
}

std::string TlsStream::peer_subject() const {
  const OpensslErrorScope errors;
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  const BioPtr text(BIO_new(BIO_s_mem()));
  if (!text || X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long n = BIO_get_mem_data(text.get(), &data);
  return n <= 0 ? std::string() : std::string(data, static_cast<size_t>(n));
}

uint8_t* TlsStream::record_buffer() {
  if (!record_) record_ = std::make_unique_for_overwrite<uint8_t[]>(kRecordBytes);
  return record_.get();
}

// After each call of a server's stream.
void TlsStream::release_buffers() noexcept {
  if (client_) return;
  if (input_begin_ == input_end_) input_.reset();
  if (record_begin_ == record_end_) record_.reset();
}

IoResult TlsStream::read(std::span<uint8_t> into, int64_t& kernel_ns) {
  if (into.empty()) return {};
  if (end_.status != IoStatus::kOk) {
    end_unreported_ = false;
    return end_;
  }
  const OpensslErrorScope errors;
  hold_back_output_ = true;
  short_read_ = false;
  delivered_ = false;
  static_cast<void>(flush_control());  // whatever stays is tried again by the next call
  size_t total = 0;
  int why = SSL_ERROR_NONE;
  while (total < into.size()) {
    size_t n = 0;
    if (SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &n) != 1) {
      why = SSL_get_error(ssl_.get(), 0);
      break;
    }
    total += n;
    delivered_ = true;
  }
  delivered_ = false;
  hold_back_output_ = false;
  release_buffers();
  if (total > 0 && input_stamp_ != 0) kernel_ns = input_stamp_;
  if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
    end_ = finish(why, false);
    if (total == 0) return end_;
    end_unreported_ = true;  // the bytes before the end first
  }
  if (total > 0) return {IoStatus::kOk, total, {}};
  return {IoStatus::kAgain, 0, {}};
}

IoResult TlsStream::write(std::span<const iovec> pieces) {
  if (end_.status == IoStatus::kError) return end_;
  if (write_error_) return {IoStatus::kError, 0, write_error_};
  const OpensslErrorScope errors;
  if (!flush_control()) {
    if (write_error_) return {IoStatus::kError, 0, write_error_};
    return {IoStatus::kAgain, 0, {}};
  }
  PieceCursor cursor(pieces);
  size_t accepted = 0;
  IoStatus last = server_ ? push_record() : IoStatus::kOk;
  while (last == IoStatus::kOk && !cursor.done()) {
    if (record_begin_ < record_end_) {
      if (!record_sent_) {
        size_t n = 0;
        last = encrypt(record_.get() + record_begin_, record_end_ - record_begin_, n);
        if (last != IoStatus::kOk) break;
        record_end_ = record_begin_ + n;
        record_sent_ = true;
      }
      const auto front = cursor.front();
      const size_t n = std::min(front.size(), record_end_ - record_begin_);
      if (std::memcmp(front.data(), record_.get() + record_begin_, n) != 0) {
        return fail({Errc::kTlsProtocol, 0, "TLS: a refused write was followed by different bytes"});
      }
      record_begin_ += n;
      accepted += n;
      cursor.advance(n);
      continue;
    }
    // A large or a single piece is encrypted where it lies, small ones are put together into one record.
    const auto front = cursor.front();
    const uint8_t* data = front.data();
    size_t size = std::min(front.size(), kRecordBytes);
    if (size < kRecordBytes && !cursor.last_piece()) {
      data = record_buffer();
      size = gather(cursor, record_.get(), kRecordBytes);
    }
    size_t n = 0;
    last = encrypt(data, size, n);
    if (last == IoStatus::kAgain) {
      if (data != record_.get()) std::memcpy(record_buffer(), data, size);
      record_begin_ = 0;
      record_end_ = size;
      record_sent_ = false;
      if (server_) n = size;  // taken: push_record() sends it
    }
    accepted += n;
    cursor.advance(n);
  }
  if (last == IoStatus::kError) return end_;
  release_buffers();
  const bool done = cursor.done() && !(pieces.empty() && last == IoStatus::kAgain);
  if (accepted > 0 || done) return {IoStatus::kOk, accepted, {}};
  return {IoStatus::kAgain, 0, {}};
}

// kOk with the number of bytes that the kernel has got encrypted, kAgain (the same bytes must be tried again), or
// kError with end_ set.
IoStatus TlsStream::encrypt(const uint8_t* data, size_t size, size_t& taken) {
  if (SSL_write_ex(ssl_.get(), data, size, &taken) == 1) return IoStatus::kOk;
  taken = 0;
  const int why = SSL_get_error(ssl_.get(), 0);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return IoStatus::kAgain;
  end_ = finish(why, false);
  return IoStatus::kError;
}

// Server: sends what an earlier write() has taken.
IoStatus TlsStream::push_record() {
  while (record_begin_ < record_end_) {
    size_t n = 0;
    const IoStatus status = encrypt(record_.get() + record_begin_, record_end_ - record_begin_, n);
    if (status != IoStatus::kOk) return status;
    record_begin_ += n;
  }
  return IoStatus::kOk;
}

bool TlsStream::has_unsent_output() const noexcept {
  return (server_ && record_begin_ < record_end_) || !control_.empty();
}

void TlsStream::shutdown_write() noexcept {
  const OpensslErrorScope errors;
  const bool alive = end_.status != IoStatus::kError && !write_error_;
  if (alive && server_ && flush_control()) static_cast<void>(push_record());
  const bool record_waits = record_begin_ < record_end_ && !record_sent_;
  if (end_.status != IoStatus::kError && !write_error_ && !record_waits && SSL_is_init_finished(ssl_.get()) == 1) {
    static_cast<void>(flush_control());
    static_cast<void>(SSL_shutdown(ssl_.get()));
  }
  socket_.shutdown_write();
}

bool TlsStream::has_buffered_input() const noexcept {
  return input_begin_ < input_end_ || end_unreported_ || SSL_pending(ssl_.get()) > 0;
}

IoResult TlsStream::finish(int ssl_error, bool in_handshake) {
  if (ssl_error == SSL_ERROR_ZERO_RETURN) return {IoStatus::kEof, 0, {}};
  if (io_error_) return fail(io_error_);
  if (input_eof_) {
    if (in_handshake) return fail({Errc::kEof, 0, "the peer closed the connection during the TLS handshake"});
    return fail({Errc::kTlsTruncated, 0, "TLS: the peer closed the connection without close_notify"});
  }
  // RFC 5246 section 7.2.2: a session must not be resumed after a fatal alert.
  if (client_) client_->sessions().forget(peer_);
  return fail(tls_failure(ssl_.get(), in_handshake));
}

IoResult TlsStream::fail(Error error) {
  end_ = {IoStatus::kError, 0, std::move(error)};
  return end_;
}

}  // namespace tickwire
