#include "shm/writer.h"

#include <utility>

namespace tickwire::shm {

Result<std::unique_ptr<Writer>> Writer::create(const Place& place, const CreateOptions& options) {
  Result<Segment> segment = Segment::create(place, options);
  if (!segment.ok()) return segment.error();
  return std::unique_ptr<Writer>(new Writer(std::move(segment.value())));
}

Writer::Writer(Segment segment) noexcept
    : segment_(std::move(segment)),
      ring_(segment_.memory(), segment_.geometry()),
      fences_((segment_.identity().flags & kFlagWriterFences) != 0) {}

void Writer::close() noexcept {
  if (!open_) return;
  if (ring_.unpublished()) ring_.publish();
  open_ = false;
  segment_.close_writing();
}

}  // namespace tickwire::shm
