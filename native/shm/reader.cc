#include "shm/reader.h"

#include "shm/waiting.h"

namespace tickwire::shm {

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
  if (!ring_.pending() && status() == Errc::kNone) {
    wait_for_more(segment_, ring_.position(), timeout_ns, nullptr);
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
