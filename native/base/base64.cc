#include "base/base64.h"

#include <cstddef>

namespace tickwire {

std::string base64_encode(std::span<const uint8_t> data) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((data.size() + 2) / 3 * 4);
  for (size_t i = 0; i < data.size(); i += 3) {
    const size_t have = data.size() - i < 3 ? data.size() - i : 3;
    uint32_t group = uint32_t{data[i]} << 16;
    if (have > 1) group |= uint32_t{data[i + 1]} << 8;
    if (have > 2) group |= data[i + 2];
    out += kAlphabet[group >> 18 & 63];
    out += kAlphabet[group >> 12 & 63];
    out += have > 1 ? kAlphabet[group >> 6 & 63] : '=';
    out += have > 2 ? kAlphabet[group & 63] : '=';
  }
  return out;
}

}  // namespace tickwire
