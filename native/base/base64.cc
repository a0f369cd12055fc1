#include "base/base64.h"

namespace tickwire {

namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

size_t base64_write(std::span<const uint8_t> data, bool url, char* out) noexcept {
  const char* const begin = out;
  const char* const alphabet = url ? kUrlAlphabet : kAlphabet;
  for (size_t i = 0; i < data.size(); i += 3) {
    const size_t have = data.size() - i < 3 ? data.size() - i : 3;
    uint32_t group = uint32_t{data[i]} << 16;
    if (have > 1) group |= uint32_t{data[i + 1]} << 8;
    if (have > 2) group |= data[i + 2];
    *out++ = alphabet[group >> 18 & 63];
    *out++ = alphabet[group >> 12 & 63];
    if (have > 1) *out++ = alphabet[group >> 6 & 63];
    if (have > 2) *out++ = alphabet[group & 63];
    for (size_t missing = have; missing < 3 && !url; ++missing) *out++ = '=';
  }
  return static_cast<size_t>(out - begin);
}

std::string base64_encode(std::span<const uint8_t> data) {
  std::string out(base64_size(data.size()), '\0');
  out.resize(base64_write(data, false, out.data()));
  return out;
}

}  // namespace tickwire
