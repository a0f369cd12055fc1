// Checksums of a book as venues define them: CRC-32 (ISO-HDLC, that of zlib; not CRC-32C) over a text of the best
// levels with the digits as the venue wrote them. The text is made on the stack.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "book/order_book.h"
#include "book/order_ladder.h"

namespace tickwire::book {

// The CRC-32 of `bytes`, or, given that of what went before, of both together.
[[nodiscard]] uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before = 0) noexcept;

// OKX: the best 25 levels, "price:size" of a bid, of an ask, and so on, joined by ':'; when one side has fewer, the
// rest of the other follows. As the signed number that the venue sends.
// https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
[[nodiscard]] int32_t okx_checksum(const OrderBook& book) noexcept;

// Kraken WebSocket v2: the best 10 asks, then the best 10 bids, each price and size without point and leading zeros.
// https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
[[nodiscard]] uint32_t kraken_checksum(const OrderBook& book) noexcept;

// Kraken WebSocket v2, channel `level3`: of the best 10 prices every order in the order in which it is filled, price
// and size as above. https://docs.kraken.com/exchange/guides/websockets/l3-checksum-v2
[[nodiscard]] uint32_t kraken_l3_checksum(const OrderLadder& bids, const OrderLadder& asks) noexcept;

}  // namespace tickwire::book
