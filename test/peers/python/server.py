"""A second, independent WebSocket peer: python3-websockets, told what to do by the path.

/echo                        sends everything back
/stream?count=N&bytes=B      N text messages {"n":i,"pad":"…"}, then waits
/fragments?count=N           N text messages in three fragments each
/binary?count=N              N binary messages of i % 251 bytes
/close?code=C&reason=R       closes at once
/ping?count=N                N pings, each awaited; then a text with the number of pongs
/headers                     one text: the request's headers as JSON
"""

import asyncio
import json
import ssl
import sys
from urllib.parse import parse_qs, urlsplit

import websockets


def parameter(query, name, default):
    values = query.get(name)
    return type(default)(values[0]) if values else default


async def serve(socket, path=None):
    path = path if path is not None else socket.path
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    count = parameter(query, "count", 1)
    if parts.path == "/echo":
        async for message in socket:
            await socket.send(message)
        return
    if parts.path == "/stream":
        pad = "x" * parameter(query, "bytes", 100)
        for n in range(count):
            await socket.send(json.dumps({"n": n, "pad": pad}, separators=(",", ":")))
    elif parts.path == "/fragments":
        for n in range(count):
            await socket.send(iter(['{"n":', str(n), ',"ok":true}']))
    elif parts.path == "/binary":
        for n in range(count):
            await socket.send(bytes([n % 256]) * (n % 251))
    elif parts.path == "/close":
        await socket.close(parameter(query, "code", 1000), parameter(query, "reason", ""))
        return
    elif parts.path == "/ping":
        pongs = 0
        for _ in range(count):
            await (await socket.ping())
            pongs += 1
        await socket.send(json.dumps({"pongs": pongs}))
    elif parts.path == "/headers":
        await socket.send(json.dumps({name.lower(): value for name, value in socket.request_headers.raw_items()}))
    await socket.wait_closed()


async def main(settings):
    context = None
    if settings.get("cert"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings["cert"], settings["key"])
    server = await websockets.serve(
        serve,
        "127.0.0.1",
        0,
        ssl=context,
        compression="deflate" if settings.get("deflate") else None,
        subprotocols=settings.get("subprotocols"),
        ping_interval=settings.get("pingInterval"),
        ping_timeout=settings.get("pingTimeout"),
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "version": websockets.__version__}), flush=True)
    # The end of standard input is the end of the parent.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main(json.loads(sys.argv[1])))
