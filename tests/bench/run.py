#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0

"""tests/bench/run.py: runs the benchmark programs and prints tables of ratios to the limit.

The programs are found by their names in the build directory (echo_*, lines_*, micro), so that a new one needs
its line in CMakeLists.txt and none here. The standard library of Python is all that is needed; `syscalls`
needs strace and `instructions` valgrind.
"""

import argparse
import collections
import contextlib
import itertools
import json
import mmap
import os
import pathlib
import platform
import re
import resource
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

LIMITS = {"echo": "echo_epoll", "lines": "lines_read"}


# ---- programs ----

def programs(options, family):
    """The programs of a family, the limit first; --only picks some of them, and the limit always."""
    helpers = {"lines_feed"}
    found = sorted(path.name for path in options.bin.glob(family + "_*")
                   if os.access(path, os.X_OK) and path.is_file() and path.name not in helpers)
    limit = LIMITS[family]
    others = [name for name in found if name != limit and (not options.only or name in options.only)]
    unknown = set(options.only) - set(found)
    if unknown:
        sys.exit(f"--only: no program {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    return [limit, *others]


def pinned_to(cpu):
    available = os.sched_getaffinity(0)
    wanted = {cpu} & available or available
    return lambda: os.sched_setaffinity(0, wanted)


@contextlib.contextmanager
def server(options, name, cpu=0, wrapper=(), env=None, stderr=None):
    """Starts a server; gives its process and port. It ends with its standard input."""
    process = subprocess.Popen([*wrapper, str(options.bin / name), "--port", "0"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=stderr, text=True, preexec_fn=pinned_to(cpu),
                               env={**os.environ, **(env or {})})
    try:
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != "port":
            sys.exit(f"{name}: its first line is {' '.join(words)!r} instead of 'port N'")
        yield process, int(words[1])
        if process.poll() is not None:
            sys.exit(f"{name}: ended before its time with status {process.returncode}")
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            sys.exit(f"{name}: does not end with its standard input")


def load(options, port, cpu=1, **arguments):
    """Runs the load to its end; gives its figures. Connections that break or lie end the benchmark."""
    words = [str(options.bin / "load"), "--port", str(port)]
    for name, value in arguments.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, preexec_fn=pinned_to(cpu))
    if done.returncode != 0:
        sys.exit(f"the load failed: {' '.join(words)}")
    return json.loads(done.stdout)


# ---- words and numbers ----

def size_name(size):
    for unit, name in ((1 << 20, " MiB"), (1 << 10, " KiB")):
        if size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size} B"


def number_list(text):
    return [int(part) for part in text.split(",")]


def rotations(items, rounds):
    """Every round in another order, so that nobody profits from a place in the row."""
    for turn in range(rounds):
        start = turn % len(items)
        yield items[start:] + items[:start]


