// The part of a channel that outlives its JS object until the loop is done with it.
#pragma once
#include <uv.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "addon/loop_host.h"
#include "base/waker.h"
#include "feed/channel.h"

namespace tickwire::addon {

// The signal to the JS thread. An async handle is closed by its own thread while the loop's thread may be about to use
// it, so the two meet under a lock; wake-ups are rare next to messages.
class AsyncWaker final : public Waker {
 public:
  AsyncWaker(LoopHost& host, TurnEndListener& listener) : host_(host), listener_(listener) {}
  void wake() noexcept override;
  void attach(uv_async_t* async) noexcept;
  void detach() noexcept;

 private:
  LoopHost& host_;
  TurnEndListener& listener_;
  std::mutex mutex_;
  uv_async_t* async_ = nullptr;
};

// Used on the loop's thread only.
struct ChannelCore {
  ChannelCore(Loop& loop, EventRing ring, std::span<uint8_t> symbols, uint32_t max_symbols, Waker* waker)
      : channel(loop, ring, symbols, max_symbols, waker) {}
  void add(std::shared_ptr<feed::ChannelTenant> tenant) { tenants.push_back(std::move(tenant)); }
  void remove(const feed::ChannelTenant* tenant) {
    std::erase_if(tenants, [tenant](const auto& t) { return t.get() == tenant; });
  }

  feed::Channel channel;
  std::vector<std::shared_ptr<feed::ChannelTenant>> tenants;
};

}  // namespace tickwire::addon
