#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A server of Python's websockets for the options of clients: prints "PORT n" and ends when stdin ends.

    ws_client_side_server.py [--compression deflate|none] [--user NAME:PASSWORD] [--tls CERTIFICATE KEY] [--to URI]

It echoes messages, and answers "path", "extensions" and "header NAME" with what the handshake said.
/relative and /absolute redirect, the latter to the URI of --to; /loop redirects to itself; /refused is a 403.
"""

import argparse
import asyncio
import http
import ssl
import sys

from websockets.exceptions import ConnectionClosed
from websockets.legacy.auth import basic_auth_protocol_factory
from websockets.legacy.server import serve


async def handle(ws, path=None) -> None:
    try:
        async for message in ws:
            if message == "path":
                await ws.send(ws.path)
            elif message == "extensions":
                await ws.send(",".join(extension.name for extension in ws.extensions))
            elif isinstance(message, str) and message.startswith("header "):
                await ws.send(ws.request_headers.get(message[7:], "none"))
            else:
                await ws.send(message)
    except ConnectionClosed:
        pass


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--compression", default="deflate")
    parser.add_argument("--user")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--to", default="/nowhere")
    asked = parser.parse_args()

    async def process_request(path, headers):
        places = {"/relative": "sub/../final?x=1", "/absolute": asked.to, "/loop": "/loop"}
        if path in places:
            return http.HTTPStatus.FOUND, [("Location", places[path])], b""
        if path == "/refused":
            return http.HTTPStatus.FORBIDDEN, [("X-Why", "because")], b"go away\n"
        return None

    options = {"process_request": process_request, "ping_interval": None}
    options["compression"] = None if asked.compression == "none" else asked.compression
    if asked.user:
        name, password = asked.user.split(":", 1)
        options["create_protocol"] = basic_auth_protocol_factory(realm="test", credentials=(name, password))
        del options["process_request"]
    if asked.tls:
        options["ssl"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["ssl"].load_cert_chain(*asked.tls)
    # websockets 10.4 reports its own error when a server ends soon after it refused a client.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        print("PORT", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
