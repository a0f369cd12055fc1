"""python3 wire_client.py HOST PORT TOPIC...: prints quotes, trades and what is missing. Written from docs/wire-format.md."""
import socket, struct, sys
from decimal import Decimal

MAGIC, HEADER, TABLE = b"TW\x01", struct.Struct("<3sBBBHIIQQ"), []
for crc in range(256):
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)

def crc32c(data, crc=0xFFFFFFFF):
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF

def frame(kind, *fields):
    payload = b"".join(bytes([tag, len(value)]) + value for tag, value in fields)
    crc = crc32c(HEADER.pack(MAGIC, 0, kind, 0, 0, len(payload), 0, 0, 0)[:12] + bytes(16) + payload)
    return HEADER.pack(MAGIC, 0, kind, 0, 0, len(payload), crc, 0, 0) + payload

def frames(sock):
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
        while (at := data.find(MAGIC)) >= 0 and len(data) - at >= 32:
            data = data[at:]
            _, _, kind, flags, source, length, crc, sequence, _ = HEADER.unpack_from(data)
            payload = data[32:32 + length]
            whole = len(payload) == length
            if length > 1 << 24 or MAGIC in payload or whole and crc32c(data[:12] + data[16:32] + payload) != crc:
                data = data[1:]  # damaged: look for the next one
                continue
            if not whole:
                break
            data = data[32 + length:]
            if flags & 32:  # masked
                payload = bytes(byte ^ payload[-4 + i % 4] for i, byte in enumerate(payload[:-4]))
            if flags & ~39 == 0:
                yield kind, flags, source, sequence, list(fields(payload))

def fields(payload):
    while payload:
        head, length = (2, payload[1]) if payload[1] < 255 else (6, struct.unpack_from("<I", payload, 2)[0])
        yield payload[0], payload[head:head + length]
        payload = payload[head + length:]

def exact(mantissa, scale):
    return format(Decimal(mantissa).scaleb(-scale), "f") if mantissa != -2**63 else "none"

host, port, *wanted = sys.argv[1:]
symbols, topics, last = {}, {}, {}
with socket.create_connection((host, int(port))) as sock:
    sock.sendall(frame(10, (1, b"\1\1"), (3, b"wire_client.py")))  # Hello
    sock.sendall(frame(12, (1, bytes([1, 0, 0, 0])), *[(2, name.encode()) for name in wanted]))  # Subscribe
    for kind, flags, source, sequence, values in frames(sock):
        items = [value for tag, value in values if tag == 2]
        if kind == 8:  # Symbol
            symbols.update((item[:4], item[4:].decode()) for item in items)
        elif kind == 9:  # Topic
            for item in items:
                number, before = struct.unpack_from("<HQ", item)
                topics[number] = item[10:].decode()
                last.setdefault(number, before)
        elif kind in (17, 20):  # Error, Bye
            print("end", *[item.decode() for item in items], flush=True)
        elif source in topics:
            if not flags & 1 and sequence <= last[source]:
                continue  # a duplicate
            if not flags & 1 and sequence > last[source] + 1:
                print("missing", topics[source], last[source] + 1, sequence - 1, flush=True)
            last[source] = max(last[source], sequence)
            tag, value = values[0]
            if kind in (1, 2):  # Quote, Trade
                symbol, price, size = symbols[value[:4]], value[4], value[5]
            if kind == 1:
                if tag == 1:  # compact: make it wide
                    bid, spread = struct.unpack_from("<qi", value, 6)
                    value = value[:6] + struct.pack("<qq", bid, bid + spread) + value[18:24] + bytes(2) + value[24:] + bytes(2)
                bid, ask, bids, asks = struct.unpack_from("<qqqq", value, 6)
                print("quote", symbol, exact(bid, price), exact(bids, size), exact(ask, price), exact(asks, size), flush=True)
            elif kind == 2:
                amount, taken, trade = struct.unpack_from("<qqQ", value, 6)
                side = ("unknown", "buy", "sell")[size >> 6]
                print("trade", symbol, exact(amount, price), exact(taken, size & 63), side, trade, flush=True)