def spread(values):
    """Half the distance between the quartiles."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2
    quartiles = statistics.quantiles(values, n=4)
    return (quartiles[2] - quartiles[0]) / 2


def print_row(cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def print_table(header, rows):
    print_row(header)
    print_row(["---"] * len(header))
    for row in rows:
        print_row(row)
    print()


def print_machine(options):
    build = subprocess.run([str(options.bin / "build_info")], stdout=subprocess.PIPE, text=True, check=True)
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; "
          f"{build.stdout.strip()}\n")


class progress:
    """One line on the terminal that says how far a table is."""

    def __init__(self, total):
        self.done, self.total = 0, total

    def step(self, what):
        self.done += 1
        if sys.stderr.isatty():
            print(f"\r\033[K{self.done}/{self.total} {what}", end="", file=sys.stderr, flush=True)
            if self.done == self.total:
                print("\r\033[K", end="", file=sys.stderr, flush=True)


# ---- tables ----

def echo(options):
    """Throughput and CPU time of a message against the limit."""
    names = programs(options, "echo")
    layouts = {"two": [("", 0, 1)], "one": [(" one CPU", 0, 0)], "both": [("", 0, 1), (" one CPU", 0, 0)]}
    cells = list(itertools.product(options.sizes, options.connections, layouts[options.cpus]))
    shown = progress(len(cells) * options.rounds * len(names))
    rows, idle = [], []
    for size, connections, (layout, server_cpu, load_cpu) in cells:
        cell = f"{size_name(size)} x{connections}{layout}"
        rounds = collections.defaultdict(list)
        for order in rotations(names, options.rounds):
            for name in order:
                with server(options, name, server_cpu) as (process, port):
                    figures = load(options, port, load_cpu, connections=connections, size=size,
                                   server=process.pid, seconds=options.seconds)
                if figures["messages"] == 0:
                    sys.exit(f"{name} {cell}: no message in {options.seconds} s; give more --seconds")
                rounds[name].append((figures["messages"] / figures["time_ns"],
                                     figures["server_cpu_ns"] / figures["messages"]))
                if not layout:
                    idle.append((1 - figures["load_cpu_ns"] / figures["time_ns"], cell))
                shown.step(f"{name} {cell}")
        limit = rounds[names[0]]
        row = [cell, f"{statistics.median(rate for rate, _ in limit) * 1e6:,.1f}/ms, "
                     f"{statistics.median(cpu for _, cpu in limit) / 1e3:,.2f} us"]
        for name in names[1:]:
            pairs = list(zip(rounds[name], limit))
            throughput = [ours[0] / theirs[0] for ours, theirs in pairs]
            cpu = [theirs[1] / ours[1] for ours, theirs in pairs]
            row.append(f"{statistics.median(throughput):.2f} ±{spread(throughput):.2f} "
                       f"({statistics.median(cpu):.2f} ±{spread(cpu):.2f})")
        rows.append(row)
    print("Echo. The limit: messages per ms, CPU time of the server a message. The others: ratio to it of\n"
          "the throughput (of the CPU time), ± half the distance between the quartiles of the rounds\n")
    print_table(["cell", *names], rows)
    if idle and min(idle)[0] < 0.10:
        busy = {cell: None for share, cell in idle if share < 0.10}
        print(f"The load was idle for less than 10 % in {', '.join(busy)}:\n"
              "there only the CPU time says something\n")


def lines(options):
    """Lines of 100 bytes through a pipe and a socket pair."""
    names = programs(options, "lines")
    rows = collections.defaultdict(list)
    roads = {"pipe": make_pipe, "socket pair": make_socket_pair}
    for make in roads.values():
        rounds = collections.defaultdict(list)
        for order in rotations(names, options.rounds):
            for name in order:
                rounds[name].append(read_lines(options, name, make))
        for name in names:
            pairs = list(zip(rounds[name], rounds[names[0]]))
            rate = statistics.median(theirs["time_ns"] / ours["time_ns"] for ours, theirs in pairs)
            cpu = statistics.median(theirs["cpu_ns"] / ours["cpu_ns"] for ours, theirs in pairs)
            nanoseconds = statistics.median(ours["cpu_ns"] for ours, _ in pairs) / options.lines
            rows[name].append(f"{rate:.2f} ({cpu:.2f}), {nanoseconds:.0f} ns")
    print("Ratio to the limit: throughput (CPU time of the reader a line), and that time\n")
    print_table(["program", *roads], [[name, *rows[name]] for name in names])


def make_pipe():
    return os.pipe()


def make_socket_pair():
    return tuple(end.detach() for end in socket.socketpair())


def read_lines(options, name, make):
    reading, writing = make()
    reader = subprocess.Popen([str(options.bin / name)], stdin=reading, stdout=subprocess.PIPE, text=True,
                              preexec_fn=pinned_to(0))
    feed = subprocess.Popen([str(options.bin / "lines_feed"), str(options.lines)], stdout=writing,
                            preexec_fn=pinned_to(1))
    os.close(reading)
    os.close(writing)
    figures = json.loads(reader.communicate()[0])
    if feed.wait() != 0 or figures["lines"] != options.lines or figures["bytes"] != options.lines * 99:
        sys.exit(f"{name}: read {figures} of {options.lines} lines")
    return figures


def micro(options):
    """Coroutines: nanoseconds an operation."""
    print("Ratio to the hand-written limit, and CPU time an operation\n")
    sys.stdout.flush()
    subprocess.run([str(options.bin / "micro"), "--rounds", str(options.rounds)], check=True,
                   preexec_fn=pinned_to(0))
    print()


def syscalls(options):
    """System calls a message, by kind: of a client that never pauses, and of one that does."""
    if shutil.which("strace") is None:
        sys.exit("syscalls: strace is not installed")
    rows = []
    for name in programs(options, "echo"):
        row = [name]
        for size, pause in itertools.product(options.sizes, (0, 1000)):
            few, many = (count_calls(options, name, size, pause, count)
                         for count in (options.messages // 10, options.messages + options.messages // 10))
            calls = {kind: (many[kind] - few[kind]) / options.messages for kind in many}
            shown = sorted((item for item in calls.items() if item[1] >= 0.005), key=lambda item: -item[1])
            kinds = ", ".join(f"{kind} {value:.2f}" for kind, value in shown)
            row.append(f"**{sum(calls.values()):.2f}** {kinds}")
        rows.append(row)
    header = [f"{size_name(size)}, {pause}" for size, pause in
              itertools.product(options.sizes, ("no pause", "1 ms pauses"))]
    print("System calls a message on one connection\n")
    print_table(["program", *header], rows)


def count_calls(options, name, size, pause, count):
    """All calls of a server's life. What start and end cost falls out of the difference of two counts."""
    with tempfile.NamedTemporaryFile("r") as report:
        wrapper = ["strace", "-f", "-c", "-U", "name,calls", "-o", report.name]
        with server(options, name, wrapper=wrapper) as (_, port):
            load(options, port, size=size, pause_us=pause, warmup_messages=0, messages=count)
        calls = collections.Counter()
        for line in report:
            words = line.split()
            if len(words) == 2 and words[1].isdigit() and words[0] != "total":
                calls[words[0]] = int(words[1])
        return calls


