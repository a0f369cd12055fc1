// Nanoseconds per message from JSON to the views of books, on one thread, data in cache:
//   book_stage_bench DESCRIPTION MESSAGES ROUNDS SYMBOLS DEPTH
// DESCRIPTION: what TypeScript tells the core (docs/schema-format.md). MESSAGES: u32 length, then the message, again
// and again: first one whole book of each symbol, then changes that end where they began. SYMBOLS: S0USDT and so on.
// After each message the views of changed books are written, as at the end of a read. One JSON line:
//   {"ns":[900.5,…],"messages":4096,"events":4096,"sum":1.23e9,"mallocs":0}
// with the CPU time of each round and the sum of the best five levels of all books after the last.
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/decoder.h"
#include "feed/book_set.h"
#include "feed/book_stage.h"
#include "malloc_count.h"
#include "message_file.h"

namespace {

using namespace tickwire;

// CPU time of this thread: what others do on the machine meanwhile is not counted.
double thread_ns() {
  timespec ts{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) * 1e9 + static_cast<double>(ts.tv_nsec);
}

struct Memory {
  explicit Memory(size_t bytes) : words((bytes + 63) / 8 + 8) {}
  [[nodiscard]] std::span<uint8_t> span(size_t bytes) {
    auto at = (reinterpret_cast<uintptr_t>(words.data()) + 63) & ~uintptr_t{63};
    return {reinterpret_cast<uint8_t*>(at), bytes};
  }
  std::vector<uint64_t> words;
};

double sum_of(const uint8_t* view, uint32_t depth) {
  double sum = 0;
  const auto* const words = reinterpret_cast<const double*>(view);
  for (const size_t side : {size_t{0}, size_t{depth}}) {
    for (size_t i = 0; i < 5; ++i) {
      const double* const level = words + feed::kBookViewWords + (side + i) * feed::kBookLevelWords;
      sum += level[0] * level[1];
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  auto schema = decode::compile_schema(contents(argv[1]));
  if (!schema.ok()) {
    std::fprintf(stderr, "%s\n", schema.error().text.c_str());
    return 1;
  }
  const MessageFile file(argv[2]);
  const auto& bytes = file.bytes;
  const auto& messages = file.messages;
  const auto rounds = static_cast<size_t>(std::atoi(argv[3]));
  const auto symbols = static_cast<uint32_t>(std::atoi(argv[4]));
  const auto depth = static_cast<uint32_t>(std::atoi(argv[5]));

  auto loop = Loop::create();
  if (!loop.ok()) return 1;
  constexpr size_t kRing = EventRing::kDataOffset + (4u << 20);
  Memory ring_memory(kRing);
  auto ring = EventRing::format(ring_memory.span(kRing));
  if (!ring.ok()) return 1;
  Memory table(1u << 20);
  feed::Channel channel(*loop.value(), ring.value(), table.span(1u << 20), 4096, nullptr);
  feed::BookSetOptions options;
  // Every change is one; whole books are taken whenever they come, so that a round can begin anew.
  options.policy.continuity = book::Continuity::kNone;
  options.depth = depth;
  const auto books = std::make_shared<feed::BookSet>(channel, options, uint16_t{1});
  const size_t slot = TripleSlot::stride(feed::book_view_bytes(depth));
  Memory views(slot * symbols);
  const auto all = views.span(slot * symbols);
  std::vector<TripleSlotReader> readers;
  for (uint32_t i = 0; i < symbols; ++i) {
    const std::string name = "S" + std::to_string(i) + "USDT";
    books->add(i, std::span(&name, 1), all.subspan(slot * i, slot));
    readers.emplace_back(all.data() + slot * i, feed::book_view_bytes(depth));
  }
  const auto decoder = decode::make_json_decoder(schema.value(), channel.symbols());
  feed::BookStage stage(books, schema.value(), false, 2);
  stage.connected();
  decode::RowBatch batch;

  const auto show = [&](const std::pair<size_t, size_t>& message) {
    const EventRing::Room room = channel.ring().room(2u << 20);
    if (room.bytes >= 4096) {
      batch.clear_into(room.at, room.bytes / 8);
    } else {
      batch.clear_into_own();
    }
    const auto outcome = decoder->decode({bytes.data() + message.first, message.second}, false, batch);
    if (!outcome.ok) std::exit(3);
    stage.take(batch, outcome, 1);
    stage.end_of_message();
    stage.end_of_read();
  };
  std::string times;
  size_t counted = 0;
  for (size_t round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < symbols; ++i) show(messages[i]);
    const size_t before = mallocs;
    const double start = thread_ns();
    for (size_t i = symbols; i < messages.size(); ++i) show(messages[i]);
    const double end = thread_ns();
    counted = mallocs - before;
    if (round == 0) continue;  // warm
    if (!times.empty()) times += ',';
    times += std::to_string((end - start) / static_cast<double>(messages.size() - symbols));
  }
  double sum = 0;
  for (TripleSlotReader& reader : readers) {
    if (!reader.take()) return 4;
    sum += sum_of(reader.value(), depth);
  }
  std::printf("{\"ns\":[%s],\"messages\":%zu,\"events\":%llu,\"sum\":%.17g,\"mallocs\":%zu}\n", times.c_str(),
              messages.size() - symbols,
              static_cast<unsigned long long>(books->counters().events.load(std::memory_order_relaxed)), sum, counted);
}
