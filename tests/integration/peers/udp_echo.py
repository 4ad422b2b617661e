#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""asyncio's datagrams: udp_echo.py serves and prints its port; udp_echo.py PORT asks, and exits with 0 when all is right."""

import asyncio
import sys


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data, sender)


class Ask(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.Queue()

    def datagram_received(self, data, sender):
        self.received.put_nowait(data)


async def serve(loop):
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    print("PORT", transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    transport.close()


async def ask(loop, port):
    transport, protocol = await loop.create_datagram_endpoint(Ask, remote_addr=("127.0.0.1", port))
    for size in (1, 100, 1400, 60000):
        transport.sendto(bytes(size))
        assert await asyncio.wait_for(protocol.received.get(), 10) == bytes(size)
    transport.close()


async def main():
    loop = asyncio.get_running_loop()
    await (ask(loop, int(sys.argv[1])) if len(sys.argv) > 1 else serve(loop))


asyncio.run(main())
