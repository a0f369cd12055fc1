#include "feed/channel.h"

#include <algorithm>

namespace tickwire::feed {

Channel::Channel(Loop& loop, EventRing ring, std::span<uint8_t> symbol_memory, uint32_t max_symbols, Waker* waker)
    : loop_(loop), ring_(ring), symbols_(symbol_memory, max_symbols), max_symbols_(max_symbols), waker_(waker) {}

void Channel::wait_for_space(SpaceListener& listener) {
  if (std::find(waiting_.begin(), waiting_.end(), &listener) == waiting_.end()) waiting_.push_back(&listener);
  // What is committed must be visible, or a reader that has read everything it can see would never free anything.
  flush();
  ring_.announce_starved();
}

void Channel::stop_waiting(SpaceListener& listener) noexcept {
  std::erase(waiting_, &listener);
  std::replace(serving_.begin(), serving_.end(), &listener, static_cast<SpaceListener*>(nullptr));
}

void Channel::on_nudge() {
  // A listener that still finds no room registers again; it must not be served twice in one round.
  serving_.swap(waiting_);
  waiting_.clear();
  for (size_t i = 0; i < serving_.size(); ++i) {
    if (serving_[i] != nullptr) serving_[i]->on_space();
  }
  serving_.clear();
  flush();
}

}  // namespace tickwire::feed
