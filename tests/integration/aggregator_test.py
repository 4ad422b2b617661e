#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0

"""Runs the aggregator as its users do: real commands, signals, pipes and hubs.

    aggregator_test.py PROGRAM [WORD...]      only the tests whose name contains all the words

Needs nothing but Python. No fixed ports; what is waited for is waited for, with a limit.
"""

import base64
import collections
import contextlib
import errno
import json
import os
import pty
import re
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
PATIENCE = float(os.environ.get("PATIENCE", 60))  # seconds until something that should happen counts as not happening
CLEAN = {name: value for name, value in os.environ.items()
         if name not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE")}


def start(*arguments, **options):
    # A shell lets its background jobs ignore Ctrl-C, and ctest may have been started by one.
    def own_signals():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)

    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": CLEAN,
               "preexec_fn": own_signals, **options}
    return subprocess.Popen([PROGRAM, *arguments], **options)


Ended = collections.namedtuple("Ended", "status out err")


def finish(process):
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"did not end within {PATIENCE} s; stderr: {err!r}")
    return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())


def run(*arguments, **options):
    return finish(start("run", *arguments, **options))


def records(text):
    return [json.loads(line) for line in text.split("\n")[:-1]]  # splitlines() knows more ends than \n


def lines_of(text):
    """The records that are lines, not notes of the aggregator."""
    return [each for each in records(text) if each["fd"] != 0]


def exact(record):
    return base64.b64decode(record["raw"]) if "raw" in record else record["msg"].encode()


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for: {what}"
        time.sleep(0.01)


def processes_with(mark):
    """The processes whose command line contains a text, this one apart."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/cmdline", "rb") as line:
                if mark.encode() in line.read():
                    found.append(int(entry))
    return found


class Hub:
    """A hub whose log goes to a file, so that nobody has to read it while it runs."""

    def __init__(self, *arguments, port=0, **options):
        self.log = tempfile.TemporaryFile()
        self.process = start("hub", "--listen", f"127.0.0.1:{port}", *arguments,
                             **{"stdout": self.log, **options})
        first = self.process.stderr.readline().decode()
        found = re.fullmatch(r"hub: listening on ws://127\.0\.0\.1:(\d+)\n", first)
        assert found, f"the hub said {first!r}"
        self.port = int(found.group(1))
        self.url = f"ws://127.0.0.1:{self.port}/test"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.log.close()

    def text(self):
        self.log.seek(0)
        return self.log.read().decode()

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        ended = finish(self.process)
        return Ended(ended.status, self.text(), ended.err)


class WebSocket:
    """A client of a few lines that can also misbehave."""

    def __init__(self, port, subprotocol="slog.v1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        offer = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.socket.sendall((f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n").encode())
        self.arrived = self.socket.makefile("rb")
        self.status = int(self.arrived.readline().split()[1])
        while self.arrived.readline() not in (b"\r\n", b""):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.arrived.close()
        self.socket.close()

    def send(self, data, opcode=1):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        self.socket.sendall(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + data)

    def receive(self):
        """A parsed text message, or ("close", code) at the end."""
        while True:
            head = self.arrived.read(2)
            if len(head) < 2:
                return ("close", None)
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.arrived.read(2 if size == 126 else 8), "big")
            data = self.arrived.read(size)
            if head[0] & 15 == 8:
                return ("close", int.from_bytes(data[:2], "big"))
            if head[0] & 15 == 1:
                return json.loads(data)

    def hello(self, agent="tester"):
        self.send({"t": "hello", "role": "agent", "agent": agent, "inc": 1})
        welcome = self.receive()
        assert welcome["t"] == "welcome", welcome
        return welcome


# ---- many lines ----

def check_sources(text, expected, pattern):
    """Each source's lines are there in their order, whole, and nothing else is."""
    last = collections.Counter()
    for line in text.splitlines():
        found = re.fullmatch(pattern, line)
        if found is None:
            assert re.match(r"\S+ +\. (started|exited)", line), f"a torn line: {line!r}"
            continue
        source, number = found["source"], int(found["number"])
        assert number == last[source] + 1, f"{source}: line {number} came after {last[source]}"
        last[source] = number
    assert dict(last) == expected, dict(last)


