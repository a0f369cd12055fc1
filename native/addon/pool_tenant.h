// A pool of HTTP connections as a tenant of a channel: what happens to its requests becomes records in the event ring.
//
// Records (after the 8-byte header; little endian):
//   kHttpResponse  f64 rx time, f64 kernel time (0 = none), f64 time sent; u32 request | u16 status | u8 major | u8
//   flags;
//                  u32 bytes of fields | u32 bytes of body; fields, body
//                  flags: 1 pieces follow until kHttpEnd; 2 the connection had been open; 4 the pieces are one body
//                  that did not fit into one record; 8 HTTP/1.1 rather than 1.0; 16 the body is ASCII (looked for in
//                  short ones alone); 32 there is a content-encoding
//   kHttpPiece     u32 request | u32 bytes; the bytes
//   kHttpEnd       u32 request | u32 0
//   kHttpFailed    u32 request | u16 error | u16 1 when it may have been executed; i32 detail | u32 bytes of text; text
//   kHttpConnection  u8 open | u8 major | u16 error | i32 detail; u32 bytes of text | u32 0; text: an error's, or of a
//                  connection that opened "address port tlsVersion tlsCipher alpn resumed", separated by line feeds
#pragma once
#include <memory>

#include "feed/channel.h"
#include "http/pool.h"

namespace tickwire::addon {

class PoolTenant final : public feed::ChannelTenant, private http::PoolListener, private feed::SpaceListener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<PoolTenant>> create(feed::Channel& channel, http::PoolOptions options,
                                                                  uint16_t handle);
  ~PoolTenant() override;
  PoolTenant(const PoolTenant&) = delete;
  PoolTenant& operator=(const PoolTenant&) = delete;

  [[nodiscard]] http::Pool& pool() noexcept { return *pool_; }
  [[nodiscard]] uint16_t handle() const noexcept override { return handle_; }

 private:
  PoolTenant(feed::Channel& channel, uint16_t handle) : channel_(channel), handle_(handle) {}
  [[nodiscard]] bool on_response(const http::Response& response) override;
  [[nodiscard]] size_t on_piece(http::RequestId id, std::span<const uint8_t> piece) override;
  [[nodiscard]] bool on_end(http::RequestId id) override;
  [[nodiscard]] bool on_failed(http::RequestId id, const Error& error, http::Sent sent) override;
  void on_batch_end() override { channel_.flush(); }
  void on_connection(bool open, const StreamInfo& info, uint8_t major, const Error& error) override;
  void on_space() override;

  // Room for a record, or null: then the channel tells when there is some.
  [[nodiscard]] uint8_t* reserve(size_t bytes);
  void commit(uint8_t* record, size_t bytes, RecordKind kind);
  [[nodiscard]] bool put_response(const http::Response& response, size_t body_bytes, uint8_t flags);
  [[nodiscard]] size_t most_body(size_t fields) const noexcept;

  feed::Channel& channel_;
  const uint16_t handle_;
  std::unique_ptr<http::Pool> pool_;
  // Of a body that goes in pieces because it is too large for one record: how far it has got.
  bool in_pieces_ = false;
  size_t pieces_done_ = 0;
};

}  // namespace tickwire::addon
