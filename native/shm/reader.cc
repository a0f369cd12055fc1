#include "shm/reader.h"

#include <algorithm>
#include <ctime>

#include "base/clock.h"
#include "shm/parking.h"

namespace tickwire::shm {
namespace {

// How often a reader looks that nobody can wake, and one that a wake-up may miss.
constexpr int64_t kUnwakeableNs = 200'000;
constexpr int64_t kUncertainNs = 1'000'000;

void sleep_ns(int64_t ns) noexcept {
  const timespec time{ns / 1'000'000'000, static_cast<long>(ns % 1'000'000'000)};
  static_cast<void>(nanosleep(&time, nullptr));  // interrupted: the caller looks again
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const Place& place, const ReadOptions& options) {
  Result<Segment> segment = Segment::open(place);
  if (!segment.ok()) return segment.error();
  return std::unique_ptr<Reader>(new Reader(place, options, std::move(segment.value())));
}

Reader::Reader(Place place, const ReadOptions& options, Segment segment)
    : place_(std::move(place)),
      options_(options),
      segment_(std::move(segment)),
      ring_(segment_.memory(), segment_.geometry(), options.start, options.resume) {}

bool Reader::wait(int64_t timeout_ns) noexcept {
  Park* const park = segment_.park();
  const int64_t deadline = timeout_ns < 0 ? INT64_MAX : mono_ns() + timeout_ns;
  while (!ring_.pending() && state() == SegmentState::kLive) {
    int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - mono_ns();
    if (left <= 0) break;
    if (park == nullptr) {
      sleep_ns(std::min(left, kUnwakeableNs));
      continue;
    }
    const uint32_t wakes = park->wakes.load(std::memory_order_seq_cst);
    park->parked.store(1, std::memory_order_seq_cst);
    const bool fenced = heavy_fence() || (segment_.identity().flags & kFlagWriterFences) != 0;
    if (ring_.pending() || state() != SegmentState::kLive) break;
    if (!fenced) left = std::min(left, kUncertainNs);
    sleep_on(park->wakes, wakes, left == INT64_MAX ? -1 : left);
  }
  return ring_.pending();
}

Result<Followed> Reader::follow() {
  // In this order: a writer publishes before it goes.
  if (writer_alive() || (ring_.pending() && status() == Errc::kNone)) return Followed::kSame;
  Result<Segment> next = Segment::open(place_);
  if (!next.ok()) return next.error();
  if (next.value().identity().epoch == epoch()) return Followed::kSame;
  lost_before_ += ring_.lost();
  segment_ = std::move(next.value());
  ring_ = RingReader(segment_.memory(), segment_.geometry(), From::kStart, options_.resume);
  return Followed::kReplaced;
}

}  // namespace tickwire::shm
