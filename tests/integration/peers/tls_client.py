#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A secure client of asyncio: tls_client.py PORT AUTHORITY [starttls]. Exits with 0 when all came back."""

import asyncio
import ssl
import sys


async def main():
    port = int(sys.argv[1])
    context = ssl.create_default_context(cafile=sys.argv[2])
    if len(sys.argv) > 3:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go ahead\n"
        await writer.start_tls(context, server_hostname="localhost")
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    sent = bytes(range(256)) * 4000

    async def send():
        for start in range(0, len(sent), 50000):
            writer.write(sent[start:start + 50000])
            await writer.drain()

    sending = asyncio.create_task(send())
    assert await reader.readexactly(len(sent)) == sent
    await sending
    writer.close()
    await writer.wait_closed()


asyncio.run(asyncio.wait_for(main(), 30))
