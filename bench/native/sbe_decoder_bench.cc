// Nanoseconds per message from SBE to rows, on one thread, data in cache:
//   sbe_decoder_bench DESCRIPTION MESSAGES ROUNDS
// DESCRIPTION: what TypeScript tells the core (docs/schema-format.md). MESSAGES: u32 length, then the message, again
// and again; they are laid back to back, as in a receive buffer. One JSON line:
//   {"ns":[21.3,…],"messages":4096,"rows":4096,"sum":1.23e9,"mallocs":0}
// with the time of each round and the sum of all doubles of a round's rows, by which other decoders of the same
// messages are compared. `mallocs` counts those of the last round, when everything is warm.
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/decoder.h"
#include "malloc_count.h"
#include "message_file.h"

namespace {

using namespace tickwire::decode;

double sum_of(const Schema& schema, RowBatch& batch) {
  double sum = 0;
  for (const RowBatch::Row& row : batch.rows()) {
    for (const Field& field : schema.shapes[row.shape].fields) {
      const uint64_t word = batch.row_words(row)[field.slot];
      if (field.type == FieldType::kNumber) sum += std::bit_cast<double>(word);
      if (field.type == FieldType::kInt64) sum += static_cast<double>(static_cast<int64_t>(word));
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto schema = compile_sbe_schema(contents(argv[1]));
  if (!schema.ok()) {
    std::fprintf(stderr, "%s\n", schema.error().text.c_str());
    return 1;
  }
  const MessageFile file(argv[2]);
  const auto& bytes = file.bytes;
  const auto& messages = file.messages;
  std::vector<uint64_t> memory(8192);
  SymbolTable symbols({reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8}, 4096);
  const Schema rows_schema = schema.value().rows;
  const std::unique_ptr<Decoder> decoder = make_sbe_decoder(std::move(schema.value()), symbols);
  RowBatch batch;
  double sum = 0;
  for (const auto& [offset, length] : messages) {
    batch.clear();
    if (!decoder->decode({bytes.data() + offset, length}, true, batch).ok) return 1;
    sum += sum_of(rows_schema, batch);
  }
  std::vector<double> times(static_cast<size_t>(std::atoi(argv[3])));
  size_t rows = 0;
  for (double& time : times) {
    rows = 0;
    mallocs = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const auto& [offset, length] : messages) {
      batch.clear();
      const auto outcome = decoder->decode({bytes.data() + offset, length}, true, batch);
      rows += outcome.ok ? batch.rows().size() : 0;
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    time = took.count() / static_cast<double>(messages.size());
  }
  std::printf("{\"ns\":[");
  for (size_t i = 0; i < times.size(); ++i) std::printf("%s%.2f", i == 0 ? "" : ",", times[i]);
  std::printf("],\"messages\":%zu,\"rows\":%zu,\"sum\":%.17g,\"mallocs\":%zu}\n", messages.size(), rows, sum, mallocs);
  return 0;
}
