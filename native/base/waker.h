// How a loop tells a JS context that records wait in its ring. The addon implements it over a libuv async handle; tests
// count calls.
#pragma once

namespace tickwire {

class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() noexcept = 0;  // from the loop's thread; coalescing is the implementation's business
};

}  // namespace tickwire
