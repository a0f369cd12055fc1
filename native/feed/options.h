// Everything a feed is told when it is made. Defaults are the TypeScript layer's business; here all is given.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/sbe_schema.h"
#include "decode/schema.h"
#include "feed/connect_gate.h"
#include "feed/reconnect_schedule.h"
#include "net/connector.h"
#include "shm/segment.h"
#include "wire/receiver.h"
#include "wire/row_schema.h"
#include "wire/session.h"
#include "wire/subscriptions.h"
#include "ws/session.h"

namespace tickwire::feed {

class Arbiter;
class Conflator;

enum class Overflow : uint8_t { kBlock, kConflate, kDropOldest };

struct Heartbeat {
  int64_t ping_ns = 0;          // interval of protocol pings; 0 = none
  int64_t pong_timeout_ns = 0;  // a pong must follow within this
  int64_t idle_ns = 0;          // longest time without a data message; 0 = any
  std::string app_ping;         // text sent every app_ping_ns
  int64_t app_ping_ns = 0;
};

struct ConflateRegion {  // one per shape
  size_t offset = 0;     // in the conflation memory, multiple of 64
  uint32_t row_bytes = 0;
  uint32_t keys = 0;
};

struct Greeting {
  ws::Opcode opcode = ws::Opcode::kText;
  std::string payload;
};

// What every feed has, whatever it speaks.
struct CoreOptions {
  ReconnectPolicy reconnect;
  Heartbeat heartbeat;
  Overflow overflow = Overflow::kBlock;
  uint32_t ring_window = 0;  // bytes unread in the ring from which on block and dropOldest hold back
  size_t pending_bytes = 0;  // dropOldest
  uint32_t flush_rows = 256;
  int64_t flush_interval_ns = 0;
  std::optional<decode::Schema> schema;  // none = raw messages
  std::span<uint8_t> conflate_memory;
  std::vector<ConflateRegion> conflate_regions;
  std::span<uint8_t> stats;
  uint32_t sample_bytes = 256;
  int64_t sample_interval_ns = 1'000'000'000;
  ConnectLimit connect_limit;
  uint16_t row_handle = 0;               // the handle that rows bear; 0 = the feed's own
  std::shared_ptr<Conflator> conflator;  // shared by several feeds, in place of the regions; conflate only
};

struct WireTopics {  // what one subscription asks for
  std::vector<std::string> topics;
  wire::TopicFilter filter;
};

struct ShmOptions {
  shm::Place place;
  // Look into the segment in every turn of the loop, for loops that never sleep; otherwise a thread sleeps on it.
  bool spin = false;
};

struct WireFeedOptions : CoreOptions {
  ConnectTarget target;           // without `shm`
  std::optional<ShmOptions> shm;  // in place of a connection
  wire::SessionOptions session;
  wire::ReceiverOptions receiver;
  std::vector<WireTopics> topics;
  std::optional<wire::RowSchema> rows;  // none = raw frames
};

class BookSet;

struct FeedOptions : CoreOptions {
  ConnectTarget target;
  ws::SessionOptions session;
  std::vector<Greeting> greeting;
  std::shared_ptr<Arbiter> arbiter;      // passes rows on as the first copy of several; of the same schema
  uint32_t path = 0;                     // which of its paths this feed is
  std::optional<decode::SbeSchema> sbe;  // SBE messages; then `schema` is that of its rows
  std::shared_ptr<BookSet> books;        // of the same channel; none = book events are rows like any other
  bool book_rows = false;                // with books: book events are handed over as rows, too
  std::span<uint8_t> tap;                // where what goes over the connections is copied; empty = nowhere
};

}  // namespace tickwire::feed
