#include "ws/http_answer.h"

#include <cstdio>
#include <ctime>

namespace tickwire::ws {
namespace {

// RFC 9110 section 5.6.7; strftime would write the names of the process's locale.
std::string http_date(int64_t seconds) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<time_t>(seconds);
  tm utc{};
  if (::gmtime_r(&time, &utc) == nullptr) return {};
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[utc.tm_wday], utc.tm_mday,
                              kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return n > 0 && static_cast<size_t>(n) < sizeof text ? std::string(text, static_cast<size_t>(n)) : std::string();
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

std::string http_answer(const HttpAnswer& a) {
  const std::string_view phrase = reason_phrase(a.status);
  std::string body(a.body);
  if (body.empty() && a.status >= 400) body.append(phrase).append("\n");
  std::string out = "HTTP/1.1 ";
  out.append(std::to_string(a.status)).append(" ").append(phrase).append("\r\n");
  const auto line = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  if (const std::string date = http_date(a.wall_seconds); !date.empty()) line("Date", date);
  // A connection that says "close" as well as "Upgrade": the protocol is named, but not changed to here.
  line("Connection", a.status == 426 ? "Upgrade, close" : "close");
  if (a.status == 401) line("WWW-Authenticate", "Bearer");
  if (a.status == 405) line("Allow", "GET, HEAD");
  if (a.status == 426) {
    line("Upgrade", "websocket");
    line("Sec-WebSocket-Version", "13");
  }
  if (a.retry_after_s != 0) line("Retry-After", std::to_string(a.retry_after_s));
  line("Cache-Control", "no-store");
  line("Content-Type", a.content_type);
  line("Content-Length", std::to_string(body.size()));
  out.append("\r\n");
  if (a.with_body) out.append(body);
  return out;
}

}  // namespace tickwire::ws
