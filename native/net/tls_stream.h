// TLS over a TCP socket, with the handshake of either side.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/openssl_handles.h"
#include "net/stream.h"
#include "net/tcp_stream.h"
#include "net/tls_client_context.h"
#include "net/tls_server_context.h"

namespace tickwire {

// One thread at a time. The socket is read in chunks of up to kInputBytes, so that many records cost one system call;
// read() reports the arrival stamp of the chunk its bytes came in.
//
// Only kAgain says that the input is drained. Reading never waits for writability: what TLS itself has to say meanwhile
// (key updates, alerts) is held back and goes out with the next call.
//
// A record that the kernel does not take is encrypted already and cannot be taken back. A client's write() refuses it
// (kAgain), and the byte stream that is offered next must begin with the same bytes, in pieces of any size;
// kTlsProtocol otherwise. Offer them after any readiness. A server's write() has taken it and keeps it:
// has_unsent_output(), and the next write(), also one of nothing, goes on with it. So what a server offers next is its
// own choice.
//
// A client has few streams and keeps their buffers. A server has many, of which most are quiet at any moment: there a
// stream holds buffers only while there is something in them.
class TlsStream final : public Stream {
 public:
  static constexpr size_t kInputBytes = 64 * 1024;        // of a client
  static constexpr size_t kServerInputBytes = 16 * 1024;  // of a server, to which clients say little
  static constexpr size_t kRecordBytes = 16 * 1024;       // the largest plaintext of a record, RFC 8446 section 5.1
  static constexpr size_t kMaxControlBytes = 16 * 1024;   // held-back output; a peer that provokes more is cut off

  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> create(Fd fd, std::shared_ptr<TlsContext> context,
                                                                 const std::string& host, uint16_t port);
  // The server's side of an accepted connection.
  [[nodiscard]] static Result<std::unique_ptr<TlsStream>> accept(Fd fd, std::shared_ptr<TlsServerContext> context);
  ~TlsStream() override;

  // Goes on with the handshake: kOk once it is complete and the peer verified, kAgain until the next edge, else kError.
  [[nodiscard]] IoResult handshake();
  void describe(StreamInfo& info) const;  // the TLS fields; after the handshake
  // Subject of the certificate that the peer has shown and that was verified (RFC 2253), "" without one.
  [[nodiscard]] std::string peer_subject() const;

  [[nodiscard]] IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override;
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) override;
  void shutdown_write() noexcept override;
  [[nodiscard]] bool has_buffered_input() const noexcept override;
  [[nodiscard]] bool has_unsent_output() const noexcept override;
  [[nodiscard]] int fd() const noexcept override { return socket_.fd(); }
  [[nodiscard]] bool full_duplex_threads() const noexcept override { return false; }

 private:
  TlsStream(Fd fd, std::shared_ptr<const TlsClientContext> context, std::string peer);
  TlsStream(Fd fd, std::shared_ptr<const TlsServerContext> context);
  static const BIO_METHOD* socket_method();
  static int bio_read(BIO* bio, char* out, int size);
  static int bio_write(BIO* bio, const char* data, int size);
  static long bio_ctrl(BIO* bio, int command, long number, void* pointer);
  [[nodiscard]] bool attach(SslPtr ssl);
  int raw_read(BIO* bio, char* out, size_t size);
  int raw_write(BIO* bio, const char* data, size_t size);
  int hold_back(const char* data, size_t size);
  // False when the kernel does not take it all yet, or never will (io_error_).
  bool flush_control();
  [[nodiscard]] IoResult finish(int ssl_error, bool in_handshake);
  [[nodiscard]] IoResult fail(Error error);

  [[nodiscard]] IoStatus encrypt(const uint8_t* data, size_t size, size_t& taken);
  [[nodiscard]] IoStatus push_record();
  [[nodiscard]] size_t input_bytes() const noexcept { return client_ ? kInputBytes : kServerInputBytes; }
  [[nodiscard]] uint8_t* record_buffer();
  void release_buffers() noexcept;

  std::shared_ptr<const TlsClientContext> client_;  // of the two one is set
  std::shared_ptr<const TlsServerContext> server_;
  std::string peer_;  // client: its key in the session cache
  TcpStream socket_;
  SslPtr ssl_;

  std::unique_ptr<uint8_t[]> input_;  // ciphertext not yet looked at: [input_begin_, input_end_); null while unused
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  int64_t input_stamp_ = 0;  // arrival of the chunk in input_; 0 = none
  bool input_eof_ = false;
  bool short_read_ = false;  // the last receive of this read() emptied the socket
  bool delivered_ = false;   // this read() has data for the caller

  bool hold_back_output_ = false;  // inside read(): output that does not fit is kept in control_
  std::vector<uint8_t> control_;

  std::unique_ptr<uint8_t[]> record_;  // gathers pieces; keeps the plaintext of a refused record; null while unused
  size_t record_begin_ = 0;            // not yet offered again
  size_t record_end_ = 0;
  bool record_sent_ = false;  // the kernel has its ciphertext

  Error io_error_;  // the socket's, behind SSL_ERROR_SYSCALL
  IoResult end_;    // how the stream ended; kOk while it has not
  bool end_unreported_ = false;
  Error write_error_;  // found while reading; told by the next write
};

}  // namespace tickwire
