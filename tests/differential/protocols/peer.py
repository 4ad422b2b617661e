# SPDX-License-Identifier: BSL-1.0
# differential/protocols/peer.py <program> [word...]: runs the scripts of scripts.txt with a protocol of asyncio and
# with one of aioxx, the program, each as a client and as a server, plain and buffered, over TCP, Unix sockets and TLS,
# and compares what happened to the two. Here is the peer: blocking sockets, which do what the script says, step by
# step. differences.txt is as in the folder above.

import contextlib
import functools
import itertools
import os
import pathlib
import queue
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

import compare
from harness import quoted

PATIENCE = 10  # seconds for anything that has to come
MEDIA = ["tcp", "unix", "tls"]
VERSIONS = {"tls": ["tls12", "tls13"]}
ROLES = ["client", "server"]
KINDS = ["plain", "buffered"]
IGNORE_UNEXPECTED_EOF = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 1 << 7)


class Impatient(Exception):
    """Something did not come."""


def payload(words):
    if words.startswith("#"):
        size = int(words[1:])
        return (bytes(range(251)) * (size // 251 + 1))[:size]
    return words.encode()


class Subject:
    """A process with the protocol under test."""

    def __init__(self, command):
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        self.arriving = queue.Queue()
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self):
        for line in self.process.stdout:
            self.arriving.put(line.rstrip("\n"))
        self.arriving.put(None)

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def next(self, awaited):
        try:
            line = self.arriving.get(timeout=PATIENCE)
        except queue.Empty:
            raise Impatient(f"waited in vain for {awaited}") from None
        if line is None:
            raise SystemExit(f"{self.process.args} has ended")
        return line

    def end(self):
        self.process.kill()
        self.process.wait()


class Story:
    """What a subject says in one run."""

    def __init__(self, subject):
        self.subject = subject
        self.lines = []
        self.seen = 0

    def ask(self, command, answer):
        self.subject.tell(command)
        while True:
            line = self.subject.next(answer)
            if line.partition(" ")[0] == answer:
                return line.partition(" ")[2]
            self.lines.append(line)

    def see(self, event):
        """Waits for an event after those that were seen before. "data 5": until 5 bytes have arrived in all."""
        name, _, size = event.rpartition(" ")
        if name.endswith("data"):
            while self.received(name) < int(size):
                self.lines.append(self.subject.next(event))
            return
        while True:
            for index in range(self.seen, len(self.lines)):
                if self.lines[index] == event or self.lines[index].startswith(event + " "):
                    self.seen = index + 1
                    return
            self.seen = len(self.lines)
            self.lines.append(self.subject.next(event))

    def is_over(self):
        return any(line.startswith(("lost ", "second lost ")) for line in self.lines)

    def received(self, name):
        return sum(len(line.rpartition(" ")[2]) // 2 for line in self.lines if line.startswith(name + " "))

    def told(self):
        """The lines, what arrived in a row joined."""

        def name_of_data(line):
            name = line.rpartition(" ")[0]
            return name if name in ("data", "second data") else None

        for name, lines in itertools.groupby(self.lines, name_of_data):
            if name is None:
                yield from lines
            else:
                yield name + " " + quoted(b"".join(bytes.fromhex(line.rpartition(" ")[2]) for line in lines))


class Peer:
    """The other end of the connection."""

    def __init__(self, connected):
        self.socket = connected
        self.socket.settimeout(PATIENCE)

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        return self.socket.recv(2**18)

    def shut(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def cut(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class SecurePeer(Peer):
    def __init__(self, connected, role_of_subject, files):
        super().__init__(connected)
        self.arrived, self.leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        settings, names = self.settings_for(role_of_subject, files)
        self.secure = settings.wrap_bio(self.arrived, self.leaving, **names)
        self.has_shut = False
        self.attempt(self.secure.do_handshake)

    @staticmethod
    @functools.cache
    def settings_for(role_of_subject, files):
        authority, certificate, key = files
        if role_of_subject == "server":
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            made.load_verify_locations(authority)
            made.options &= ~IGNORE_UNEXPECTED_EOF
            return made, {"server_hostname": "localhost"}
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.options &= ~IGNORE_UNEXPECTED_EOF
        made.num_tickets = 0
        made.load_cert_chain(certificate, key)
        return made, {"server_side": True}

    def pass_on(self):
        if self.leaving.pending:
            self.socket.sendall(self.leaving.read())

    def attempt(self, operation, *arguments):
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantReadError:
                self.pass_on()
                data = self.socket.recv(2**18)
                self.arrived.write(data) if data else self.arrived.write_eof()
            finally:
                self.pass_on()

    def send(self, data):
        for start in range(0, len(data), 2**16):
            self.attempt(self.secure.write, data[start : start + 2**16])

    def receive(self):
        data = self.attempt(self.secure.read, 2**18)
        if not data:
            self.shut()  # the answer that the other end waits for
        return data

    def shut(self):
        if self.has_shut:
            return
        self.has_shut = True
        try:
            self.secure.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.pass_on()

    def close(self):
        with contextlib.suppress(OSError, ssl.SSLError):
            self.shut()
        self.socket.close()


class Failed(Peer):
    """A peer whose handshake failed."""


class Run:
    def __init__(self, subject, medium, role, kind, folder, files):
        self.story = Story(subject)
        self.subject = subject
        self.medium, self.role, self.kind = medium, role, kind
        self.path = str(folder / "socket")
        self.files = files
        self.peer = None
        self.notes = []

    def play(self, script):
        connected = "unconnected" not in script
        try:
            for step in script:
                verb, _, rest = step.partition(" ")
                if verb in ("on", "set", "echo"):
                    self.subject.tell(step)
                elif verb != "unconnected":
                    self.connect(connected, secure=step != "peer plain")
                    self.do(step, verb, rest)
            if connected and not self.story.is_over():
                self.story.see("lost")
        except Impatient as problem:
            self.notes.append(str(problem))
        except OSError as problem:
            self.notes.append(f"peer: {step}: {type(problem).__name__} {problem}")
        if self.peer:
            self.peer.socket.close()
        try:
            self.story.ask("finish", "finished")
        except Impatient as problem:
            self.notes.append(str(problem))
        return [*self.story.told(), *self.notes]

    def do(self, step, verb, rest):
        if verb == "do":
            self.story.ask(step, "did")
        elif verb == "see":
            self.story.see(rest)
        elif verb == "sync":
            self.story.ask("sync", "synced")
        elif verb == "peer":
            step, _, rest = rest.partition(" ")
            getattr(self, step)(*rest.split())
        else:
            raise SystemExit(f"unknown step: {step}")

    # ---- the connection ----

    def connect(self, waits, secure):
        if self.peer is None:
            self.join(secure)
            if waits:
                self.story.see("made")

    def join(self, secure):
        if self.medium in VERSIONS["tls"]:
            self.subject.tell(f"set version {self.medium}")
            self.medium = "tls"
        if self.role == "server":
            address = self.story.ask(f"listen {self.medium} {self.kind} {self.path}", "listening")
            connected = socket.socket(socket.AF_UNIX if self.medium == "unix" else socket.AF_INET)
            connected.settimeout(PATIENCE)
            connected.connect(self.path if self.medium == "unix" else ("127.0.0.1", int(address)))
        else:
            with socket.socket(socket.AF_UNIX if self.medium == "unix" else socket.AF_INET) as listening:
                listening.settimeout(PATIENCE)
                listening.bind(self.path if self.medium == "unix" else ("127.0.0.1", 0))
                listening.listen()
                address = self.path if self.medium == "unix" else listening.getsockname()[1]
                self.subject.tell(f"connect {self.medium} {self.kind} {address}")
                connected, _ = listening.accept()
        if self.medium == "unix":
            os.unlink(self.path)
        if self.medium != "tls" or not secure:
            self.peer = Peer(connected)
            return
        try:
            self.peer = SecurePeer(connected, self.role, self.files)
        except (ssl.SSLError, ConnectionError):
            self.peer = Failed(connected)
            self.notes.append("peer: no handshake")

    # ---- the steps of the peer ----

    def send(self, data):
        self.peer.send(payload(data))

    def receive(self, most=None):
        """Gets so many bytes, or all until the end. Returns them and how they ended."""
        data = bytearray()
        while most is None or len(data) < most:
            try:
                piece = self.peer.receive()
            except ssl.SSLZeroReturnError:
                return data, "end"
            except ssl.SSLError as problem:  # SSLEOFError, but not in all versions
                return data, "cut" if "eof" in str(problem).lower() else "tls error"
            except (ConnectionResetError, BrokenPipeError):
                return data, "reset"
            except TimeoutError:
                return data, "nothing"
            if not piece:
                return data, "end"
            data += piece
        return data, None

    def expect(self, size):
        data, ended = self.receive(int(size))
        self.notes.append("peer: got " + quoted(data) + (f", then {ended}" if ended else ""))

    def end(self):
        data, ended = self.receive()
        self.notes.append("peer: " + (f"got {quoted(data)}, then " if data else "") + ended)

    def drain(self):
        _, ended = self.receive()
        self.notes.append(f"peer: {ended}")

    def exchange(self, size):
        data = payload("#" + size)
        returned = bytearray()
        for start in range(0, len(data), 100000):
            self.peer.send(data[start : start + 100000])
            returned += self.receive(min(100000, len(data) - start))[0]
        self.notes.append("peer: got " + quoted(returned))

    def shut(self):
        self.peer.shut()

    def close(self):
        self.peer.close()

    def cut(self):
        self.peer.cut()

    def reset(self):
        self.peer.reset()

    def plain(self):
        """No handshake."""

    def nothing(self):
        """But to be there."""


def read_scripts():
    lines = (FOLDER / "scripts.txt").read_text().splitlines()
    scripts = {}
    for name, body in compare.sections(line for line in lines if line and not line.startswith("#")):
        if name in scripts:
            sys.exit(f"scripts.txt: there are two scripts of the name {name}")
        scripts[name] = body
    return scripts


def variants(name, script):
    """Yields the name of each variant, its medium, role and kind, and its steps."""
    choices = {"media": MEDIA, "roles": ROLES, "kinds": KINDS}
    steps = []
    for line in script:
        field, _, values = line.partition(": ")
        if field in choices:
            choices[field] = values.split()
        else:
            steps.append(line)
    choices["media"] = [each for medium in choices["media"] for each in VERSIONS.get(medium, [medium])]
    for medium, role, kind in itertools.product(*choices.values()):
        yield f"{name}/{medium}/{role}/{kind}", (medium, role, kind), steps


def traces_of(subject, words, folder, files):
    traces = {}
    for script, body in read_scripts().items():
        for name, variant, steps in variants(script, body):
            if not words or any(word in name for word in words):
                traces[name] = Run(subject, *variant, folder, files).play(steps)
    return traces


def main(program, *words):
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        of_aioxx = Subject([program])
        files = tuple(of_aioxx.next("the certificates").split())
        of_asyncio = Subject([sys.executable, str(FOLDER / "subject.py"), *files])
        try:
            traces = [traces_of(subject, words, folder, files) for subject in (of_asyncio, of_aioxx)]
        finally:
            of_aioxx.end()
            of_asyncio.end()
        compare.report(*traces, FOLDER / "differences.txt", words)


if __name__ == "__main__":
    main(*sys.argv[1:])
