#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A client of Python's websockets: talks to the server on a port and exits with 0 when everything was right.

    ws_client.py PORT
"""

import asyncio
import sys

import websockets


async def echo(uri: str) -> None:
    async with websockets.connect(uri, subprotocols=["other", "chat"], ping_interval=None) as ws:
        assert ws.subprotocol == "chat", ws.subprotocol
        for message in ["hello", "", "h\u00e9 \u20ac \U0001f600", b"", b"\x00\xff" * 100, "x" * (2**20 - 1), b"y" * 70000]:
            await ws.send(message)
            answer = await ws.recv()
            assert answer == message, (len(answer), len(message))

        async def pieces():
            for piece in ["one ", "", "two ", "three"]:
                yield piece

        await ws.send(pieces())
        assert await ws.recv() == "one two three"
        await asyncio.wait_for(await ws.ping(b"are you there"), 5)
        await ws.close(4002, "from the client")
        assert ws.close_code == 4002, ws.close_code


async def closed_by_server(uri: str) -> None:
    async with websockets.connect(uri + "close", ping_interval=None) as ws:
        try:
            await ws.recv()
            raise AssertionError("expected the server to close")
        except websockets.ConnectionClosed:
            assert (ws.close_code, ws.close_reason) == (4001, "from the server"), (ws.close_code, ws.close_reason)


async def fragments(uri: str) -> None:
    async with websockets.connect(uri + "fragments", ping_interval=None) as ws:
        assert await ws.recv() == "a fragmented message"


async def too_big(uri: str) -> None:
    async with websockets.connect(uri, ping_interval=None, max_size=None) as ws:
        await ws.send(b"z" * (2**20 + 1))
        try:
            await ws.recv()
            raise AssertionError("expected 1009")
        except websockets.ConnectionClosed:
            assert ws.close_code == 1009, ws.close_code


async def main(port: str) -> None:
    uri = f"ws://127.0.0.1:{port}/"
    for part in (echo, closed_by_server, fragments, too_big):
        await asyncio.wait_for(part(uri), 10)


asyncio.run(main(sys.argv[1]))
