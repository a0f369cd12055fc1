#include "sign/encoding.h"

#include "base/base64.h"

namespace tickwire::sign {

size_t encode(std::span<const uint8_t> data, Encoding encoding, char* out) noexcept {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  if (encoding != Encoding::kHex) return base64_write(data, encoding == Encoding::kBase64Url, out);
  for (const uint8_t byte : data) {
    *out++ = kHexDigits[byte >> 4];
    *out++ = kHexDigits[byte & 15];
  }
  return data.size() * 2;
}

}  // namespace tickwire::sign