def test_two_programs_of_three_commands_give_600_000_whole_lines_at_one_hub():
    count = 100_000
    names = ("one", "two", "three")
    commands = [f"{name}=seq -f '{name} line %.0f abcdefghijklmnopqrstuvwxyz' 1 {count}" for name in names]
    words = r"line (?P<number>\d+) abcdefghijklmnopqrstuvwxyz"
    with Hub() as hub:
        began = time.monotonic()
        agents = []
        for agent in ("east", "west"):
            out = tempfile.TemporaryFile()
            agents.append((out, start("run", "--to", hub.url, "--agent", agent, *commands, stdout=out)))
        for out, process in agents:
            ended = finish(process)
            assert ended.status == 0, ended
            with out:
                out.seek(0)
                check_sources(out.read().decode(), {name: count for name in names}, rf"(?P<source>\w+) *\| (?P=source) {words}")
        took = time.monotonic() - began
        ended = hub.stop()
    assert ended.status == 0, ended.err
    check_sources(ended.out, {f"{name}@{agent}": count for name in names for agent in ("east", "west")},
                  rf"(?P<source>(?P<name>\w+)@\w+) *\| (?P=name) {words}")
    assert took < 30, f"took {took:.1f} s"


def test_a_slow_hub_holds_the_commands_back_and_loses_nothing():
    count = 200_000
    reader, writer = os.pipe()
    with open(reader, "rb") as log, Hub("-o", "json", stdout=writer) as hub:
        os.close(writer)
        process = start("run", "--drain", "100ms", "--flush", f"{PATIENCE:g}s", "--to", hub.url, f"many=seq {count}",
                        stdout=subprocess.DEVNULL)
        text = [log.readline()]
        time.sleep(1.5)  # longer than the drain: now everything between the command and us is full
        assert process.poll() is None, "it ended although nobody had read what it says"
        while b"exited" not in (last := log.readline()):
            assert last, "the hub has ended"
            text.append(last)
        ended = finish(process)
        hub.stop()
    assert ended.status == 0, ended
    lines = lines_of(b"".join(text).decode())
    assert [int(each["msg"]) for each in lines] == list(range(1, count + 1)), ended.err


def test_a_slow_reader_of_ours_loses_nothing():
    count = 200_000
    process = start("run", "--drain", "100ms", f"many=seq -f '%.0f xxxxxxxxxxxxxxxxxxxx' {count}")
    first = process.stdout.readline()
    time.sleep(1.5)
    text = first + process.stdout.read()
    assert process.wait(PATIENCE) == 0
    assert text.count(b"\n") == count, text.count(b"\n")


# ---- what a line is ----

def test_standard_output_and_standard_error_stay_apart():
    ended = run("-q", "both=echo to out; echo to err >&2")
    assert ended == (0, "both | to out\n", "both ! to err\n"), ended


def test_a_quick_line_is_shown_while_its_command_goes_on():
    process = start("run", "-q", "slow=echo first; sleep 300")
    assert select.select([process.stdout], [], [], PATIENCE)[0]
    assert process.stdout.readline() == b"slow | first\n"
    process.terminate()
    assert finish(process).status == 143


def test_a_long_line_is_cut_into_parts_that_give_it_back():
    ended = run("-q", "-o", "json", "--max-line", "100", "-c", "printf '%0250d\\nshort\\n' 7")
    parts = [(each["msg"], each.get("fl", [])) for each in lines_of(ended.out)]
    assert [flags for _, flags in parts] == [["part"], ["part", "cont"], ["cont"], []], parts
    assert "".join(text for text, _ in parts[:3]) == "7".rjust(250, "0") and parts[3][0] == "short", parts


def test_eight_mebibytes_without_a_newline_come_back_exactly():
    size = 8 << 20
    ended = run("-q", "-o", "json", "-c", f"head -c {size} /dev/zero | tr '\\0' x")
    parts = lines_of(ended.out)
    assert b"".join(map(exact, parts)) == b"x" * size
    assert all(len(each["msg"]) <= 65536 for each in parts)
    assert "noeol" in parts[-1]["fl"] and "part" not in parts[-1]["fl"], parts[-1]["fl"]


def test_a_last_line_without_a_newline_is_kept():
    ended = run("-q", "-o", "json", "-c", "printf 'whole\\nend'")
    assert [(each["msg"], each.get("fl")) for each in lines_of(ended.out)] == [("whole", None), ("end", ["noeol"])]


