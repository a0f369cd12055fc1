// Any numbers in any order over any paths: what passes and what is told must be exactly what a set of all numbers says,
// and no number may be both. The first byte chooses the window; then come steps of two or three bytes.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <vector>

#include "feed/recent_set.h"
#include "feed/sequence_window.h"

using tickwire::feed::RecentSet;
using tickwire::feed::SequenceWindow;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint32_t window_size = 64u << (data[0] & 1);
  std::vector<uint64_t> bits(window_size / 64);
  SequenceWindow window(bits.data(), window_size);
  RecentSet recent(16);
  std::vector<uint64_t> model;
  std::set<int64_t> passed;
  std::set<int64_t> told;
  const auto tell = [&](int64_t first, int64_t last) {
    if (first > last) std::abort();
    // Jumps may pass over more than can be listed.
    for (int64_t n = first; n <= last && n < first + 100'000; ++n) {
      if (passed.contains(n) || !told.insert(n).second) std::abort();
    }
  };
  int64_t base = 0;
  int64_t first = 0;
  int64_t newest = 0;
  bool started = false;
  for (size_t at = 1; at + 1 < size; at += 2) {
    const uint8_t what = data[at];
    const int64_t offset = static_cast<int8_t>(data[at + 1]);
    if ((what & 7) == 7) {
      window.give_up(base + offset, tell);
      continue;
    }
    if ((what & 7) == 6) base += offset * (what & 0xf0 ? 1 : 50);
    const int64_t number = base + offset;
    if (!started) first = newest = number;
    const auto verdict = window.offer(number, true, tell);
    const bool passes = verdict == SequenceWindow::Verdict::kNew || verdict == SequenceWindow::Verdict::kLate;
    const bool in_window = !started || number > newest - static_cast<int64_t>(window_size);
    if (passes != (in_window && !passed.contains(number) && !told.contains(number))) std::abort();
    if (passes) passed.insert(number);
    if (number > newest) newest = number;
    started = true;

    const uint64_t value = data[at + 1] | uint64_t{what & 3u} << 44;
    bool known = false;
    for (const uint64_t each : model) known = known || each == (value == 0 ? 1 : value);
    if (recent.add(value) == known) std::abort();
    if (!known) model.push_back(value == 0 ? 1 : value);
    if (model.size() > 16) model.erase(model.begin());
  }
  uint64_t missing = 0;
  const int64_t low = newest - static_cast<int64_t>(window_size) + 1;
  for (int64_t n = first > low ? first : low; started && n <= newest; ++n) {
    missing += passed.contains(n) || told.contains(n) ? 0 : 1;
  }
  if (started && window.missing() != missing) std::abort();
  return 0;
}
