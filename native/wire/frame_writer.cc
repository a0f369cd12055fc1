#include "wire/frame_writer.h"

#include "wire/frame_start.h"

namespace tickwire::wire {
namespace {

constexpr int kAttempts = 64;

void xor_with(uint8_t* bytes, size_t n, uint32_t key) noexcept {
  const uint64_t wide = uint64_t{key} << 32 | key;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) store(bytes + i, load<uint64_t>(bytes + i) ^ wide);
  for (; i < n; ++i) bytes[i] = static_cast<uint8_t>(bytes[i] ^ key >> (8 * (i & 3)));
}

bool clean(const uint8_t* bytes, size_t n) noexcept { return find_frame_start(bytes, bytes + n) == bytes + n; }

// The finalizer of SplitMix64: every bit of the input reaches every bit of the result.
uint64_t mix(uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

// Masks until nothing in it, key included, looks like a frame. Keys follow from the time, which whoever chose the
// content could not know to the nanosecond.
bool mask(uint8_t* payload, size_t n, const Header& fields) noexcept {
  uint64_t state = fields.time_ns ^ fields.sequence << 32 ^ n;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    state += 0x9E3779B97F4A7C15u;
    const auto key = static_cast<uint32_t>(mix(state));
    xor_with(payload, n, key);
    store(payload + n, key);
    if (clean(payload, n + kMaskBytes)) return true;
    xor_with(payload, n, key);
  }
  return false;
}

}  // namespace

size_t seal_frame(uint8_t* frame, const Header& fields, size_t payload_bytes) noexcept {
  if (payload_bytes > kMaxPayload) return 0;
  Header h = fields;
  h.flags = static_cast<uint8_t>(h.flags & ~kFlagMasked);
  uint8_t* const payload = frame + kHeaderBytes;
  if (!clean(payload, payload_bytes)) [[unlikely]] {
    if (payload_bytes > kMaxPayload - kMaskBytes || !mask(payload, payload_bytes, fields)) return 0;
    h.flags |= kFlagMasked;
    payload_bytes += kMaskBytes;
  }
  h.length = static_cast<uint32_t>(payload_bytes);
  h.crc = 0;
  write_header(frame, h);
  store(frame + 12, frame_crc(frame, payload_bytes));
  return kHeaderBytes + payload_bytes;
}

size_t write_frame(uint8_t* frame, const Header& fields, std::span<const uint8_t> payload) noexcept {
  if (payload.size() > kMaxPayload) return 0;
  if (!payload.empty()) std::memcpy(frame + kHeaderBytes, payload.data(), payload.size());
  return seal_frame(frame, fields, payload.size());
}

void add_flags(uint8_t* frame, uint8_t flags) noexcept {
  frame[5] |= flags;
  store(frame + 12, frame_crc(frame, load<uint32_t>(frame + 8)));
}

std::span<uint8_t> unmask(std::span<uint8_t> payload) noexcept {
  if (payload.size() < kMaskBytes) return {};
  const std::span<uint8_t> content = payload.first(payload.size() - kMaskBytes);
  xor_with(content.data(), content.size(), load<uint32_t>(content.data() + content.size()));
  return content;
}

}  // namespace tickwire::wire
