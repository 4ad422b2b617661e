#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A client of Python's websockets that tries what a server offers: hooks, names, compression, TLS.

    ws_server_side_client.py ws://HOST:PORT [AUTHORITY]     exits with 0 when everything was right; AUTHORITY for wss
"""

import asyncio
import http.client
import ssl
import sys
import urllib.parse

import websockets
import websockets.exceptions

BASE = sys.argv[1]
CONTEXT = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None


def connect(path, user=None, **options):
    uri = BASE if user is None else BASE.replace("://", f"://{user}@")
    if CONTEXT is not None:
        options["ssl"] = CONTEXT
    return websockets.connect(uri + path, ping_interval=None, **options)


async def status_of(path, user=None, **options):
    try:
        async with connect(path, user, **options):
            return 101
    except websockets.exceptions.InvalidStatusCode as refused:
        return refused.status_code


async def echo(compression):
    async with connect("/echo", compression=compression) as ws:
        names = [extension.name for extension in ws.extensions]
        assert names == (["permessage-deflate"] if compression else []), names
        for message in ["hello", "", "h\u00e9 \u20ac " * 1000, b"", bytes(range(256)) * 300, "x" * (2**20)]:
            await ws.send(message)
            answer = await ws.recv()
            assert answer == message, (type(answer), len(answer), len(message))


async def names():
    async with connect("/echo", subprotocols=["soup", "superchat", "chat"]) as ws:
        assert ws.subprotocol == "superchat", ws.subprotocol
        assert ws.response_headers["X-Served-By"] == "the test"
    async with connect("/rooms/r%C3%A9d%2Fblue?query") as ws:
        assert await ws.recv() == "room r\u00e9d/blue"
    assert await status_of("/nowhere") == 404
    assert await status_of("/echo", origin="http://evil.example") == 403
    assert await status_of("/echo", origin="http://good.example") == 101


async def passwords():
    assert await status_of("/private") == 401
    assert await status_of("/private", "hello:wrong") == 401
    async with connect("/private", "hello:ilove:you") as ws:
        assert await ws.recv() == "you are hello"


async def ends():
    async with connect("/throws") as ws:
        try:
            await ws.recv()
        except websockets.ConnectionClosedError as closed:
            assert closed.rcvd.code == 1011, closed
    async with connect("/returns") as ws:
        try:
            await ws.recv()
        except websockets.ConnectionClosedOK as closed:
            assert closed.rcvd.code == 1000, closed


def pages():
    where = urllib.parse.urlsplit(BASE)
    secure = {} if CONTEXT is None else {"context": CONTEXT}
    kind = http.client.HTTPConnection if CONTEXT is None else http.client.HTTPSConnection
    for method, path, status, body in [
        ("GET", "/", 200, b"<!DOCTYPE html>"),
        ("HEAD", "/", 200, b""),
        ("POST", "/", 405, b"unsupported HTTP method POST"),
        ("GET", "/nowhere", 404, b"There is nothing at '/nowhere'"),
        ("GET", "/echo", 426, b"Failed to open a WebSocket connection"),
    ]:
        client = kind(where.hostname, where.port, timeout=10, **secure)
        client.request(method, path)
        response = client.getresponse()
        read = response.read()
        assert response.status == status, (method, path, response.status)
        assert read.startswith(body) and (body or not read), (method, path, read)
        assert response.headers["Connection"].endswith("close")
        client.close()


async def wait_for_end():
    async with connect("/echo") as ws:
        await ws.send("ready to end")
        assert await ws.recv() == "ready to end"
        print("READY", flush=True)
        try:
            await ws.recv()
        except websockets.ConnectionClosedOK as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (1001, "maintenance"), closed


async def main():
    for part in (echo("deflate"), echo(None), names(), passwords(), ends()):
        await asyncio.wait_for(part, 20)
    await asyncio.get_running_loop().run_in_executor(None, pages)
    await asyncio.wait_for(wait_for_end(), 20)


asyncio.run(main())
