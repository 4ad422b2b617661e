#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A client of asyncio's streams: exits with 0 when the server on a port sends everything back.

    echo_client.py PORT once    one short message, as the example servers answer it
    echo_client.py PORT all     lines, much data in both directions at once, half a close
"""

import asyncio
import sys


async def once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"Hello World!")
    await writer.drain()
    assert await reader.read() == b"Hello World!"
    writer.close()
    await writer.wait_closed()


async def everything(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for line in [b"one\n", b"\n", b"x" * 60_000 + b"\n"]:
        writer.write(line)
        assert await reader.readline() == line
    much = bytes(range(256)) * 20_000

    async def send() -> None:
        writer.write(much)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    assert await reader.read() == much
    await sending
    writer.close()
    await writer.wait_closed()


part = {"once": once, "all": everything}[sys.argv[2]]
asyncio.run(asyncio.wait_for(part(int(sys.argv[1])), 20))
