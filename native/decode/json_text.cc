#include "decode/json_text.h"

namespace tickwire::decode {

#if defined(__AVX2__)
#define TICKWIRE_8(x) x, x, x, x, x, x, x, x
#define TICKWIRE_32(x) TICKWIRE_8(x), TICKWIRE_8(x), TICKWIRE_8(x), TICKWIRE_8(x)
extern const TextConstants kTextConstants;
const TextConstants kTextConstants = {{TICKWIRE_32(' ')}, {TICKWIRE_32('"')}, {TICKWIRE_32('\\')}};
#undef TICKWIRE_32
#undef TICKWIRE_8
#endif

namespace {

int hex_value(uint8_t c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Four hexadecimal digits, known to be there.
uint32_t hex4(const uint8_t* at) noexcept {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 4 | static_cast<uint32_t>(hex_value(at[i]));
  return value;
}

// Behind the backslash; 0 when it is no escape, -1 when the text ends inside it, else its length.
int escape_length(const uint8_t* at, const uint8_t* end) noexcept {
  if (at == end) return -1;
  switch (*at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return 1;
    case 'u':
      for (int i = 1; i <= 4; ++i) {
        if (at + i == end) return -1;
        if (hex_value(at[i]) < 0) return 0;
      }
      return 5;
    default:
      return 0;
  }
}

// One multi-byte sequence (RFC 3629 section 4); 0 when wrong, -1 when the text ends inside a sequence that is right so
// far.
int sequence_length(const uint8_t* at, const uint8_t* end) noexcept {
  const uint8_t lead = *at;
  int more;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  for (int i = 1; i <= more; ++i) {
    if (at + i == end) return -1;
    if (at[i] < low || at[i] > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return more + 1;
}

void append_utf8(uint32_t code, std::vector<uint8_t>& out) {
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<uint8_t>(byte)); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xC0 | code >> 6);
    push(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    push(0xE0 | code >> 12);
    push(0x80 | (code >> 6 & 0x3F));
    push(0x80 | (code & 0x3F));
  } else {
    push(0xF0 | code >> 18);
    push(0x80 | (code >> 12 & 0x3F));
    push(0x80 | (code >> 6 & 0x3F));
    push(0x80 | (code & 0x3F));
  }
}

}  // namespace

StringScan scan_string(const uint8_t* at, const uint8_t* end) noexcept {
  StringScan scan;
  const uint8_t* p = at;
  const auto fail = [&scan](TextError error) {
    scan.error = error;
    return scan;
  };
  for (;;) {
    p = plain_text_end(p, end);
    if (p >= end) return fail(TextError::kTruncated);
    if (*p == '"') {
      scan.end = p;
      return scan;
    }
    if (*p == '\\') {
      scan.escaped = true;
      const int n = escape_length(p + 1, end);
      if (n <= 0) return fail(n < 0 ? TextError::kTruncated : TextError::kSyntax);
      p += 1 + n;
    } else if (*p < 0x20) {
      return fail(TextError::kSyntax);
    } else {
      const int n = sequence_length(p, end);
      if (n <= 0) return fail(n < 0 ? TextError::kTruncated : TextError::kUtf8);
      p += n;
    }
  }
}

bool unescape(const uint8_t* at, const uint8_t* end, std::vector<uint8_t>& out) {
  while (at < end) {
    if (*at != '\\') {
      const auto* slash = static_cast<const uint8_t*>(std::memchr(at, '\\', static_cast<size_t>(end - at)));
      const uint8_t* stop = slash == nullptr ? end : slash;
      out.insert(out.end(), at, stop);
      at = stop;
      continue;
    }
    const uint8_t c = at[1];
    at += 2;
    switch (c) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        uint32_t code = hex4(at);
        at += 4;
        if (code >= 0xD800 && code <= 0xDFFF) {
          if (code >= 0xDC00 || end - at < 6 || at[0] != '\\' || at[1] != 'u') return false;
          const uint32_t low = hex4(at + 2);
          if (low < 0xDC00 || low > 0xDFFF) return false;
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          at += 6;
        }
        append_utf8(code, out);
        break;
      }
      default:
        out.push_back(c);
        break;
    }
  }
  return true;
}

}  // namespace tickwire::decode
