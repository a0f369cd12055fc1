#include "book/policy.h"

namespace tickwire::book {

Policy rules_of(Venue venue) noexcept {
  Policy policy;
  switch (venue) {
    case Venue::kBinanceSpot:
      // https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
      // (How to manage a local order book correctly). A request answers with 5000 levels at most.
      policy.continuity = Continuity::kRange;
      policy.seed = Seed::kFetched;
      policy.snapshot_levels = 5'000;
      break;
    case Venue::kBinanceUsdm:
      // https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams/How-to-manage-a-local-order-book-correctly
      policy.continuity = Continuity::kPrevious;
      policy.seed = Seed::kFetched;
      policy.snapshot_levels = 1'000;
      break;
    case Venue::kBybit:
      // https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook: u is "always in sequence"; of the same 50
      // levels in SBE https://bybit-exchange.github.io/docs/zh-TW/v5/sbe/level-50/sbe-level-50 says that the next u is
      // the last one and 1, over snapshots and deltas, but for a snapshot of u = 1.
      policy.continuity = Continuity::kIncrement;
      policy.restart_id = 1;
      break;
    case Venue::kOkx:
      // https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
      policy.continuity = Continuity::kPrevious;
      policy.checksum = ChecksumRule::kOkx;
      break;
    case Venue::kKraken:
      // https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/book: 10 levels unless asked for more.
      policy.checksum = ChecksumRule::kKraken;
      policy.depth = 10;
      break;
    case Venue::kCoinbase:
      // https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels: its sequence_num
      // belongs to the connection, see ConnectionSequence.
      policy.max_levels = 100'000;
      break;
  }
  return policy;
}

}  // namespace tickwire::book
