#include "base/recv_buffer.h"

namespace tickwire {

Result<RecvBuffer> RecvBuffer::create(size_t capacity) {
  Result<MirroredBuffer> mem = MirroredBuffer::create(capacity);
  if (!mem.ok()) return mem.error();
  return RecvBuffer(std::move(mem.value()));
}

}  // namespace tickwire
