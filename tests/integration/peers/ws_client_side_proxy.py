#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""An HTTP proxy for CONNECT: prints "PORT n", then the target of each request, and ends when stdin ends.

    ws_client_side_proxy.py [--user NAME:PASSWORD] [--to PORT]

With --to every tunnel leads to that port of this machine, whatever was asked for.
"""

import argparse
import asyncio
import base64
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    parser.add_argument("--to", type=int)
    asked = parser.parse_args()
    wanted = "basic " + base64.b64encode(asked.user.encode()).decode() if asked.user else None

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        print(method, target, flush=True)
        given = headers.get("proxy-authorization", "")
        if wanted and (given[:6].lower() + given[6:]) != wanted:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=test\r\n"
                         b"Content-Length: 0\r\n\r\n")
            writer.close()
            return
        host, _, port = target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1" if asked.to else host.strip("[]"), asked.to or int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
