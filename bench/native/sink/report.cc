#include "sink/report.h"

#include <sys/resource.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/clock.h"

namespace sink {

namespace {

int64_t nanoseconds(const timeval& time) { return time.tv_sec * 1'000'000'000 + time.tv_usec * 1000; }

void print_range(const char* name, std::vector<uint64_t>& values) {
  std::sort(values.begin(), values.end());
  std::printf(",\"%s\":{\"min\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"max\":%" PRIu64 "}", name, values.front(),
              values[values.size() / 2], values.back());
}

void print_class(ClassReport& report) {
  const Tally& t = *report.tally;
  std::printf("{\"name\":\"%s\",\"connections\":%" PRIu64 ",\"open\":%" PRIu64 ",\"messages\":%" PRIu64
              ",\"bytes\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"lost\":%" PRIu64
              ",\"backward\":%" PRIu64 ",\"corrupt\":%" PRIu64 ",\"checked\":%" PRIu64 ",\"other\":%" PRIu64,
              t.name.c_str(), report.connections, report.open, t.messages, t.bytes, t.reads, t.gaps, t.lost, t.backward,
              t.corrupt, t.checked, t.other);
  print_range("lag", report.lags);
  print_range("perConnection", report.messages);
  std::printf(",\"latency\":{\"count\":%" PRIu64 ",\"p50\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%" PRIu64 "}",
              t.latency.count(), t.latency.quantile(0.5), t.latency.quantile(0.99), t.latency.quantile(0.999),
              t.latency.max());
  std::printf(",\"closed\":{");
  const char* separator = "";
  for (const auto& [code, count] : t.closed) {
    std::printf("%s\"%u\":%" PRIu64, separator, code, count);
    separator = ",";
  }
  std::printf("}}");
}

}  // namespace

void print_report(uint64_t newest, std::vector<ClassReport>& reports) {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) std::perror("getrusage");
  std::printf("{\"atNs\":%" PRId64 ",\"cpuNs\":%" PRId64 ",\"newest\":%" PRIu64 ",\"classes\":[", tickwire::mono_ns(),
              nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime), newest);
  for (size_t i = 0; i < reports.size(); ++i) {
    if (i > 0) std::printf(",");
    print_class(reports[i]);
  }
  std::printf("]}\n");
  std::fflush(stdout);
}

}  // namespace sink
