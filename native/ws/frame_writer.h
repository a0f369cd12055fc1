// Builds frames. A client masks (RFC 6455 section 5.3) with keys from a CSPRNG-seeded generator.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "ws/frame_parser.h"

namespace tickwire::ws {

inline constexpr size_t kMaxFrameHeader = 14;

// Unpredictable to the peer and cheap: a ChaCha key stream whose key is replaced from the stream itself with every
// refill and mixed with fresh system entropy now and then. One thread at a time.
class MaskSource {
 public:
  // Takes the first key from the system; call it once before next(), so that a lack of entropy is an error of creation.
  [[nodiscard]] Result<void> seed();
  [[nodiscard]] uint32_t next() noexcept;

 private:
  void refill() noexcept;
  void mix_in_entropy() noexcept;

  static constexpr uint32_t kPool = 64;     // words of one refill
  static constexpr uint32_t kKeyWords = 8;  // of them, those that become the next key
  uint32_t pool_[kPool]{};
  uint32_t key_[kKeyWords]{};
  uint32_t left_ = 0;
  uint32_t refills_ = 0;
  bool seeded_ = false;
};

// Writes a header; returns its size. mask_key == nullptr: unmasked. `out` has room for kMaxFrameHeader bytes.
size_t write_frame_header(uint8_t* out, Opcode opcode, bool fin, bool rsv1, uint64_t length,
                          const uint32_t* mask_key) noexcept;

// Size of the header that write_frame_header would write.
[[nodiscard]] constexpr size_t frame_header_size(uint64_t length, bool masked) noexcept {
  return (length < 126 ? 2u : length < 65'536 ? 4u : 10u) + (masked ? 4u : 0u);
}

// dst[i] = src[i] ^ key[(i + offset) % 4], key being taken as its four bytes in memory; dst may be src, but must not
// overlap it otherwise. SIMD.
void mask_copy(uint8_t* dst, const uint8_t* src, size_t n, uint32_t key, size_t offset = 0) noexcept;

}  // namespace tickwire::ws
