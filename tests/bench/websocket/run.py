#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0

"""tests/bench/websocket/run.py: tables of WebSocket servers against the limit, websocket_echo_epoll.

    run.py --bin DIRECTORY [cpu | allocations | memory | instructions | all] [--rounds N] [--seconds S] [--only NAME,...]

The programs take turns in every round, each in a fresh process. Figures are CPU time of the server for a message: the
limit's over the program's, taken within a round; the median is printed, and half the distance between the quartiles.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile

LIMIT = "websocket_echo_epoll"
# name, connections, bytes, one way
CELLS = [(f"echo {name} x{connections}", connections, size, False)
         for name, size in (("125 B", 125), ("16 KiB", 16384)) for connections in (1, 10, 100)]
CELLS += [(f"one way {name}", 1, size, True) for name, size in (("128 B", 128), ("32 KiB", 32768))]


def programs(options):
    found = sorted(path.name for path in options.bin.glob("websocket_echo_*") if os.access(path, os.X_OK))
    return [LIMIT] + [name for name in found if name != LIMIT and (not options.only or name in options.only)]


def pinned_to(cpu):
    wanted = {cpu} & os.sched_getaffinity(0) or os.sched_getaffinity(0)
    return lambda: os.sched_setaffinity(0, wanted)


@contextlib.contextmanager
def server(options, name, one_way=False, env=None, wrapper=()):
    environment = {**os.environ, **(env or {})}
    if one_way:
        environment["AIOXX_BENCH_SINK"] = "1"
    process = subprocess.Popen([*wrapper, str(options.bin / name), "--port", "0"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, preexec_fn=pinned_to(0), env=environment)
    try:
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != "port":
            sys.exit(f"{name}: its first line is {' '.join(words)!r} instead of 'port N'")
        yield process, int(words[1])
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def load(options, port, **arguments):
    words = [str(options.bin / "websocket_load"), "--port", str(port)]
    for name, value in arguments.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, preexec_fn=pinned_to(1), timeout=120)
    if done.returncode != 0:
        sys.exit(f"the load failed: {' '.join(words)}")
    return json.loads(done.stdout)


def measure(options, name, connections, size, one_way, **arguments):
    env = arguments.pop("env", None)
    with server(options, name, one_way, env) as (process, port):
        figures = load(options, port, server=process.pid, connections=connections, size=size, one_way=int(one_way),
                       seconds=options.seconds, **arguments)
    if figures["messages"] == 0:
        sys.exit(f"{name}: no message; give more --seconds")
    return figures


def spread(values):
    if len(values) < 4:
        return (max(values) - min(values)) / 2
    quartiles = statistics.quantiles(values, n=4)
    return (quartiles[2] - quartiles[0]) / 2


def print_row(cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def cpu(options):
    """CPU time of a message."""
    names = programs(options)
    print_row(["ratio of CPU time", *names])
    print_row(["---"] * (1 + len(names)))
    for cell, connections, size, one_way in options.cells:
        rounds = collections.defaultdict(list)
        for turn in range(options.rounds):
            start = turn % len(names)
            for name in names[start:] + names[:start]:
                figures = measure(options, name, connections, size, one_way)
                rounds[name].append(figures["server_cpu"] / figures["messages"] * 1e9)
        row = [cell, f"{statistics.median(rounds[LIMIT]):,.0f} ns"]
        for name in names[1:]:
            ratios = [theirs / ours for ours, theirs in zip(rounds[name], rounds[LIMIT])]
            row.append(f"{statistics.median(ratios):.2f} ±{spread(ratios):.2f} ({statistics.median(rounds[name]):,.0f} ns)")
        print_row(row)
    print()


def allocations(options):
    """Heap allocations of a message in the steady state."""
    names = [name for name in programs(options) if "node" not in name]
    print_row(["allocations", *names])
    print_row(["---"] * (1 + len(names)))
    for cell, connections, size, one_way in options.cells:
        row = [cell]
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                counter = os.path.join(folder, "counter")
                env = {"LD_PRELOAD": str(options.preload), "AIOXX_ALLOCATION_COUNTER": counter}
                figures = measure(options, name, connections, size, one_way, env=env, counter=counter)
            row.append(f"{figures['allocations'] / figures['messages']:.4f}")
        print_row(row)
    print()


def anonymous_memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return 1024 * int(re.search(r"Anonymous:\s+(\d+)", rollup.read())[1])


def open_websocket(port):
    """A connection that has said something once."""
    opened = socket.create_connection(("127.0.0.1", port))
    opened.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
                   b"Origin: http://localhost\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += opened.recv(4096)
    opened.sendall(b"\x82\x85\0\0\0\0hello")
    if opened.recv(100) != b"\x82\x05hello":
        sys.exit("something else came back than was sent")
    return opened


def memory(options):
    """Memory that an idle connection keeps resident."""
    names = programs(options)
    counts = (1_000, 5_000)
    row = ["bytes an idle connection"]
    print_row(["memory", *names])
    print_row(["---"] * (1 + len(names)))
    for name in names:
        with server(options, name) as (process, port):
            clients = [open_websocket(port) for _ in range(counts[0])]
            before = anonymous_memory(process.pid)
            clients += [open_websocket(port) for _ in range(counts[1] - counts[0])]
            row.append(f"{(anonymous_memory(process.pid) - before) / (counts[1] - counts[0]):,.0f}")
            for client in clients:
                client.close()
    print_row(row)
    print()


def instructions(options):
    """Instructions in user space of a message, by callgrind: the difference of two counts."""
    names = [name for name in programs(options) if "node" not in name]
    print_row(["instructions", *names])
    print_row(["---"] * (1 + len(names)))
    for cell, connections, size, one_way in options.cells:
        row = [cell]
        for name in names:
            few, many = (count_instructions(options, name, connections, size, one_way, seconds) for seconds in (1, 4))
            row.append(f"{(many[0] - few[0]) / (many[1] - few[1]):,.0f}")
        print_row(row)
    print()


def count_instructions(options, name, connections, size, one_way, seconds):
    with tempfile.NamedTemporaryFile("r") as report:
        wrapper = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={report.name}"]
        with server(options, name, one_way, wrapper=wrapper) as (_, port):
            figures = load(options, port, connections=connections, size=size, one_way=int(one_way), seconds=seconds)
        return int(re.search(r"Collected : (\d+)", report.read())[1]), figures["messages"] * 1.25


def main():
    tables = {table.__name__: table for table in (cpu, allocations, memory, instructions)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=[*tables, "all"], nargs="?", default="cpu")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build-bench/tests/bench/websocket"))
    parser.add_argument("--preload", type=pathlib.Path, help="libcount_allocations.so; beside the programs' directory")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--cells", default="", help="a regular expression")
    options = parser.parse_args()
    options.preload = (options.preload or options.bin.parent / "libcount_allocations.so").resolve()
    options.cells = [cell for cell in CELLS if re.search(options.cells, cell[0])]
    for name, table in tables.items():
        if options.table in (name, "all"):
            table(options)


if __name__ == "__main__":
    main()