def test_any_bytes_come_back_exactly_from_the_hub():
    data = secrets.token_bytes(300_000) + bytes(range(256)) + b"\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80\n\r\n\r\r\n"
    with tempfile.NamedTemporaryFile() as file, Hub("-o", "json") as hub:
        file.write(data)
        file.flush()
        assert run("--to", hub.url, f"raw=cat {file.name}").status == 0
        got = [each for each in records(hub.stop().out) if each["fd"] == 1]
    back = bytearray()
    for each in got:
        flags = each.get("fl", [])
        back += exact(each)
        if "crlf" in flags:
            back += b"\r"
        if "part" not in flags and "noeol" not in flags:
            back += b"\n"
    assert back == data, f"{len(back)} bytes instead of {len(data)}"


def test_a_character_cut_by_two_writes_is_shown_whole():
    ended = run("-q", "-o", "json", "-c", "printf 'a\\303'; sleep 0.3; printf '\\244b\\n'")
    (only,) = lines_of(ended.out)
    assert only["msg"] == "a\u00e4b" and "raw" not in only, only


def test_what_would_control_the_terminal_is_made_visible():
    ended = run("-q", "evil=printf '\\033]52;c;aGk=\\007\\033[2J\\033[31mred\\n'")
    assert ended.out == "evil | \\x1b]52;c;aGk=\\x07\\x1b[2J\x1b[31mred\x1b[0m\n", ended.out


def test_every_record_has_its_number_and_time():
    before = time.time() * 1e6
    got = records(run("-q", "-o", "json", "-c", "seq 100").out)
    assert {each["src"] for each in got} == {"seq"}
    lines = [each for each in got if each["fd"] == 1]
    assert [each["msg"] for each in lines] == [str(number) for number in range(1, 101)]
    numbers = [each["seq"] for each in lines]
    assert numbers == list(range(numbers[0], numbers[0] + 100)), numbers
    assert all(before <= each["ts"] <= time.time() * 1e6 for each in lines)


# ---- colours ----

def on_terminal(*arguments, **variables):
    leader, follower = pty.openpty()
    process = start("run", "-q", *arguments, stdout=follower, stderr=follower, env={**CLEAN, **variables})
    os.close(follower)
    text = b""
    with contextlib.suppress(OSError):  # EIO: nobody has the terminal open any more
        while piece := os.read(leader, 65536):
            text += piece
    os.close(leader)
    assert process.wait(PATIENCE) == 0
    return text.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_bars():
    text = on_terminal("one=echo out; echo err >&2", "two=echo out")
    assert "│ \x1b[0mout\n" in text and "\x1b[1;31m ┃ \x1b[0merr\n" in text, text
    colors = {name: re.search(r"\x1b\[(\d+)m" + name, text)[1] for name in ("one", "two")}
    assert colors["one"] != colors["two"], colors


def test_no_color_and_color_never_are_honoured_on_a_terminal():
    assert on_terminal("one=echo out", NO_COLOR="1") == "one │ out\n"
    assert on_terminal("--color", "never", "one=echo out") == "one │ out\n"


def test_a_pipe_gets_colours_only_when_they_are_asked_for():
    assert "\x1b" not in run("one=echo out").out
    assert "\x1b[" in run("--color", "always", "one=echo out").out
    assert "\x1b[" in run("one=echo out", env={**CLEAN, "FORCE_COLOR": "1"}).out


def test_lines_without_a_prefix_are_the_commands_own():
    assert run("-q", "--prefix", "none", "one=echo out").out == "out\n"


# ---- how it ends ----

def test_the_status_is_that_of_the_first_command_that_failed():
    assert run("true", "ok=exit 0").status == 0
    assert run("ok=exit 0", "bad=exit 3").status == 3
    assert run("late=sleep 0.5; exit 4", "early=exit 3").status == 3
    assert run("killed=kill -KILL $$").status == 128 + signal.SIGKILL


def test_a_command_that_cannot_be_started_is_named_and_the_others_go_on():
    ended = run("gone=no-such-program-anywhere now", "fine=echo hello")
    assert ended.status == 127 and ended.out == "fine | hello\n", ended
    assert re.search(r"^gone .*no-such-program-anywhere", ended.err, re.M), ended.err
    with tempfile.NamedTemporaryFile(mode="w") as file:
        ended = run(f"text={file.name}")
        assert ended.status == 126 and file.name in ended.err, ended


