#include "decode/timestamp.h"

#include <algorithm>
#include <cstddef>

namespace tickwire::decode {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  [[nodiscard]] bool done() const noexcept { return text_.empty(); }
  [[nodiscard]] bool is(char c) noexcept {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool digit(int64_t& value) noexcept {
    if (text_.empty() || text_.front() < '0' || text_.front() > '9') return false;
    value = text_.front() - '0';
    text_.remove_prefix(1);
    return true;
  }
  // Exactly so many digits, their number in a range.
  [[nodiscard]] bool number(int digits, int64_t least, int64_t most, int64_t& value) noexcept {
    value = 0;
    for (int64_t next = 0; digits > 0; --digits) {
      if (!digit(next)) return false;
      value = value * 10 + next;
    }
    return value >= least && value <= most;
  }

 private:
  std::string_view text_;
};

// Days since 1970 in the Gregorian calendar: years begin with March, so that the leap day is their last.
int64_t days_of(int64_t year, int64_t month, int64_t day) noexcept {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = y / 400;
  const int64_t in_era = y - era * 400;
  const int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719'468;
}

int64_t days_in(int64_t year, int64_t month) noexcept {
  constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[month - 1] + (month == 2 && leaps ? 1 : 0);
}

}  // namespace

bool read_timestamp(std::string_view text, int64_t& ns) noexcept {
  Reader read(text);
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  if (!read.number(4, 1678, 2261, year) || !read.is('-') || !read.number(2, 1, 12, month) || !read.is('-') ||
      !read.number(2, 1, days_in(year, month), day) || !read.is('T') || !read.number(2, 0, 23, hour) || !read.is(':') ||
      !read.number(2, 0, 59, minute) || !read.is(':') || !read.number(2, 0, 60, second)) {
    return false;
  }
  int64_t fraction = 0;
  if (read.is('.')) {
    int64_t unit = kSecond / 10;
    int64_t next = 0;
    if (!read.digit(next)) return false;
    do {
      fraction += next * unit;
      unit /= 10;
    } while (read.digit(next));
  }
  int64_t offset = 0;
  if (!read.is('Z')) {
    const bool west = read.is('-');
    int64_t minutes = 0;
    if ((!west && !read.is('+')) || !read.number(2, 0, 23, offset) || !read.is(':') || !read.number(2, 0, 59, minutes))
      return false;
    offset = (offset * 60 + minutes) * (west ? -60 : 60);
  }
  if (!read.done()) return false;
  const int64_t seconds =
      days_of(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + std::min<int64_t>(second, 59) - offset;
  ns = seconds * kSecond + fraction;
  return true;
}

}  // namespace tickwire::decode
