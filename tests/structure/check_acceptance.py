#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_acceptance.py: finds the promises of acceptance.txt that no test keeps.

    check_acceptance.py [--root DIR]     prints `ID: what is wrong` for each problem; exit 1 if there is one
    check_acceptance.py --tests ID...    lists where the tests of these promises are

Each promise has a test that names its id, or an entry in REASONS or OPEN, and never both. A TEST_CASE names ids
in its title or among its tags, a law of testing/check_*.hpp in its name. In a comment at a law, at a scenario of
tests/differential or at a test in Python they stand in brackets.
"""

import argparse
import pathlib
import re
import sys
from typing import Dict, Iterable, Iterator, List, NamedTuple

import check_structure

# ---- rules as data ---------------------------------------------------------------------------------------------

# The areas of acceptance.txt, and how many promises each has: nobody gets rid of one by deleting its line.
AREAS: Dict[str, int] = {
    "BE": 58,  # loop, connections and servers
    "EV": 37,  # end to end
    "FU": 14,  # futures
    "TK": 40,  # tasks
    "WF": 12,  # wait_for
    "TO": 15,  # timeouts
    "TG": 27,  # task groups
    "LK": 23,  # locks, events, conditions, semaphores, barriers
    "QU": 10,  # queues
    "RN": 6,  # runners
    "ST": 23,  # stream transports over sockets
    "DG": 9,  # datagrams
    "PI": 6,  # pipes
    "PR": 10,  # transports that complete their operations
    "SM": 20,  # streams
    "SV": 4,  # servers
    "TL": 21,  # TLS
    "SF": 3,  # sending files
    "SL": 4,  # sockets without transports
    "SP": 18,  # child processes
    "FC": 14,  # flow control and protocols
    "MI": 7,  # the rest
    # defects of others
    "T": 24,  # transports
    "S": 10,  # servers and connecting
    "K": 10,  # tasks
    "L": 4,  # locks and queues
    "R": 6,  # streams
    "P": 8,  # child processes
}

# The core of the library is never put off.
NEVER_OPEN = ["FU", "TK", "WF", "TO", "TG", "LK", "QU", "RN", "FC", "K", "L"]

# What has no test because there is nothing that a test could do.
READINESS = "transports wait until a descriptor is ready: no read or write of theirs is under way meanwhile"
REASONS: Dict[str, str] = {
    "BE003": "a port is a std::uint16_t; texts and service names do not compile",
    "BE007": "the worker pool belongs to its loop, another executor cannot be set",
    "BE027": "an interrupt cancels the main task (RN005) and never comes out of a callback",
    "BE033": "the system's own time-out is an error code like any other, see BE036",
    "BE042": "every supported system has SO_REUSEPORT; options that fail are tested in net/socket_options_test.cpp",
    "BE044": "the system reports the type of a socket without extra bits",
    "BE056": "a descriptor that is handed over is made non-blocking, debug mode or not",
    "BE058": "nothing is collected later: a generator that is dropped ends there and then",
    "FU010": "futures are not chained; who has an outcome delivers it to the future that is awaited",
    "FU013": "there is no such setter; whoever sets a result looks at done() first",
    "TK001": "the compiler knows what can be awaited: gather, wait and shield take each kind, and nothing else",
    "TK003": "frames cannot be looked into; where a task waits is in the task tree (MI006), its context is TK035",
    "TK037": "only the loop enters and leaves tasks",
    "FC013": "no cap can be configured: a protocol that ignores pause_writing answers for its memory",
    "ST021": "Asio wakes the loop with an eventfd, which is never full and never closed",
    "PR001": READINESS,
    "PR004": READINESS,
    "PR006": READINESS,
    "PR007": READINESS,
    "PR008": READINESS,
    "SP012": "output is bytes; there are no options of text mode",
}

# What waits for a feature; a key may be a range (TL001-TL021).
OPEN: Dict[str, str] = {}

# ---- reading ---------------------------------------------------------------------------------------------------

PROMISE = re.compile(r"([A-Z]{1,2})(\d+) (.+)")
ID = re.compile(r"\b((?:" + "|".join(prefix for prefix in AREAS if len(prefix) == 2) + r")\d{3}|[TSKLRP]\d{1,2})\b")
ID_IN_BRACKETS = re.compile(r"\[([A-Z]{1,2}\d{1,3})\]")  # also what is no id, to complain about it
TEST_CASE = re.compile(r'\b(?:TEMPLATE_)?TEST_CASE(?:_METHOD)?\s*\((.*?)\)\s*\{', re.DOTALL)
LITERAL = re.compile(r'"(?:\\.|[^"\\\n])*"')
NOT_RUN = re.compile(r"\[(?:\.[^\]]*|!mayfail|!shouldfail)\]")


class Problem(NamedTuple):
    id: str
    advice: str

    def __str__(self) -> str:
        return f"{self.id}: {self.advice}"


def id_of(prefix: str, number: int) -> str:
    return f"{prefix}{number:03d}" if len(prefix) == 2 else f"{prefix}{number}"


def expand(key: str) -> List[str]:
    """The ids of `TL001-TL021`, or the one of `TL001`."""
    first, _, last = key.partition("-")
    prefix = first.rstrip("0123456789")
    numbers = [int(text[len(prefix):]) for text in (first, last or first)]
    return [id_of(prefix, number) for number in range(numbers[0], numbers[1] + 1)]


def read_promises(text: str) -> Dict[str, str]:
    """The meaning of each id, in the order of the file."""
    promises = {}
    for line in text.splitlines():
        match = PROMISE.fullmatch(line)
        if match:
            promises[match.group(1) + match.group(2)] = match.group(3)
    return promises


def without_comments(text: str) -> str:
    """C++ with its comments blanked out; literals and line numbers stay."""
    return check_structure.COMMENT_OR_LITERAL.sub(
        lambda match: re.sub(r"[^\n]", " ", match.group()) if match.group()[0] == "/" else match.group(), text)


def find_tests(root: pathlib.Path) -> Dict[str, List[str]]:
    """The `file:line` of every test of an id."""
    places: Dict[str, List[str]] = {}

    def note(path: pathlib.Path, line: int, names: Iterable[str]) -> None:
        for name in names:
            places.setdefault(name, []).append(f"{path.relative_to(root)}:{line}")

    for path in sorted((root / "tests").rglob("*_test.cpp")):
        text = without_comments(path.read_text(encoding="utf-8"))
        for match in TEST_CASE.finditer(text):
            if not NOT_RUN.search(match.group(1)):
                names = dict.fromkeys(ID.findall(match.group(1)) + ID_IN_BRACKETS.findall(match.group(1)))
                note(path, text.count("\n", 0, match.start()) + 1, names)
    for path in sorted((root / "include/aioxx/testing").glob("check_*.hpp")):
        text = path.read_text(encoding="utf-8")
        for match in LITERAL.finditer(without_comments(text)):
            note(path, text.count("\n", 0, match.start()) + 1, ID.findall(match.group()))
    elsewhere = ["include/aioxx/testing/check_*.hpp", "tests/differential/**/*.[chp][py]*", "tests/**/*_test.py"]
    for path in sorted({path for pattern in elsewhere for path in root.glob(pattern)}):
        if path.parent.name == "structure":
            continue  # what tests the checkers
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            note(path, number, ID_IN_BRACKETS.findall(line))
    return places


# ---- checks ----------------------------------------------------------------------------------------------------


def check_promises(promises: Dict[str, str]) -> Iterator[Problem]:
    wanted = [id_of(prefix, number) for prefix, count in AREAS.items() for number in range(1, count + 1)]
    for missing in [name for name in wanted if name not in promises]:
        yield Problem(missing, "say in acceptance.txt what it promises")
    for unknown in [name for name in promises if name not in wanted]:
        yield Problem(unknown, "is in acceptance.txt, but not in AREAS")


def check_tests(promises: Dict[str, str], tests: Dict[str, List[str]], reasons: Dict[str, str],
                still_open: Dict[str, str]) -> Iterator[Problem]:
    excuses = {name: "REASONS" for name in reasons}
    for name in (name for key in still_open for name in expand(key)):
        if name in excuses:
            yield Problem(name, f"is in OPEN and in {excuses[name]}: one of them is enough")
        excuses[name] = "OPEN"
        if name.rstrip("0123456789") in NEVER_OPEN:
            yield Problem(name, "belongs to the core and is never put off: write its test")
    for name, where in excuses.items():
        if name not in promises:
            yield Problem(name, f"is in {where}, but not in acceptance.txt")
        elif name in tests:
            yield Problem(name, f"has a test now ({tests[name][0]}): take it off {where}")
    for name, places in tests.items():
        if name not in promises:
            yield Problem(name, f"is not in acceptance.txt, but {places[0]} names it")
    for name, meaning in promises.items():
        if name not in tests and name not in excuses:
            yield Problem(name, f"no test: {meaning}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks that every promise of acceptance.txt has a test.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--tests", nargs="+", metavar="ID", help="list the tests of these promises instead")
    arguments = parser.parse_args()
    promises = read_promises((arguments.root / "tests/structure/acceptance.txt").read_text(encoding="utf-8"))
    tests = find_tests(arguments.root)
    if arguments.tests:
        for name in arguments.tests:
            print(f"{name}: {promises.get(name, 'unknown')}", *tests.get(name, []), sep="\n    ")
        return 0
    problems = [*check_promises(promises), *check_tests(promises, tests, REASONS, OPEN)]
    for problem in problems:
        print(problem)
    tested = sum(name in tests for name in promises)
    still_open = sum(len(expand(key)) for key in OPEN)
    print(f"{len(promises)} promises: {tested} tested, {len(REASONS)} not applicable, {still_open} open, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