def test_bad_usage_is_explained_with_status_2():
    for arguments in ([], ["dance"], ["run"], ["run", "--no-such-option", "a=true"], ["run", "-o", "xml", "a=true"],
                      ["run", "--grace", "soon", "a=true"], ["run", "--until", "nobody", "a=true"],
                      ["run", "--to", "http://x", "a=true"], ["hub", "--listen", "here"]):
        ended = finish(start(*arguments))
        assert ended.status == 2, (arguments, ended)
        assert len(ended.err) > 10 and "terminate called" not in ended.err, (arguments, ended)


def test_help_is_no_error():
    ended = finish(start("run", "--help"))
    assert ended.status == 0 and "--until" in ended.out, ended


def test_until_stops_the_rest_and_gives_its_status():
    for command, status in (("exit 0", 0), ("exit 5", 5)):
        ended = run("--until", "client", "server=sleep 300", f"client={command}")
        assert ended.status == status, ended


def test_ctrl_c_ends_the_commands_and_what_they_have_started():
    mark = f"300.{secrets.randbelow(10**9):09d}"
    process = start("run", f"tree=sleep {mark} & (sleep {mark} & sleep {mark}) & sleep {mark}; true", f"other=sleep {mark}")
    until(lambda: len([pid for pid in processes_with(mark) if pid != process.pid]) >= 5, "the sleeping processes")
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert ended.status == 130, ended
    until(lambda: not processes_with(mark), "the end of the sleeping processes")
    assert "tree" in ended.err and "other" in ended.err, ended.err


