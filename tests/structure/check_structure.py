#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_structure.py: the rules of the source tree, checked in seconds.

    check_structure.py [--root DIR]     prints `file:line: rule: what to do` for each breach; exit 1 if there is one
    check_structure.py --write-umbrellas    brings the include lists of the umbrella headers up to date

The rules are the data at the top. An exception is an entry with its reason.
"""

import argparse
import fnmatch
import pathlib
import re
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

# ---- rules as data ---------------------------------------------------------------------------------------------

# What each folder may include of ours, beside itself. Nobody may include testing/.
LAYERS: Dict[str, List[str]] = {
    "base": [],
    "buffer": ["base"],
    "core": ["base"],
    "sync": ["core", "base"],
    "tasks": ["core", "base"],
    "io": ["buffer", "base"],
    "tls": ["buffer", "base"],
    "transports": ["io", "tls", "core", "buffer", "base"],
    "net": ["transports", "tasks", "sync", "io", "tls", "core", "buffer", "base"],
    "streams": ["net", "transports", "tasks", "sync", "io", "tls", "core", "buffer", "base"],
    "process": ["streams", "net", "transports", "tasks", "sync", "io", "core", "buffer", "base"],
    "files": ["streams", "net", "transports", "tasks", "sync", "io", "core", "buffer", "base"],
    "interop": ["streams", "net", "transports", "tasks", "sync", "io", "core", "buffer", "base"],
    "websocket/proto": ["buffer", "base"],
    "websocket": ["websocket/proto", "streams", "net", "transports", "tasks", "sync", "io", "tls", "core", "buffer",
                  "base"],
    "testing": ["websocket", "websocket/proto", "files", "interop", "process", "streams", "net", "transports", "tls",
                "tasks", "sync", "io", "core", "buffer", "base"],
}

# Folders that decide without waiting.
PURE = ["base", "buffer", "io", "tls", "websocket/proto"]

# Headers that only some files may include: pattern of the header, the files, what to do instead.
CONFINED: List[Tuple[str, List[str], str]] = [
    ("asio.hpp", ["core/asio_*.hpp", "interop/*"], "go through the backend contract (core/backend.hpp)"),
    ("asio/*",
     ["core/asio_*.hpp", "interop/*",
      "tasks/runner.hpp"],  # names asio::io_context for a runner on the user's own context
     "go through the backend contract (core/backend.hpp)"),
    ("aioxx/core/asio_backend.hpp", ["core/asio_*.hpp", "interop/*", "tasks/runner.hpp", "testing/*"],
     "the real backend is chosen in tasks/runner.hpp only"),
    ("openssl/*", ["tls/*", "websocket/proto/accept_key.hpp"], "keep OpenSSL in tls/"),
    ("zlib.h", ["websocket/proto/deflate.hpp"], "keep zlib in websocket/proto/deflate.hpp"),
]

# Headers of the folders that stay out of aioxx.hpp: they need further libraries, or are for tests.
APART = ["websocket", "tls", "testing"]

# Headers that need TLS although they live elsewhere belong to the umbrella tls.hpp.
TLS_NAMES = ["tls.hpp", "start_tls.hpp"]

# Headers without a test of the same name.
CONTRACT = "a contract without code of its own; what implements it is tested"
NO_TEST: Dict[str, str] = {
    "base/config.hpp": "macros only",
    "base/pinned.hpp": "two deleted functions",
    "core/awaitable.hpp": "what awaiting gives, covered by the tests of wait_for and as_operation",
    "core/backend.hpp": CONTRACT,
    "core/cancellation.hpp": "the mechanism below cancel_scope, covered by its test",
    "core/context.hpp": "covered by the test of context_var",
    "core/future_base.hpp": "covered by the tests of future and task",
    "core/loop_member.hpp": CONTRACT,
    "core/task_base.hpp": "covered by the test of task",
    "core/task_context.hpp": "covered by the tests of waiter, task and cancel_scope",
    "core/task_options.hpp": "a struct, covered by the test of task",
    "core/turn.hpp": "a contract and a struct, covered by the test of event_loop",
    "core/worker_pool.hpp": "the threads below executor, covered by its test",
    "io/datagram_transport.hpp": CONTRACT,
    "io/process_transport.hpp": CONTRACT,
    "tasks/children.hpp": "the mechanism below gather and wait, covered by their tests",
    "testing/check_datagram.hpp": "is a test itself: tests/conformance runs it over every implementation",
    "testing/check_transport.hpp": "is a test itself: tests/conformance runs it over every transport",
    "testing/transport_law.hpp": "what the laws are made of, covered by their running",
    "testing/transport_laws_bytes.hpp": "laws of check_transport",
    "testing/transport_laws_end.hpp": "laws of check_transport",
    "testing/transport_laws_flow.hpp": "laws of check_transport",
    "testing/transport_laws_protocol.hpp": "laws of check_transport",
    "transports/stream_channel.hpp": CONTRACT,
}

# Tests without a header of the same name, in the folders that mirror include/aioxx.
NO_HEADER: Dict[str, str] = {
    "core/allocations_test.cpp": "a property of the core as a whole: the steady state allocates nothing",
    "interop/as_operation_types_test.cpp": "as_operation with further types and tokens",
    "tasks/await_stack_test.cpp": "a property of coroutines as a whole: the stack stays bounded",
    "tasks/eager_tasks_test.cpp": "a way to start tasks that concerns task, task_group and gather",
    "transports/stream_transport_splice_test.cpp": "a transport whose bytes the system moves past the program",
    "websocket/proto/autobahn_compression_test.cpp": "the public list of protocol cases, with compression",
    "websocket/proto/autobahn_test.cpp": "the public list of protocol cases",
    "websocket/proto/endpoint_compression_test.cpp": "compression and parts of messages through whole endpoints",
    "websocket/proto/garbage_test.cpp": "random input to all parsers",
}

# `catch (...)` that does not rethrow ends a chain of callers, and would swallow a cancellation anywhere else.
CATCH_ALL: Dict[str, str] = {
    "base/result.hpp": "the outcome of a callable, whatever it is, becomes a value",
    "core/asio_await.hpp": "an exception crosses Asio as a value",
    "core/async_generator.hpp": "errors at shutdown go to the exception handler",
    "core/diagnostics.hpp": "names an exception of unknown type",
    "core/event_loop.hpp": "the callback runner reports to the exception handler",
    "core/executor.hpp": "an exception crosses from a worker thread as a value",
    "core/worker_pool.hpp": "a loop that was closed needs to be told nothing",
    "net/connect.hpp": "kept until the losing attempts have ended, then thrown on",
    "sync/queue.hpp": "kept for the task that put the item",
    "streams/reader.hpp": "kept for the coroutine that waits for the bytes",
    "tasks/error_group.hpp": "names an exception of unknown type",
    "tasks/task_group.hpp": "kept until the children have ended, then thrown on",
    "transports/datagram.hpp": "an exception of a protocol ends its endpoint and is reported",
    "transports/stream_transport.hpp": "an exception of a protocol ends its connection and is reported",
    "interop/as_operation.hpp": "exceptions cross to Asio's handlers as values",
    "testing/failure_of.hpp": "gives whatever was thrown as a value",
    "testing/fault_plan.hpp": "asks whether an exception is its own",
    "core/thread_gate.hpp": "exceptions cross to the thread that waits as values",
    "tasks/generators.hpp": "kept until the sources are closed, then thrown on",
    "tasks/race.hpp": "the error of one that has lost goes to the exception handler",
    "tasks/merge.hpp": "kept until the sources are closed, then thrown on",
}

PRINTING: Dict[str, str] = {
    "base/contract.hpp": "a broken precondition is reported before the program ends",
    "core/diagnostics.hpp": "the default exception handler reports what cannot be thrown to anyone",
}

MACROS: Dict[str, str] = {
    "base/config.hpp": "switches of compiler and platform",
    "base/contract.hpp": "the text of the condition needs a macro",
}

LICENSE_LINE = "// SPDX-License-Identifier: BSL-1.0"

# ---- reading ---------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    path: pathlib.PurePath
    line: int
    rule: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.advice}"


class Include(NamedTuple):
    line: int
    text: str  # what stands between the brackets
    quoted: bool


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)


def without_comments(text: str) -> str:
    """The code with comments and literals blanked out, line numbers kept."""
    return COMMENT_OR_LITERAL.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


class Source:
    """One C++ file; `name` is relative to include/aioxx, tests or examples."""

    def __init__(self, root: pathlib.Path, base: pathlib.Path, path: pathlib.Path):
        self.path = path.relative_to(root)
        self.name = path.relative_to(base).as_posix()
        self.folder = self.name.rpartition("/")[0]
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.splitlines()
        self.code = without_comments(self.text)
        self.includes = []
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                self.includes.append(Include(number, match.group(2), match.group(1) == '"'))

    def line_of(self, offset: int) -> int:
        return self.code.count("\n", 0, offset) + 1

    def problem(self, line: int, rule: str, advice: str) -> Problem:
        return Problem(self.path, line, rule, advice)


class Tree:
    def __init__(self, root: pathlib.Path):
        self.root = root
        include = root / "include" / "aioxx"
        everything = [Source(root, include, path) for path in sorted(include.rglob("*.hpp"))]
        self.headers = {source.name: source for source in everything if source.folder}
        self.umbrellas = {source.name: source for source in everything if not source.folder}
        self.tests = {
            source.name: source
            for source in (Source(root, root / "tests", path) for path in sorted((root / "tests").rglob("*.[ch]pp")))
        }
        examples = root / "examples"
        self.examples = [Source(root, examples, path) for path in sorted(examples.rglob("*.[ch]pp"))]

    def all(self) -> Iterator[Source]:
        yield from self.headers.values()
        yield from self.umbrellas.values()
        yield from self.tests.values()
        yield from self.examples


def ours(include: Include) -> Optional[str]:
    """The name relative to include/aioxx, if the include is one of ours."""
    return include.text[len("aioxx/"):] if include.text.startswith("aioxx/") else None


# ---- checks ----------------------------------------------------------------------------------------------------


def check_layers(tree: Tree) -> Iterator[Problem]:
    for source in tree.headers.values():
        if source.folder not in LAYERS:
            yield source.problem(1, "layer", f"folder {source.folder}/ has no place in LAYERS; give it one")
            continue
        for include in source.includes:
            name = ours(include)
            if name is None:
                continue
            if name not in tree.headers and name != "version.hpp":
                if name in tree.umbrellas:
                    advice = f"name the headers that are needed instead of the umbrella {name}"
                else:
                    advice = f"there is no header {name}"
                yield source.problem(include.line, "include", advice)
                continue
            folder = name.rpartition("/")[0]
            allowed = LAYERS[source.folder]
            if folder and folder != source.folder and folder not in allowed:
                yield source.problem(
                    include.line, "layer",
                    f"{source.folder}/ must not include {folder}/ (it may: {', '.join(allowed) or 'nothing'})")


def check_confined(tree: Tree) -> Iterator[Problem]:
    for source in tree.headers.values():
        for include in source.includes:
            for pattern, files, advice in CONFINED:
                if fnmatch.fnmatch(include.text, pattern) and not any(
                        fnmatch.fnmatch(source.name, allowed) for allowed in files):
                    yield source.problem(include.line, "confined", f"<{include.text}> is not for this file: {advice}")
            if source.folder in PURE and include.text == "coroutine":
                yield source.problem(include.line, "pure", f"{source.folder}/ is pure: move what waits to a higher layer")
            if include.quoted:
                yield source.problem(include.line, "include", f"write <aioxx/...> instead of \"{include.text}\"")


def check_cycles(tree: Tree) -> Iterator[Problem]:
    done: Dict[str, bool] = {}  # False while on the path from the start

    def visit(name: str, path: List[str]) -> Iterator[Problem]:
        done[name] = False
        for include in tree.headers[name].includes:
            target = ours(include)
            if target not in tree.headers:
                continue
            if target not in done:
                yield from visit(target, path + [target])
            elif not done[target]:
                circle = path[path.index(target):] + [target]
                yield tree.headers[name].problem(include.line, "cycle", "cut the circle " + " -> ".join(circle))
        done[name] = True

    for name in tree.headers:
        if name not in done:
            yield from visit(name, [name])


def check_mirror(tree: Tree) -> Iterator[Problem]:
    for name, source in tree.headers.items():
        expected = name[:-len(".hpp")] + "_test.cpp"
        test = tree.tests.get(expected)
        if test is None:
            if name not in NO_TEST:
                yield source.problem(1, "mirror", f"write tests/{expected}, or list the header in NO_TEST with a reason")
            continue
        if name in NO_TEST:
            yield test.problem(1, "mirror", f"{name} has a test now: take it off NO_TEST")
        if not test.includes or test.includes[0].text != f"aioxx/{name}":
            line = test.includes[0].line if test.includes else 1
            yield test.problem(line, "mirror", f"make <aioxx/{name}> the first include")
    for name, test in tree.tests.items():
        header = re.sub(r"_test\.cpp$", ".hpp", name)
        if test.folder in LAYERS and header != name and header not in tree.headers and name not in NO_HEADER:
            yield test.problem(1, "mirror", f"there is no header {header}: rename the test, or list it in NO_HEADER")


def umbrella_of(name: str) -> str:
    if name.rpartition("/")[2] in TLS_NAMES:
        return "tls.hpp"
    return name.partition("/")[0] + ".hpp"


def wanted_umbrellas(tree: Tree) -> Dict[str, List[str]]:
    wanted: Dict[str, List[str]] = {}
    for name in sorted(tree.headers):
        wanted.setdefault(umbrella_of(name), []).append(f"aioxx/{name}")
    wanted["aioxx.hpp"] = sorted(
        [f"aioxx/{name}" for name in wanted if name[:-len(".hpp")] not in APART] + ["aioxx/version.hpp"])
    return wanted


def check_umbrellas(tree: Tree) -> Iterator[Problem]:
    for name, wanted in wanted_umbrellas(tree).items():
        source = tree.umbrellas.get(name)
        if source is None:
            path = pathlib.PurePath("include/aioxx") / name
            yield Problem(path, 1, "umbrella", "write this header with an introduction to the folder")
            continue
        present = [include.text for include in source.includes]
        for missing in sorted(set(wanted) - set(present)):
            yield source.problem(1, "umbrella", f"include <{missing}> (or run check_structure.py --write-umbrellas)")
        for include in source.includes:
            if include.text not in wanted:
                yield source.problem(include.line, "umbrella", f"<{include.text}> does not belong here")
        if present != sorted(present):
            yield source.problem(source.includes[0].line, "umbrella", "sort the includes")


def check_heads(tree: Tree) -> Iterator[Problem]:
    for source in tree.all():
        if not source.lines or source.lines[0] != LICENSE_LINE:
            yield source.problem(1, "head", f"start with {LICENSE_LINE}")
    for source in [*tree.headers.values(), *tree.umbrellas.values()]:
        if source.lines[1:2] != ["#pragma once"]:
            yield source.problem(2, "head", "the second line is #pragma once")
        if source.lines[3:4] == [] or not source.lines[3].startswith(f"// {source.name}: "):
            yield source.problem(4, "head", f"the fourth line starts the file comment: // {source.name}: what it is")


PRINTS = re.compile(
    r"std::(?:cout|cerr|clog)\b|<iostream>|\b(?:printf|fprintf|puts|fputs|putchar|fputc|fwrite|perror)\s*\(")
CATCH = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)\s*\{")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def block_end(code: str, start: int) -> int:
    """The offset behind the block whose opening brace is just before `start`."""
    depth = 1
    for offset in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[offset], 0)
        if depth == 0:
            return offset
    return len(code)


def check_words(tree: Tree) -> Iterator[Problem]:
    for source in tree.headers.values():
        for match in PRINTS.finditer(source.code):
            if source.name not in PRINTING:
                yield source.problem(source.line_of(match.start()), "printing",
                                     "throw, return, or call the loop's exception handler")
        for match in CATCH.finditer(source.code):
            block = source.code[match.end():block_end(source.code, match.end())]
            if not re.search(r"\bthrow\s*;", block) and source.name not in CATCH_ALL:
                yield source.problem(source.line_of(match.start()), "catch",
                                     "catch (...) must rethrow with `throw;`, or list the file in CATCH_ALL with a reason")
        for number, line in enumerate(source.code.splitlines(), 1):
            if re.match(r"\s*#\s*define\b", line) and source.name not in MACROS:
                yield source.problem(number, "macro", "use a constant, a template or a function")
    for source in tree.all():
        for number, line in enumerate(source.lines, 1):
            if UNFINISHED.search(line):
                yield source.problem(number, "unfinished", "finish it, or drop the remark")


def cmake_code(tree: Tree, *patterns: str) -> str:
    paths = [path for pattern in patterns for path in sorted(tree.root.glob(pattern))]
    return re.sub(r"#[^\n]*", "", "\n".join(path.read_text(encoding="utf-8") for path in paths))


TESTS_LIST = "tests/CMakeLists.txt"


def check_built(tree: Tree) -> Iterator[Problem]:
    """A test that no program is made of, or a script that nobody runs, would never fail."""
    shared = cmake_code(tree, TESTS_LIST, "cmake/*.cmake")
    for name, source in tree.tests.items():
        if name.endswith("_test.cpp"):
            if not re.search(rf"\baioxx_test\(\s*{re.escape(source.folder)}[\s)]", shared):
                yield source.problem(1, "built", f"add aioxx_test({source.folder}) to {TESTS_LIST}")
        elif name.endswith(".cpp"):
            top = name.partition("/")[0]
            stem = re.escape(source.path.stem)
            own = cmake_code(tree, f"tests/{top}/**/CMakeLists.txt")
            if not re.search(rf"\b{stem}\.cpp\b|\(\s*{stem}\b", shared + own):
                yield source.problem(1, "built", f"end the name in _test.cpp, or add it to tests/{top}/CMakeLists.txt")
    for path in sorted((tree.root / "tests").rglob("*_test.py")):
        script = path.relative_to(tree.root)
        if path.name not in shared + cmake_code(tree, f"{script.parent}/CMakeLists.txt"):
            yield Problem(script, 1, "built", f"run it by an add_test() in {TESTS_LIST}")


TEST_NAME = re.compile(r'\bTEST_CASE\(\s*"((?:[^"\\]|\\.)*)"')


def check_test_names(tree: Tree) -> Iterator[Problem]:
    """The files of a folder become one program, in which the framework wants each name once."""
    seen: Dict[Tuple[str, str], str] = {}
    for source in tree.tests.values():
        for match in TEST_NAME.finditer(source.text):
            line = source.text.count("\n", 0, match.start()) + 1
            first = seen.setdefault((source.folder, match.group(1)), f"{source.path}:{line}")
            if first != f"{source.path}:{line}":
                yield source.problem(line, "test name", f"rename the test: {first} has this name")


CHECKS = [
    check_layers, check_confined, check_cycles, check_mirror, check_umbrellas, check_heads, check_words, check_built,
    check_test_names
]


def check(root: pathlib.Path) -> List[Problem]:
    tree = Tree(root)
    return [problem for run in CHECKS for problem in run(tree)]


def write_umbrellas(root: pathlib.Path) -> None:
    """Replaces the includes; the introduction above them stays."""
    tree = Tree(root)
    for name, wanted in wanted_umbrellas(tree).items():
        source = tree.umbrellas.get(name)
        if source is None or [include.text for include in source.includes] == wanted:
            continue
        kept = [line for line in source.lines if not INCLUDE.match(line)]
        text = "\n".join(kept).rstrip() + "\n\n" + "".join(f"#include <{header}>\n" for header in wanted)
        (root / source.path).write_text(text, encoding="utf-8")
        print(f"{source.path}: written")


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks the rules of the source tree.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--write-umbrellas", action="store_true", help="update the umbrella headers, then check")
    arguments = parser.parse_args()
    if arguments.write_umbrellas:
        write_umbrellas(arguments.root)
    problems = check(arguments.root)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "the structure is as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
