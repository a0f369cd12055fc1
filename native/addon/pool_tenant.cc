#include "addon/pool_tenant.h"

#include <algorithm>
#include <cstring>

namespace tickwire::addon {
namespace {

constexpr size_t kPiece = 64u << 10;
constexpr size_t kMaxText = 1024;
constexpr size_t kResponseHead = 48;  // bytes of the record in front of the fields

enum Flag : uint8_t { kPiecesFollow = 1, kReused = 2, kOneBody = 4, kMinorOne = 8, kAscii = 16, kCoded = 32 };
constexpr size_t kMostAscii = 4096;  // bytes of a body that is looked at for that

constexpr size_t padded(size_t n) noexcept { return (n + 7) & ~size_t{7}; }

template <class T>
uint8_t* put(uint8_t* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

uint8_t* put_bytes(uint8_t* at, const void* data, size_t n) noexcept {
  if (n != 0) std::memcpy(at, data, n);
  return at + n;
}

bool is_ascii(const uint8_t* data, size_t n) noexcept {
  uint64_t all = 0;
  for (; n >= 8; data += 8, n -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    all |= word;
  }
  for (; n > 0; ++data, --n) all |= *data;
  return (all & 0x8080'8080'8080'8080) == 0;
}

// "name:value\n" for each.
bool has_field(std::string_view fields, std::string_view name_and_colon) noexcept {
  for (;;) {
    if (fields.starts_with(name_and_colon)) return true;
    const size_t end = fields.find('\n');
    if (end == std::string_view::npos) return false;
    fields.remove_prefix(end + 1);
  }
}

}  // namespace

Result<std::unique_ptr<PoolTenant>> PoolTenant::create(feed::Channel& channel, http::PoolOptions options,
                                                       uint16_t handle) {
  std::unique_ptr<PoolTenant> tenant(new PoolTenant(channel, handle));
  // The fields always go in one record.
  options.connection.limits.max_head =
      std::min<size_t>(options.connection.limits.max_head, channel.ring().max_record() - kResponseHead - 8);
  auto pool = http::Pool::create(channel.loop(), std::move(options), *tenant);
  if (!pool.ok()) return pool.error();
  tenant->pool_ = std::move(pool.value());
  return tenant;
}

PoolTenant::~PoolTenant() { channel_.stop_waiting(*this); }

uint8_t* PoolTenant::reserve(size_t bytes) {
  uint8_t* record = channel_.ring().reserve(static_cast<uint32_t>(bytes));
  if (record != nullptr) return record;
  channel_.wait_for_space(*this);
  return channel_.ring().reserve(static_cast<uint32_t>(bytes));  // freed before the reader could know
}

void PoolTenant::commit(uint8_t* record, size_t bytes, RecordKind kind) {
  const uint64_t header = record_header(static_cast<uint32_t>(bytes), kind, 0, handle_);
  std::memcpy(record, &header, sizeof header);
  channel_.ring().commit(static_cast<uint32_t>(bytes));
}

// A body beyond that goes in pieces: a quarter of the ring leaves room for others.
size_t PoolTenant::most_body(size_t fields) const noexcept {
  const size_t most = channel_.ring().max_record() / 2;
  return most > kResponseHead + fields ? most - kResponseHead - fields : 0;
}

bool PoolTenant::put_response(const http::Response& response, size_t body_bytes, uint8_t flags) {
  const size_t bytes = padded(kResponseHead + response.head.fields.size() + body_bytes);
  uint8_t* const record = reserve(bytes);
  if (record == nullptr) return false;
  if (response.reused) flags |= kReused;
  if (response.head.minor == 1) flags |= kMinorOne;
  if (body_bytes <= kMostAscii && is_ascii(response.body.data(), body_bytes)) flags |= kAscii;
  if (has_field(response.head.fields, "content-encoding:")) flags |= kCoded;
  uint8_t* at = record + 8;
  at = put(at, static_cast<double>(response.times.rx_ns));
  at = put(at, static_cast<double>(response.times.kernel_ns));
  at = put(at, static_cast<double>(response.sent_ns));
  at = put(at, response.id);
  at = put(at, response.head.status);
  at = put(at, response.head.major);
  at = put(at, flags);
  at = put(at, static_cast<uint32_t>(response.head.fields.size()));
  at = put(at, static_cast<uint32_t>(body_bytes));
  at = put_bytes(at, response.head.fields.data(), response.head.fields.size());
  put_bytes(at, response.body.data(), body_bytes);
  commit(record, bytes, RecordKind::kHttpResponse);
  return true;
}

bool PoolTenant::on_response(const http::Response& response) {
  if (response.streamed) return put_response(response, 0, kPiecesFollow);
  if (response.body.size() <= most_body(response.head.fields.size())) {
    return put_response(response, response.body.size(), 0);
  }
  // Only one response can be in this state: the pool offers the next only when this one was taken whole.
  if (!in_pieces_) {
    if (!put_response(response, 0, kPiecesFollow | kOneBody)) return false;
    in_pieces_ = true;
    pieces_done_ = 0;
  }
  pieces_done_ += on_piece(response.id, response.body.subspan(pieces_done_));
  if (pieces_done_ < response.body.size() || !on_end(response.id)) return false;
  in_pieces_ = false;
  return true;
}

size_t PoolTenant::on_piece(http::RequestId id, std::span<const uint8_t> all) {
  const size_t most = std::min<size_t>(kPiece, channel_.ring().max_record() / 2 - 16);
  size_t taken = 0;
  while (taken < all.size()) {
    const auto piece = all.subspan(taken, std::min(most, all.size() - taken));
    const size_t bytes = padded(16 + piece.size());
    uint8_t* const record = reserve(bytes);
    if (record == nullptr) break;
    uint8_t* at = put(record + 8, id);
    at = put(at, static_cast<uint32_t>(piece.size()));
    put_bytes(at, piece.data(), piece.size());
    commit(record, bytes, RecordKind::kHttpPiece);
    taken += piece.size();
  }
  return taken;
}

bool PoolTenant::on_end(http::RequestId id) {
  uint8_t* const record = reserve(16);
  if (record == nullptr) return false;
  put(put(record + 8, id), uint32_t{0});
  commit(record, 16, RecordKind::kHttpEnd);
  return true;
}

bool PoolTenant::on_failed(http::RequestId id, const Error& error, http::Sent sent) {
  const size_t text = std::min(error.text.size(), kMaxText);
  const size_t bytes = padded(24 + text);
  uint8_t* const record = reserve(bytes);
  if (record == nullptr) return false;
  uint8_t* at = put(record + 8, id);
  at = put(at, static_cast<uint16_t>(error.code));
  at = put(at, static_cast<uint16_t>(sent == http::Sent::kMaybe ? 1 : 0));
  at = put(at, error.detail);
  at = put(at, static_cast<uint32_t>(text));
  put_bytes(at, error.text.data(), text);
  commit(record, bytes, RecordKind::kHttpFailed);
  return true;
}

void PoolTenant::on_connection(bool open, const StreamInfo& info, uint8_t major, const Error& error) {
  std::string text = error.text.substr(0, kMaxText);
  if (open) {
    text = info.remote_address + "\n" + std::to_string(info.remote_port) + "\n" + info.tls_version + "\n" +
           info.tls_cipher + "\n" + info.alpn + "\n" + (info.tls_resumed ? "1" : "");
  }
  const size_t bytes = padded(24 + text.size());
  // For people and statistics: when the reader is far behind it goes without.
  uint8_t* const record = channel_.ring().reserve(static_cast<uint32_t>(bytes));
  if (record == nullptr) return;
  uint8_t* at = put(record + 8, static_cast<uint8_t>(open ? 1 : 0));
  at = put(at, major);
  at = put(at, static_cast<uint16_t>(error.code));
  at = put(at, error.detail);
  at = put(at, static_cast<uint32_t>(text.size()));
  at = put(at, uint32_t{0});
  put_bytes(at, text.data(), text.size());
  commit(record, bytes, RecordKind::kHttpConnection);
}

void PoolTenant::on_space() { pool_->deliver(); }

}  // namespace tickwire::addon
