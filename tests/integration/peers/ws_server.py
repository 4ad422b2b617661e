#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A server of Python's websockets: prints "PORT n", then "CLOSED code" for each connection, until stdin ends."""

import asyncio
import sys

import websockets


async def handle(ws, path=None) -> None:
    path = ws.path if path is None else path
    try:
        if path == "/close":
            await ws.close(4001, "from the server")
        elif path == "/fragments":
            async def pieces():
                for piece in ["a ", "", "fragmented ", "message"]:
                    yield piece

            await ws.send(pieces())
            await ws.wait_closed()
        elif path == "/ping":
            await asyncio.wait_for(await ws.ping(b"from the server"), 5)
            await ws.send("ponged")
            await ws.wait_closed()
        else:
            async for message in ws:
                await ws.send(message)
    except websockets.ConnectionClosed:
        pass
    await ws.wait_closed()
    print("CLOSED", ws.close_code, flush=True)


async def main() -> None:
    async with websockets.serve(handle, "127.0.0.1", 0, subprotocols=["chat"], ping_interval=None) as server:
        print("PORT", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
