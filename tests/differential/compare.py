# SPDX-License-Identifier: BSL-1.0
# differential/compare.py <program> [word...]: runs the scenarios under asyncio and under aioxx, the program,
# and compares the traces line by line. With words: only scenarios whose names contain one of them.
#
# differences.txt lists the differences that are meant. Each has the name of a scenario, a reason and the
# whole trace of aioxx; an entry that does not describe a difference any more is an error, like a difference
# that has no entry. "python:" restricts an entry to versions of Python, as in "python: < 3.13": with the
# others the traces have to be equal. An entry may have several names, and "*" in them for anything.

import fnmatch
import itertools
import operator
import os
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
SKIPPED = "skipped: "
COMPARISONS = {"<": operator.lt, ">=": operator.ge}


def sections(lines):
    """Yields the name and the lines of each part that begins with "== name"."""
    name, body = None, []
    for line in lines:
        if line.startswith("== "):
            if name is not None:
                yield name, body
            name, body = line.removeprefix("== "), []
        elif name is not None:
            body.append(line)
    if name is not None:
        yield name, body


def traces_of(command):
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=100, env=environment)
    traces = {}
    for name, body in sections(ended.stdout.splitlines()):
        if name in traces:
            sys.exit(f"{name}: there are two scenarios of this name in {command}")
        traces[name] = body
    if ended.returncode != 0:
        last = list(traces)[-1] if traces else "the first scenario"
        sys.exit(f"{command} ended with {ended.returncode} in {last}")
    return traces


def applies(condition):
    sign, version = condition.split()
    return COMPARISONS[sign](sys.version_info[:3], tuple(map(int, version.split("."))))


def read_differences(file):
    """Yields of each entry its names, the trace of aioxx, and whether it applies to this version of Python."""
    lines = file.read_text().splitlines()
    for name, body in sections(line for line in lines if line and not line.startswith("#")):
        fields = [line for line in body if line.startswith(("reason:", "python:", "  "))]
        if not fields or not fields[0].startswith("reason:"):
            sys.exit(f"differences.txt: {name} has no reason")
        conditions = [line.removeprefix("python:").strip() for line in fields if line.startswith("python:")]
        yield name.split(), [line for line in body if line not in fields], all(map(applies, conditions))


def expected_differences(file, scenarios):
    """Returns the expected trace of aioxx by the scenario's name, and the names in the file that no scenario has."""
    expected, listed, unknown = {}, set(), []
    for patterns, trace, applying in read_differences(file):
        for pattern in patterns:
            names = fnmatch.filter(scenarios, pattern)
            if not names:
                unknown.append(pattern)
            for name in names:
                if name in listed:
                    sys.exit(f"differences.txt: {name} has two entries")
                listed.add(name)
                if applying:
                    expected[name] = trace
    return expected, unknown


def beside_each_other(asyncio_trace, aioxx_trace):
    width = max(map(len, [*asyncio_trace, "asyncio"]))
    rows = [f"    {'asyncio':{width}}   aioxx"]
    for left, right in itertools.zip_longest(asyncio_trace, aioxx_trace, fillvalue=""):
        rows.append(f"  {' ' if left == right else '!'} {left:{width}} | {right}")
    return "\n".join(rows)


def compare(name, asyncio_trace, aioxx_trace, expected):
    """Returns what is wrong, or nothing."""
    if asyncio_trace is None or aioxx_trace is None:
        return f"{name}: exists only for " + ("aioxx" if asyncio_trace is None else "asyncio")
    if asyncio_trace == aioxx_trace:
        if expected is None:
            return None
        return f"{name}: does not differ any more, differences.txt says that it does"
    beside = beside_each_other(asyncio_trace, aioxx_trace)
    if expected is None:
        return f"{name}: the traces differ\n{beside}"
    if aioxx_trace != expected:
        wanted = "\n".join("      " + line for line in expected)
        return f"{name}: differs, but not as differences.txt says\n{beside}\n    expected of aioxx\n{wanted}"
    return None


def report(of_asyncio, of_aioxx, file, words):
    """Prints what is wrong, and exits."""
    names = sorted({*of_asyncio, *of_aioxx})
    expected, unknown = expected_differences(file, names)
    problems, skipped = [], 0
    for name in names:
        if name in of_aioxx and "".join(of_asyncio.get(name, [])).startswith(SKIPPED):
            skipped += 1
            continue
        if problem := compare(name, of_asyncio.get(name), of_aioxx.get(name), expected.get(name)):
            problems.append(problem)
    if not words:
        problems += [f"{name}: is in differences.txt, but there is no such scenario" for name in unknown]
    print(*problems, sep="\n\n")
    version = sys.version.split()[0]
    print(
        f"\nPython {version}: {len(names)} scenarios, {len(expected)} deliberate differences, "
        f"{skipped} skipped for a newer Python, {len(problems)} problems"
    )
    if not names:
        sys.exit("no scenario was run")
    sys.exit(1 if problems else 0)


def main(program, *words):
    of_asyncio = traces_of([sys.executable, str(FOLDER / "scenarios.py"), *words])
    of_aioxx = traces_of([program, *words])
    report(of_asyncio, of_aioxx, FOLDER / "differences.txt", words)


if __name__ == "__main__":
    main(*sys.argv[1:])