def allocations(options):
    """Heap allocations a message in the steady state."""
    cells = list(itertools.product(options.sizes, options.connections))
    rows = []
    for name in programs(options, "echo"):
        row = [name]
        for size, connections in cells:
            with tempfile.TemporaryDirectory() as folder:
                counter = os.path.join(folder, "counter")
                env = {"LD_PRELOAD": str(options.bin / "libcount_allocations.so"),
                       "AIOXX_ALLOCATION_COUNTER": counter}
                with server(options, name, env=env) as (_, port):
                    if allocations_so_far(counter) == 0:
                        sys.exit(f"{name}: no allocation was counted at its start: is it linked statically?")
                    figures = load(options, port, size=size, connections=connections, counter=counter,
                                   warmup_messages=1000 + 10 * connections, messages=options.messages)
            row.append(f"{figures['allocations'] / figures['messages']:.4f}")
        rows.append(row)
    print(f"Heap allocations a message over {options.messages} messages in the steady state\n")
    print_table(["program", *(f"{size_name(size)} x{connections}" for size, connections in cells)], rows)


def allocations_so_far(counter):
    with open(counter, "rb") as file, mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as memory:
        return struct.unpack("Q", memory)[0]


def instructions(options):
    """Instructions in user space an operation, by callgrind: the figure that noise does not reach."""
    if shutil.which("valgrind") is None:
        sys.exit("instructions: valgrind is not installed")
    rows = []
    for name in programs(options, "echo"):
        row = [name]
        for size, connections in itertools.product(options.sizes, options.connections):
            few, many = (echo_instructions(options, name, size, connections, count)
                         for count in (options.messages, 3 * options.messages))
            row.append(f"{(many - few) / (2 * options.messages):,.0f}")
        rows.append(row)
    print("Instructions in user space a message (the kernel's share, the larger one, is not in it)\n")
    print_table(["program", *(f"{size_name(size)} x{connections}" for size, connections in
                              itertools.product(options.sizes, options.connections))], rows)
    listed = subprocess.run([str(options.bin / "micro"), "--list"], stdout=subprocess.PIPE, text=True,
                            check=True)
    figures = collections.defaultdict(dict)
    for line in listed.stdout.splitlines():
        library, operation = line.split()
        count = 20 if operation == "gather1000" else 2000
        few, many = (micro_instructions(options, library, operation, times * count) for times in (1, 2))
        figures[operation][library] = (many - few) / count
    print("Instructions an operation: ratio to the hand-written limit, and number\n")
    libraries = list(next(iter(figures.values())))
    print_table(["operation", *libraries],
                [[operation, *(f"{of['raw'] / of[library]:.2f}, {of[library]:,.0f}" for library in libraries)]
                 for operation, of in figures.items()])


CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def collected(report):
    found = re.search(r"Collected : (\d+)", report)
    if found is None:
        sys.exit(f"callgrind printed no total:\n{report}")
    return int(found.group(1))


def echo_instructions(options, name, size, connections, count):
    with tempfile.TemporaryFile("w+") as report:
        with server(options, name, wrapper=CALLGRIND, stderr=report) as (_, port):
            load(options, port, size=size, connections=connections, warmup_messages=0, messages=count)
        report.seek(0)
        return collected(report.read())


def micro_instructions(options, library, operation, count):
    done = subprocess.run([*CALLGRIND, str(options.bin / "micro"), "--one", library, operation, str(count)],
                          capture_output=True, text=True, check=True)
    return collected(done.stderr)


def memory(options):
    """Resident anonymous memory of an idle connection, which sent one message before."""
    few, many = 100, options.idle
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < many + few + 100:
        sys.exit(f"memory: {many} connections need a higher limit of descriptors than {hard}")
    rows = []
    for name in programs(options, "echo"):
        with server(options, name) as (process, port):
            connections = []
            open_idle(connections, few, port)
            before = resident(process.pid)
            open_idle(connections, many, port)
            rows.append([name, f"{(resident(process.pid) - before) / many:,.0f}"])
            for connection in connections:
                connection.close()
    print(f"Resident bytes in user space of an idle connection, mean of {many}\n")
    print_table(["program", "bytes"], rows)


def open_idle(connections, count, port):
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(b"x" * 64)
        echoed = b""
        while len(echoed) < 64:
            echoed += connection.recv(64)
        connections.append(connection)
    time.sleep(0.05)  # the last connection's bookkeeping; a few bytes among many connections


def resident(process):
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1)) * 1024


# ---- command line ----

def main():
    commands = {"echo": echo, "lines": lines, "micro": micro, "syscalls": syscalls,
                "allocations": allocations, "instructions": instructions, "memory": memory}
    defaults = {"echo": {"sizes": [64, 1024, 16384, 1 << 20], "connections": [1, 10, 100], "rounds": 7},
                "lines": {"rounds": 7}, "micro": {"rounds": 15},
                "syscalls": {"sizes": [64, 16384], "messages": 2000},
                "allocations": {"sizes": [64, 16384, 1 << 20], "connections": [1, 100], "messages": 10000},
                "instructions": {"sizes": [64, 16384], "connections": [1, 10], "messages": 1000}}
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description="Benchmarks of aioxx: ratios to a limit of the same run.",
                                     epilog="tables: " + "; ".join(f"{name}: {run.__doc__.splitlines()[0]}"
                                                                   for name, run in commands.items()))
    parser.add_argument("tables", nargs="+", choices=[*commands, "all"])
    parser.add_argument("--bin", type=pathlib.Path, default=root / "build-bench/tests/bench",
                        help="where the programs are (%(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="PROGRAM",
                        help="this program beside the limit; may be repeated")
    parser.add_argument("--sizes", type=number_list, help="bytes of a message, separated by commas")
    parser.add_argument("--connections", type=number_list, help="separated by commas")
    parser.add_argument("--cpus", choices=["two", "one", "both"], default="both",
                        help="server and load on two CPUs, on one, or one after the other (%(default)s)")
    parser.add_argument("--rounds", type=int, help="of each cell")
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="of each measurement of echo (%(default)s)")
    parser.add_argument("--messages", type=int, help="of each count")
    parser.add_argument("--lines", type=int, default=3_000_000, help="of 100 bytes (%(default)s)")
    parser.add_argument("--idle", type=int, default=4000, help="connections of memory (%(default)s)")
    given = parser.parse_args()
    given.bin = given.bin.resolve()
    if not (given.bin / "build_info").exists():
        sys.exit(f"{given.bin}: no benchmarks here; build the target 'bench' and give its directory by --bin")
    print_machine(given)
    for table in commands if "all" in given.tables else given.tables:
        options = argparse.Namespace(**vars(given))
        for name, value in defaults.get(table, {}).items():
            if getattr(options, name) is None:
                setattr(options, name, value)
        commands[table](options)


if __name__ == "__main__":
    main()
