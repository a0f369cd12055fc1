// A JS object that stands for something on a channel's loop: a feed, a hub, a pool of connections.
#pragma once
#include <memory>

#include "feed/channel.h"

namespace tickwire::addon {

class TenantObject {
 public:
  // The channel closes: gives this object's share away, so that the last one is dropped on the loop's thread, and
  // forgets the channel.
  [[nodiscard]] virtual std::shared_ptr<feed::ChannelTenant> detach() noexcept = 0;

 protected:
  ~TenantObject() = default;
};

}  // namespace tickwire::addon
