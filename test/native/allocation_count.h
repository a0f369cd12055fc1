// Counts what the calling thread allocates through operator new. Under a sanitizer, which brings operators of its own,
// nothing is counted.
#pragma once
#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TICKWIRE_FOREIGN_NEW 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TICKWIRE_FOREIGN_NEW 1
#endif

namespace tickwire::testing {

#if defined(TICKWIRE_FOREIGN_NEW)
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

[[nodiscard]] size_t allocations() noexcept;  // so far

}  // namespace tickwire::testing