def test_sigterm_is_passed_on_and_reported():
    process = start("run", "polite=trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == b"polite | ready\n"
    process.terminate()
    ended = finish(process)
    assert ended.status == 143 and ended.out == "polite | bye\n", ended


STUBBORN = "stubborn=trap '' TERM INT; echo ready; while :; do sleep 0.05; done"


def test_a_command_that_ignores_the_signals_is_killed_after_the_grace():
    process = start("run", "--grace", "300ms", STUBBORN)
    process.stdout.readline()
    began = time.monotonic()
    process.terminate()
    ended = finish(process)
    assert ended.status == 143 and 0.25 < time.monotonic() - began < 20, ended
    assert "signal 9" in ended.err, ended.err


def test_the_second_ctrl_c_kills_at_once():
    process = start("run", "--grace", "300s", STUBBORN)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130


def test_a_process_that_keeps_the_output_open_does_not_keep_us():
    mark = f"300.{secrets.randbelow(10**9):09d}"
    began = time.monotonic()
    process = start("run", "--drain", "200ms", f"parent=setsid sleep {mark} & echo done")
    try:
        ended = finish(process)
        assert ended.status == 0 and ended.out == "parent | done\n", ended
        assert time.monotonic() - began < 20
    finally:
        for pid in processes_with(mark):
            os.kill(pid, signal.SIGKILL)


def test_a_reader_that_has_stopped_reading_cannot_stop_ctrl_c():
    process = start("run", "--grace", "300ms", "--drain", "300ms", "--flush", "300ms", "flood=yes", stderr=subprocess.DEVNULL)
    assert process.stdout.read(10) == b"flood | y\n"
    time.sleep(0.5)  # everything between the command and us is full now
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.stdout.close()


def test_a_reader_that_has_gone_is_no_crash():
    process = start("run", "-q", "some=seq 100000")
    process.stdout.read(10)
    process.stdout.close()
    process.stdout = None
    assert finish(process).status >= 0


# ---- hubs ----

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_hub_that_comes_later_gets_everything():
    port = free_port()
    process = start("run", "--to", f"ws://127.0.0.1:{port}/x", "-o", "json", "a=seq 1000; sleep 1; seq 1001 2000")
    assert b"started" in process.stdout.readline()
    with Hub("-o", "json", port=port) as hub:
        ended = finish(process)
        assert ended.status == 0, ended
        got = records(hub.stop().out)
    assert [each["msg"] for each in got if each["fd"] == 1] == [str(number) for number in range(1, 2001)]
    assert len([line for line in ended.err.splitlines() if "no connection" in line]) == 1, ended.err


def test_without_a_hub_the_commands_run_and_the_end_does_not_wait_for_ever():
    began = time.monotonic()
    ended = run("--to", f"ws://127.0.0.1:{free_port()}/x", "--flush", "300ms", "a=echo hello")
    assert ended.status == 0 and ended.out == "a | hello\n" and time.monotonic() - began < 20, ended
    ended = run("--to", f"ws://127.0.0.1:{free_port()}/x", "--flush", "300ms", "--require-hub", "a=echo hello")
    assert ended.status == 4, ended


def test_the_hub_comes_first_and_the_commands_after_it():
    with Hub() as hub:
        assert run("--to", hub.url, "--agent", "me", "-c", "X=1 printenv X", "-c", "echo two", "b=echo three").status == 0
        ended = hub.stop()
    lines = sorted(each.split(" | ")[1] for each in ended.out.splitlines() if " | " in each)
    assert lines == ["1", "three", "two"], ended.out


def test_two_hubs_get_everything_each():
    with Hub("-o", "json") as first, Hub("-o", "json") as second:
        assert run("--to", f"{first.url},{second.url}", "a=seq 5000").status == 0
        for hub in (first, second):
            got = [each["msg"] for each in records(hub.stop().out) if each["fd"] == 1]
            assert got == [str(number) for number in range(1, 5001)], len(got)


def test_what_does_not_fit_into_the_memory_is_counted_as_a_gap():
    port = free_port()
    count = 400_000
    process = start("run", "--to", f"ws://127.0.0.1:{port}/x", f"a=seq -f '%.0f xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' {count}; sleep 2",
                    stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    with Hub("-o", "json", port=port) as hub:
        assert finish(process).status == 0
        got = records(hub.stop().out)
    gap, rest = got[0], got[1:]
    assert "lost" in gap["msg"], gap
    lost = int(re.search(r"lost (\d+)", gap["msg"])[1])
    assert [each["seq"] for each in rest] == list(range(lost + 1, lost + 1 + len(rest)))
    assert lost + len(rest) == count + 2, (lost, len(rest))


def test_two_programs_with_the_same_names_lose_nothing():
    with Hub("-o", "json") as hub:
        agents = [start("run", "--to", hub.url, "--agent", "same", "-q", f"a=seq {first} {first + 4999}; sleep 1")
                  for first in (1, 5001)]
        for process in agents:
            assert finish(process).status == 0
        got = lines_of(hub.stop().out)
    assert sorted(int(each["msg"]) for each in got) == list(range(1, 10001)), len(got)
    numbers = collections.defaultdict(list)
    for each in got:
        numbers[each["src"]].append(int(each["msg"]))
    assert len(numbers) == 2 and all(each == sorted(each) for each in numbers.values()), list(numbers)


def test_a_port_in_use_is_explained():
    with Hub() as hub:
        ended = finish(start("hub", "--listen", f"127.0.0.1:{hub.port}"))
        assert ended.status == 1 and str(hub.port) in ended.err, ended
        assert os.strerror(errno.EADDRINUSE).lower() in ended.err.lower(), ended


def line(seq, msg="text", **more):
    return {"sid": 1, "seq": seq, "ts": 1, "fd": 1, "msg": msg, **more}


def test_the_hub_acknowledges_and_ignores_what_it_has():
    with Hub() as hub, WebSocket(hub.port) as agent:
        assert agent.status == 101
        agent.hello()
        agent.send({"t": "src", "sid": 1, "name": "web"})
        agent.send({"t": "log", "r": [line(1, "one"), line(2, "two")]})
        assert agent.receive() == {"t": "ack", "a": {"1": 2}}
        agent.send({"t": "log", "r": [line(2, "two"), line(3, "three")]})
        assert agent.receive() == {"t": "ack", "a": {"1": 3}}
        agent.send({"t": "bye"})
        assert hub.stop().out.splitlines() == ["web@tester | one", "web@tester | two", "web@tester | three"]


BAD_FRAMES = {
    "no JSON": b"{nonsense",
    "an array": b"[]",
    "a number": b"1",
    "an unknown type": {"t": "dance"},
    "a type that is no text": {"t": 5},
    "a log without records": {"t": "log"},
    "records that are no list": {"t": "log", "r": 7},
    "records that are no objects": {"t": "log", "r": [7]},
    "a source that was not declared": {"t": "log", "r": [{**line(1), "sid": 9}]},
    "a text that is a number": {"t": "log", "r": [{**line(1), "msg": 5}]},
    "a descriptor that does not exist": {"t": "log", "r": [{**line(1), "fd": 3}]},
    "a negative number": {"t": "log", "r": [line(-1)]},
    "flags that are no list of texts": {"t": "log", "r": [line(1, fl=[5])]},
    "a gap that ends before it begins": {"t": "gap", "sid": 1, "from": 5, "to": 1},
}


def test_bad_frames_end_their_connection_with_4010_and_no_other():
    with Hub("-o", "json") as hub, WebSocket(hub.port) as good:
        good.hello("good")
        good.send({"t": "src", "sid": 1, "name": "web"})
        wrong = []
        for what, frame in BAD_FRAMES.items():
            with WebSocket(hub.port) as bad:
                bad.hello("bad")
                bad.send({"t": "src", "sid": 1, "name": "web"})
                bad.send(frame)
                answer = bad.receive()
                if isinstance(answer, tuple) or answer.get("t") != "err" or bad.receive() != ("close", 4010):
                    wrong.append((what, answer))
        assert not wrong, wrong
        good.send({"t": "log", "r": [line(1)]})
        assert good.receive() == {"t": "ack", "a": {"1": 1}}
        assert [each["src"] for each in records(hub.stop().out)] == ["web@good"]


def test_a_bad_first_frame_and_a_wrong_subprotocol_are_refused():
    with Hub() as hub:
        for first in ({"t": "log", "r": []}, {"t": "hello", "role": "king"}, {"t": "hello", "role": "agent", "agent": 5}, b"[1]"):
            with WebSocket(hub.port) as bad:
                bad.send(first)
                assert bad.receive()["t"] == "err", first
                assert bad.receive() == ("close", 4010), first
        with WebSocket(hub.port) as bad:
            bad.send(b"\x00\x01", opcode=2)
            bad.receive()
        for offer in ("chat", None):
            with WebSocket(hub.port, offer) as bad:
                refused = bad.status != 101
                while not refused:
                    answer = bad.receive()
                    refused = isinstance(answer, tuple)
        with socket.create_connection(("127.0.0.1", hub.port)) as silent:
            silent.sendall(b"nonsense\r\n\r\n")
            assert run("--to", hub.url, "-q", "a=echo hello").status == 0
        ended = hub.stop()
        assert ended.status == 0 and "a@" in ended.out, ended


def test_a_hub_that_is_stopped_tells_its_agents_1001_and_ends_with_0():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Hub() as hub, WebSocket(hub.port) as agent:
            agent.hello()
            hub.process.send_signal(number)
            assert agent.receive() == ("close", 1001)
            agent.send(struct.pack("!H", 1001), opcode=8)
            ended = finish(hub.process)
            assert ended.status == 0, ended


def test_names_and_texts_from_the_network_cannot_control_the_terminal():
    with Hub() as hub, WebSocket(hub.port) as agent:
        agent.hello("evil\x1b]0;title\x07\n")
        agent.send({"t": "src", "sid": 1, "name": "w\neb\x1b[2J"})
        agent.send({"t": "log", "r": [line(1, "text\nweb@other | forged\x1b[2J")]})
        assert agent.receive()["t"] == "ack"
        ended = hub.stop()
        assert len(ended.out.splitlines()) == 1 and "\x1b]" not in ended.out and "\x1b[2J" not in ended.out, ended.out
        assert "\x1b" not in ended.err, ended.err


def give_up(*_):
    raise TimeoutError(f"the test did not end within {2 * PATIENCE} s")


def main():
    signal.signal(signal.SIGALRM, give_up)
    words = sys.argv[2:]
    passed, failed = 0, []
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not all(word in name for word in words):
            continue
        sentence = name[len("test_"):].replace("_", " ")
        signal.setitimer(signal.ITIMER_REAL, 2 * PATIENCE)
        try:
            test()
            passed += 1
        except Exception:
            failed.append(sentence)
            print(f"FAILED {sentence}\n{traceback.format_exc(limit=-3)}", flush=True)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
