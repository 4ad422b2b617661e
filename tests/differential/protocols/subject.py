# SPDX-License-Identifier: BSL-1.0
# differential/protocols/subject.py: the protocol under test, of asyncio; subject.cpp is the same for aioxx.
# It does what peer.py tells it on standard input and writes what happens to it to standard output, line by line.

import asyncio
import contextlib
import functools
import logging
import os
import pathlib
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from harness import Failure, text, why

VERSIONS = {"tls12": ssl.TLSVersion.TLSv1_2, "tls13": ssl.TLSVersion.TLSv1_3}
KINDS = {ssl.SSLCertVerificationError: "certificate error", ssl.SSLError: "tls error"}


def emit(*words):
    os.write(1, (" ".join(map(text, words)) + "\n").encode())


def kind_of(error):
    for kind, name in KINDS.items():
        if isinstance(error, kind):
            return name
    return why(error)


def payload(words):
    """The bytes that words stand for: themselves, or "#n" for n bytes."""
    if words.startswith("#"):
        size = int(words[1:])
        return (bytes(range(251)) * (size // 251 + 1))[:size]
    return words.encode()


class Player:
    """Writes down the callbacks of a protocol and reacts to each as the script says, once."""

    def __init__(self, subject, name=""):
        self.subject = subject
        self.name = name
        self.received = 0
        self.keeps_open = None

    def happens(self, event, *words):
        emit(self.name + event, *words)
        self.react(event)

    def react(self, event):
        for action in self.subject.reactions.pop(self.name + event, ()):
            if action == "raise":
                raise Failure("x")
            self.subject.act(action, self)

    def connection_made(self, transport):
        self.subject.transport = transport
        self.happens("made")

    def connection_lost(self, error):
        self.happens("lost", kind_of(error) if error else None)

    def pause_writing(self):
        self.happens("pause_writing")

    def resume_writing(self):
        self.happens("resume_writing")

    def eof_received(self):
        self.happens("eof")
        return self.keeps_open

    def take(self, data):
        emit(self.name + "data", bytes(data).hex())
        self.received += len(data)
        if self.subject.echoes:
            self.subject.transport.write(bytes(data))
        for event in [each for each in self.subject.reactions if each.startswith(self.name + "data ")]:
            if self.received >= int(event.rpartition(" ")[2]):
                self.react(event.removeprefix(self.name))


class Plain(Player, asyncio.Protocol):
    def data_received(self, data):
        self.take(data)


class Buffered(Player, asyncio.BufferedProtocol):
    def get_buffer(self, _):
        self.memory = bytearray(1000)
        return memoryview(self.memory)  # over TLS bytes are lost when it is not a view

    def buffer_updated(self, count):
        self.take(self.memory[:count])


PROTOCOLS = {"plain": Plain, "buffered": Buffered}


class Subject:
    def __init__(self, authority, certificate, key):
        self.files = authority, certificate, key
        self.reset()

    def reset(self):
        self.reactions = {}
        self.transport = None
        self.server = None
        self.echoes = False
        self.settings = {}

    def act(self, action, player=None):
        """Does what one action says, and writes what it gives or how it fails."""
        verb, _, rest = action.partition(" ")
        transport = self.transport
        try:
            if verb == "write":
                transport.write(payload(rest))
            elif verb == "writelines":
                transport.writelines([payload("" if each == "-" else each) for each in rest.split()])
            elif verb == "write_eof":
                transport.write_eof()
            elif verb in ("close", "abort"):
                getattr(transport, verb)()
            elif verb in ("pause_reading", "resume_reading"):
                getattr(transport, verb)()
            elif verb == "limits":
                high, low = (None if each == "-" else int(each) for each in rest.split())
                transport.set_write_buffer_limits(high, low)
            elif verb in ("is_closing", "is_reading", "can_write_eof", "get_write_buffer_size"):
                emit(verb, getattr(transport, verb)())
            elif verb == "get_write_buffer_limits":
                emit(verb, *transport.get_write_buffer_limits())
            elif verb == "get_extra_info":
                emit(verb, rest, self.fact(rest))
            elif verb == "keep_open":
                player.keeps_open = True
            elif verb == "set_protocol":
                transport.set_protocol(PROTOCOLS[rest](self, "second "))
            else:
                emit("unknown action", action)
        except (Exception, asyncio.CancelledError) as error:
            emit(action, "threw", kind_of(error))

    def fact(self, name):
        value = self.transport.get_extra_info(name)
        if name in ("sockname", "peername") and isinstance(value, tuple):
            return value[0]
        if name in ("sockname", "peername") and value:
            return "a path"
        if name == "cipher" and value:
            return value[0]
        if name == "peercert":
            return True if value else None
        return value or None

    def context(self, role):
        return self.made_context(role, self.settings["version"], "untrusting" in self.settings)

    @functools.cache
    def made_context(self, role, version, untrusting):
        authority, certificate, key = self.files
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
        made.maximum_version = made.minimum_version = VERSIONS[version]
        if role == "server":
            made.num_tickets = 0
            made.load_cert_chain(certificate, key)
        elif not untrusting:
            made.load_verify_locations(authority)
        return made

    async def listen(self, medium, kind, address):
        loop = asyncio.get_running_loop()
        make = lambda: PROTOCOLS[kind](self)
        context = self.context("server") if medium == "tls" else None
        if medium == "unix":
            self.server = await loop.create_unix_server(make, address)
            emit("listening", address)
        else:
            self.server = await loop.create_server(make, "127.0.0.1", 0, ssl=context)
            emit("listening", self.server.sockets[0].getsockname()[1])

    async def connect(self, medium, kind, address):
        loop = asyncio.get_running_loop()
        make = lambda: PROTOCOLS[kind](self)
        try:
            if medium == "unix":
                await loop.create_unix_connection(make, address)
            elif medium == "tls":
                await loop.create_connection(
                    make,
                    "127.0.0.1",
                    int(address),
                    ssl=self.context("client"),
                    server_hostname=self.settings.get("host", "localhost"),
                )
            else:
                await loop.create_connection(make, "127.0.0.1", int(address))
        except Exception as error:
            emit("failed", kind_of(error))

    async def settle(self):
        """Lets the loop deal with whatever has arrived."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def obey(self, command):
        verb, _, rest = command.partition(" ")
        if verb == "on":
            event, _, actions = rest.partition(": ")
            self.reactions[event] = actions.split(", ")
        elif verb == "set":
            name, _, value = rest.partition(" ")
            self.settings[name] = value
        elif verb == "echo":
            self.echoes = True
        elif verb == "listen":
            await self.listen(*rest.split())
        elif verb == "connect":
            self.connecting = asyncio.create_task(self.connect(*rest.split()))
        elif verb == "do":
            for action in rest.split(", "):
                self.act(action)
            emit("did")
        elif verb == "sync":
            await self.settle()
            emit("synced")
        elif verb == "finish":
            if self.server:
                self.server.close()
            if self.transport:
                with contextlib.suppress(AttributeError):  # a transport that is lost has no loop any more
                    self.transport.abort()
            await self.settle()
            self.reset()
            emit("finished")


async def main():
    logging.disable()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: emit("reported", why(context.get("exception"))))
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    subject = Subject(*sys.argv[1:])
    async for command in commands:
        await subject.obey(command.decode().rstrip("\n"))


asyncio.run(main())
