// The lower side of TlsStream: how OpenSSL's record layer reaches the socket.
#include <algorithm>
#include <cstring>

#include "net/tls_stream.h"

namespace tickwire {

namespace {

TlsStream* stream_of(BIO* bio) noexcept { return static_cast<TlsStream*>(BIO_get_data(bio)); }

}  // namespace

const BIO_METHOD* TlsStream::socket_method() {
  static const BioMethodPtr method = [] {
    BioMethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tickwire socket"));
    if (made && (BIO_meth_set_read(made.get(), &TlsStream::bio_read) != 1 ||
                 BIO_meth_set_write(made.get(), &TlsStream::bio_write) != 1 ||
                 BIO_meth_set_ctrl(made.get(), &TlsStream::bio_ctrl) != 1)) {
      made.reset();
    }
    return made;
  }();
  return method.get();
}

int TlsStream::bio_read(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  return size <= 0 ? 0 : stream_of(bio)->raw_read(bio, out, static_cast<size_t>(size));
}

int TlsStream::bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  return size <= 0 ? 0 : stream_of(bio)->raw_write(bio, data, static_cast<size_t>(size));
}

long TlsStream::bio_ctrl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;  // nothing is gathered here
    case BIO_CTRL_EOF:
      return stream_of(bio)->input_eof_ ? 1 : 0;
    default:
      return 0;
  }
}

int TlsStream::raw_read(BIO* bio, char* out, size_t size) {
  if (input_begin_ == input_end_) {
    if (input_eof_) return 0;
    if (io_error_) return -1;
    // The socket was emptied a moment ago and its bytes have become data for the caller: asking again would most often
    // be a wasted system call, and the caller comes back anyhow.
    if (short_read_ && delivered_) {
      BIO_set_retry_read(bio);
      return -1;
    }
    int64_t stamp = 0;
    if (!input_) input_ = std::make_unique_for_overwrite<uint8_t[]>(input_bytes());
    IoResult r = socket_.read({input_.get(), input_bytes()}, stamp);
    switch (r.status) {
      case IoStatus::kOk:
        break;
      case IoStatus::kAgain:
        BIO_set_retry_read(bio);
        return -1;
      case IoStatus::kEof:
        input_eof_ = true;
        return 0;
      case IoStatus::kError:
        io_error_ = std::move(r.error);
        return -1;
    }
    input_begin_ = 0;
    input_end_ = r.bytes;
    input_stamp_ = stamp;
    short_read_ = r.bytes < input_bytes();
  }
  const size_t n = std::min(size, input_end_ - input_begin_);
  std::memcpy(out, input_.get() + input_begin_, n);
  input_begin_ += n;
  return static_cast<int>(n);
}

int TlsStream::raw_write(BIO* bio, const char* data, size_t size) {
  if (hold_back_output_ && !control_.empty()) return hold_back(data, size);
  const iovec piece{const_cast<char*>(data), size};
  IoResult r = socket_.write({&piece, 1});
  switch (r.status) {
    case IoStatus::kOk:
      if (r.bytes < size && hold_back_output_) {
        return hold_back(data + r.bytes, size - r.bytes) < 0 ? -1 : static_cast<int>(size);
      }
      return static_cast<int>(r.bytes);
    case IoStatus::kAgain:
      if (hold_back_output_) return hold_back(data, size);
      BIO_set_retry_write(bio);
      return -1;
    case IoStatus::kEof:
    case IoStatus::kError:
      break;
  }
  if (hold_back_output_) {
    // What the peer sent before it went away is still to be read; the next write() tells.
    write_error_ = std::move(r.error);
    return static_cast<int>(size);
  }
  io_error_ = std::move(r.error);
  return -1;
}

int TlsStream::hold_back(const char* data, size_t size) {
  if (control_.size() + size > kMaxControlBytes) {
    io_error_ = {Errc::kTlsProtocol, 0, "TLS: the peer asks for answers but does not read them"};
    return -1;
  }
  control_.insert(control_.end(), data, data + size);
  return static_cast<int>(size);
}

bool TlsStream::flush_control() {
  if (control_.empty()) return true;
  const iovec piece{control_.data(), control_.size()};
  IoResult r = socket_.write({&piece, 1});
  if (r.status == IoStatus::kError) {
    write_error_ = std::move(r.error);
    control_.clear();
    return false;
  }
  control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(r.bytes));
  return control_.empty();
}

}  // namespace tickwire
