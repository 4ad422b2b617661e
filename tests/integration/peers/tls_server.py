#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A secure echo server of asyncio: tls_server.py CERTIFICATE KEY. Prints its port and ends with its input."""

import asyncio
import ssl
import sys


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


asyncio.run(main())
