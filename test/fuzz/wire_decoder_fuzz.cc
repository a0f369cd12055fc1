// Any payload under any type: read as the message that it should be, turned into rows whose references stay inside the
// row, and, when it is good, written and read again to the same bytes. Compact quotes become the same rows one by one
// and as a run. Input: type, flags, then the payload.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "../native/wire_rows.h"
#include "wire/control.h"
#include "wire/market.h"
#include "wire/quote_frame.h"

namespace {

using namespace tickwire;
using namespace tickwire::wire;
using testing::Bytes;
using testing::Rows;

void require(bool good) {
  if (!good) std::abort();
}

template <class M>
void write_and_read(std::span<const uint8_t> payload) {
  M m{};
  if (!get(payload, m)) return;
  const auto written = [](const M& message, size_t room_bytes) {
    Bytes room(room_bytes);
    TlvWriter out(room);
    put(out, message);
    require(out.ok());
    room.resize(out.size());
    return room;
  };
  const Bytes first = written(m, payload.size() + 64);
  M again{};
  require(get(first, again));
  require(written(again, payload.size() + 64) == first);
}

template <class M>
void only_read(std::span<const uint8_t> payload) {
  M m{};
  static_cast<void>(get(payload, m));
}

template <class List>
void walk_all(const List& list) {
  size_t n = 0;
  for (const auto& item : list) {
    static_cast<void>(item);
    ++n;
  }
  require(n == list.size());
}

void read_control(uint8_t type, std::span<const uint8_t> payload) {
  switch (static_cast<Type>(type)) {
    case Type::kHello:
      return write_and_read<Hello>(payload);
    case Type::kWelcome:
      return write_and_read<Welcome>(payload);
    case Type::kResendRefused:
      return write_and_read<ResendRefused>(payload);
    case Type::kError:
      return write_and_read<ErrorMessage>(payload);
    case Type::kPing:
      return write_and_read<Ping>(payload);
    case Type::kBye:
      return write_and_read<Bye>(payload);
    case Type::kPong:
      return only_read<Pong>(payload);
    case Type::kSubscribe: {
      Subscribe m;
      if (get(payload, m)) {
        walk_all(m.topics);
        walk_all(m.keys);
      }
      return;
    }
    case Type::kUnsubscribe: {
      Unsubscribe m;
      if (get(payload, m)) walk_all(m.topics);
      return;
    }
    case Type::kSymbol: {
      Symbols m;
      if (get(payload, m)) walk_all(m.entries);
      return;
    }
    case Type::kTopic: {
      Topics m;
      if (get(payload, m)) walk_all(m.entries);
      return;
    }
    case Type::kResend: {
      Resend m;
      if (get(payload, m)) walk_all(m.ranges);
      return;
    }
    case Type::kSkipped: {
      Skipped m;
      if (get(payload, m)) walk_all(m.ranges);
      return;
    }
    case Type::kHeartbeat: {
      Heartbeat m;
      if (get(payload, m)) walk_all(m.last);
      return;
    }
    case Type::kQuote:
      return write_and_read<Quote>(payload);
    case Type::kTrade:
      return write_and_read<Trade>(payload);
    case Type::kBookDelta:
    case Type::kBookSnapshot:
      return write_and_read<Book>(payload);
    case Type::kSignal:
      return write_and_read<Signal>(payload);
    case Type::kExecution:
      return write_and_read<Execution>(payload);
    case Type::kRaw:
      return write_and_read<Raw>(payload);
  }
}

void check_rows(Rows& rows) {
  for (const auto& row : rows.batch().rows()) {
    const decode::Shape& shape = rows.decoder().rows().shapes[row.shape];
    require(row.word_count >= shape.words);
    const uint64_t* words = rows.batch().row_words(row);
    for (const decode::Field& field : shape.fields) {
      const uint64_t offset = static_cast<uint32_t>(words[field.slot]);
      const uint64_t count = words[field.slot] >> 32;
      if (field.type == decode::FieldType::kText) require(offset + count <= size_t{row.word_count} * 8);
      if (field.type == decode::FieldType::kLevels) {
        require(offset % 8 == 0 && offset / 8 + count * (field.exact ? 4 : 2) <= row.word_count);
      }
    }
  }
}

std::string rows_of_everything() {
  std::ifstream in(TICKWIRE_SOURCE_DIR "/test/vectors/wire-rows.json", std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string description = rows_of_everything();
  static Rows rows(description);
  static Rows run(description);
  if (size < 2) return 0;
  Header header;
  header.type = data[0];
  header.flags = data[1] & kFlagsUnderstood;
  header.source = 7;
  header.sequence = size;
  // Exactly as many bytes as there are.
  const auto exact = std::make_unique<uint8_t[]>(size - 2);
  std::copy(data + 2, data + size, exact.get());
  const std::span<const uint8_t> payload{exact.get(), size - 2};
  read_control(header.type, payload);

  rows.batch().clear();
  const decode::DecodeOutcome outcome = rows.decoder().decode({header, payload}, rows.batch());
  require(rows.batch().rows().size() == (outcome.ok && !outcome.ignored ? 1u : 0u));
  check_rows(rows);

  if (header.is(Type::kQuote) && payload.size() == kQuotePayloadBytes && payload[0] == kCompactTag &&
      payload[1] == kCompactBytes) {
    uint8_t frame[kQuoteFrameBytes];
    write_header(frame, header);
    std::copy(payload.begin(), payload.end(), frame + kHeaderBytes);
    run.batch().clear();
    decode::DecodeOutcome as_run;
    const size_t n = run.decoder().decode_quotes(frame, 1, run.batch(), as_run);
    require((n == 1) == outcome.ok);
    require(n == 1 || as_run.why == outcome.why);
    require(run.dump() == rows.dump());
  }
  return 0;
}
