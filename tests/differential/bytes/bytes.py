#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/differential/bytes/bytes.py: the methods of bytes under Python and under aioxx, results compared.

    bytes.py [--cases N] [--seed S] PROGRAM     prints the first differences; exit 1 if there are any
    bytes.py --differences                      the deliberate differences, with their reasons
    bytes.py --replay CASE PROGRAM              one case, as printed for a difference

A case is a line `operation<tab>self<tab>argument...`, the program answers with a line for each. Values: x6162 bytes,
i-3 an integer, N None, T and F truth, [x61,x62 several bytes, s6162 text, !ValueError an error.
"""

import argparse
import random
import subprocess
import sys
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

# What is meant to differ, and why. Cases of these kinds are not generated, or compared as the last column says.
DIFFERENCES: List[Tuple[str, str, str]] = [
    ("arguments of a wrong type", "TypeError in Python, does not compile in C++", "not generated"),
    ("fill bytes that are not one byte", "the parameter is one byte", "not generated"),
    ("texts of errors", "ours name what was wrong; only a UnicodeDecodeError has Python's text", "kinds compared"),
    ("repr(bytearray)", "Python escapes a single quote even in double quotes; ours is the repr of bytes",
     "repr(bytes) compared"),
    ("bytearray(n)", "a number would be taken for a byte; C++ has bytearray(n, byte)", "not generated"),
    ("find, rfind without a match", "npos is the C++ word for it", "written as -1"),
    ("a change while a view exists", "BufferError in Python; in C++ the view ends, as the comments on lifetime say",
     "not generated"),
    ("sizes beyond memory", "std::length_error instead of OverflowError or MemoryError", "in the unit tests"),
    ("self[i:j:k] = nothing, for k != 1", "bytearray deletes the bytes, against its own rule and that of list; ours is a "
     "ValueError as for any wrong length", "the error expected"),
    ("strip, split, partition... of a view", "give views of the source, and copies only for a temporary", "contents"),
    ("take_bytes, resize", "newer than the Python that may run this", "modelled by slices"),
]

# ---- values on the wire ------------------------------------------------------------------------------------------


def written(value: Any) -> str:
    if value is None:
        return "N"
    if value is True or value is False:
        return "T" if value else "F"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, (bytes, bytearray)):
        return "x" + value.hex()
    if isinstance(value, str):
        return "s" + value.encode("utf-8").hex()
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(written(item) for item in value)
    raise TypeError(value)


def read(text: str) -> Any:
    if text == "N":
        return None
    if text in "TF":
        return text == "T"
    if text[0] == "i":
        return int(text[1:])
    if text[0] == "x":
        return bytes.fromhex(text[1:])
    if text[0] == "s":
        return bytes.fromhex(text[1:]).decode("utf-8")
    return tuple(read(item) for item in text[1:].split(",")) if text != "[" else ()


# ---- random arguments --------------------------------------------------------------------------------------------

ALPHABETS = [
    b"a", b"ab", b"aab", b"abc", b"abcdefgh", b" \t\n\r\v\fab", b"\n\r\na", b"\t\ta\n\rb", b"aAbBzZ1 '", b"0123456789+-",
    b"+-", bytes(range(256)), b"\x00\x01\xff", b"\x00", b"@[`{AZaz\x80\xc1\xe1", b"0123456789abcdefABCDEF \tg", b"'\"\\\n",
    b"\x1c\x1d\x1e\x1f\x85\xa0 \x0b",
]
UTF8 = [b"a", b"\x7f", b"\x80", b"\xbf", b"\xc0", b"\xc1", b"\xc2", b"\xc3\xa9", b"\xdf\xbf", b"\xe0", b"\xe0\xa0", b"\xe0\x80",
        b"\xe0\x9f\xbf", b"\xe2\x82\xac", b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xee\x80\x80", b"\xef\xbf\xbf", b"\xf0", b"\xf0\x9f",
        b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5", b"\xff"]
EDGES = [0, -1, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32, 2**63 - 1, -2**63, -2**63 + 1]


class Draw:
    """Random arguments; `self` is what they are for."""

    def __init__(self, source: random.Random):
        self.random = source
        self.self = b""

    def length(self) -> int:
        r = self.random.random()
        if r < 0.06:
            return 0
        if r < 0.9:
            return self.random.randrange(1, 14)
        return self.random.randrange(14, 120)

    def bytes(self) -> bytes:
        r = self.random
        if r.random() < 0.03:
            return self.utf8()
        return bytes(r.choices(r.choice(ALPHABETS), k=self.length()))

    def utf8(self) -> bytes:
        return b"".join(self.random.choices(UTF8, k=self.random.randrange(8)))

    def sub(self) -> bytes:
        """Bytes that are likely to be a part of self."""
        r = self.random
        kind = r.randrange(8)
        if kind == 0:
            return b""
        if kind == 1:
            return bytes(r.choices(r.choice(ALPHABETS), k=r.randrange(1, 4)))
        if kind == 2:
            return self.self
        if kind == 3:
            return self.self[:r.randrange(1, 4)] + r.choice([b"", b"a", b"b"])
        start = r.randrange(len(self.self) + 1)
        part = self.self[start:start + r.randrange(1, 5)]
        return part * 2 if kind == 4 else part

    def sub_or_int(self) -> Any:
        if self.random.random() < 0.7:
            return self.sub()
        return self.byte()

    def byte(self) -> int:
        r = self.random
        if r.random() < 0.1:
            return r.choice([-1, 256, 255, 0, 2**40, -2**63])
        return r.choice(self.self) if self.self and r.random() < 0.7 else r.randrange(256)

    def one(self) -> bytes:
        return bytes([self.random.randrange(256)])

    def bound(self) -> Optional[int]:
        r = self.random
        kind = r.randrange(10)
        if kind == 0:
            return None
        if kind == 1:
            return r.choice(EDGES)
        if kind <= 3:
            return r.choice([1, -1]) * (len(self.self) + r.randrange(-1, 2))
        return r.randrange(-len(self.self) - 2, len(self.self) + 3)

    def step(self) -> Optional[int]:
        return self.random.choice([None, 1, 1, -1, 2, -2, 3, -3, 5, -7, 0, 2**63 - 1, -2**63, 100, -100])

    def count(self) -> int:
        return self.random.choice([-1, -1, 0, 1, 2, 3, 4, 10, 2**63 - 1, -2**63])

    def width(self) -> int:
        return self.random.choice([-2**63, -1, 0] + list(range(1, 24)) + [100, 333])

    def few(self) -> int:
        return self.random.choice([-2**63, -1, 0, 1, 2, 3, 4, 7])

    def group(self) -> int:
        return self.random.choice([0, 1, 2, 3, 4, 7, -1, -2, -3, -4, -9, 2**31 - 1, -2**31 + 1])

    def truth(self) -> bool:
        return self.random.random() < 0.5

    def several(self) -> Tuple[bytes, ...]:
        return tuple(self.sub() for _ in range(self.random.randrange(4)))

    def table(self) -> Optional[bytes]:
        r = self.random
        kind = r.randrange(12)
        if kind == 0:
            return None
        if kind == 1:
            return bytes(r.randrange(258))
        return bytes(r.choices(range(256), k=256))

    def hexadecimal(self) -> bytes:
        r = self.random
        text = "".join(r.choice(["", " ", "\n", "\t \v"]) + r.choice("0123456789abcdefABCDEF") + r.choice("0123456789abcDEF")
                       for _ in range(r.randrange(12)))
        if r.random() < 0.4:
            at = r.randrange(len(text) + 1)
            text = text[:at] + r.choice([" ", "g", "\x00", "a", "\x7f", "-"]) + text[at:]
        return text.encode()

    def slice_content(self) -> bytes:
        """As long as the slice is likely to be."""
        r = self.random
        return bytes(r.choices(b"xyz", k=r.choice([0, 1, 2, 3, 4, len(self.self), max(0, len(self.self) // 2), 40])))


# ---- operations ----------------------------------------------------------------------------------------------------

# Each: how to call it in Python, and how its arguments are drawn. Self is the first argument.
Operation = Tuple[Callable[..., Any], List[Callable[[Draw], Any]]]


def method(name: str) -> Callable[..., Any]:
    return lambda self, *arguments: getattr(self, name)(*arguments)


def mutation(change: Callable[..., Any]) -> Callable[..., Any]:
    """The result and the content afterwards."""

    def run(self: bytes, *arguments: Any) -> List[Any]:
        content = bytearray(self)
        result = change(content, *arguments)
        return [result, content]

    return run


def set_slice(content: bytearray, start: Any, stop: Any, value: bytes) -> None:
    content[start:stop] = value


def set_stepped(content: bytearray, start: Any, stop: Any, step: Any, value: bytes) -> None:
    if not value and step not in (None, 1) and content[start:stop:step]:
        raise ValueError  # see DIFFERENCES
    content[start:stop:step] = value


def set_stepped_to_own(content: bytearray, step: Any) -> None:
    content[::step] = content


def set_own(content: bytearray, start: Any, stop: Any) -> None:
    content[start:stop] = content


def set_part(content: bytearray, start: Any, stop: Any, first: Any, last: Any) -> None:
    content[start:stop] = content[first:last]


def delete_slice(content: bytearray, start: Any, stop: Any, step: Any) -> None:
    del content[start:stop:step]


def times(content: bytearray, count: int) -> None:
    content *= count


def set_at(content: bytearray, index: int, value: int) -> None:
    content[index] = value


def resize(content: bytearray, size: int) -> None:
    content[:] = bytes(content[:size]).ljust(size, b"\0")


def take_bytes(content: bytearray, count: Optional[int]) -> bytes:
    size = len(content) if count is None else count + len(content) if count < 0 else count
    if not 0 <= size <= len(content):
        raise IndexError
    taken = bytes(content[:size])
    del content[:size]
    return taken


def index_argument(draw: Draw) -> int:
    bound = draw.bound()
    return 0 if bound is None else bound


D = Draw
RANGE = [D.sub_or_int, D.bound, D.bound]
OPERATIONS: Dict[str, Operation] = {
    "at": (lambda self, i: self[i], [index_argument]),
    "slice": (lambda self, i, j: self[i:j], [D.bound, D.bound]),
    "slice_step": (lambda self, i, j, k: self[i:j:k], [D.bound, D.bound, D.step]),
    "repeat": (lambda self, n: self * n, [D.few]),
    "add": (lambda self, other: self + other, [D.sub]),
    "equal": (lambda self, other: self == other, [D.sub]),
    "less": (lambda self, other: self < other, [D.sub]),
    "contains": (lambda self, other: other in self, [D.sub_or_int]),
    "find": (method("find"), RANGE),
    "rfind": (method("rfind"), RANGE),
    "index": (method("index"), RANGE),
    "rindex": (method("rindex"), RANGE),
    "count": (method("count"), RANGE),
    "startswith": (method("startswith"), [D.sub, D.bound, D.bound]),
    "endswith": (method("endswith"), [D.sub, D.bound, D.bound]),
    "startswith_any": (method("startswith"), [D.several, D.bound, D.bound]),
    "endswith_any": (method("endswith"), [D.several, D.bound, D.bound]),
    "split": (method("split"), [D.sub, D.count]),
    "rsplit": (method("rsplit"), [D.sub, D.count]),
    "split_fields": (lambda self, n: self.split(None, n), [D.count]),
    "rsplit_fields": (lambda self, n: self.rsplit(None, n), [D.count]),
    "splitlines": (method("splitlines"), [D.truth]),
    "partition": (method("partition"), [D.sub]),
    "rpartition": (method("rpartition"), [D.sub]),
    "join": (method("join"), [D.several]),
    "strip": (method("strip"), [D.sub]),
    "lstrip": (method("lstrip"), [D.sub]),
    "rstrip": (method("rstrip"), [D.sub]),
    "strip_space": (lambda self: self.strip(), []),
    "lstrip_space": (lambda self: self.lstrip(), []),
    "rstrip_space": (lambda self: self.rstrip(), []),
    "removeprefix": (method("removeprefix"), [D.sub]),
    "removesuffix": (method("removesuffix"), [D.sub]),
    "center": (method("center"), [D.width, D.one]),
    "ljust": (method("ljust"), [D.width, D.one]),
    "rjust": (method("rjust"), [D.width, D.one]),
    "zfill": (method("zfill"), [D.width]),
    "expandtabs": (method("expandtabs"), [lambda draw: draw.random.randrange(-2, 11)]),
    "replace": (method("replace"), [D.sub, D.sub, D.count]),
    "translate": (method("translate"), [D.table, D.sub]),
    "maketrans": (lambda self, to: bytes.maketrans(self, to), [D.slice_content]),
    "maketrans_own": (lambda self: bytes.maketrans(self, self[::-1]), []),
    "hex": (lambda self: self.hex(), []),
    "hex_groups": (lambda self, sep, n: self.hex(sep, n), [D.one, D.group]),
    "fromhex": (lambda self, text: bytes.fromhex(text.decode("latin-1")), [D.hexadecimal]),
    "fromhex_self": (lambda self: bytes.fromhex(self.decode("latin-1")), []),
    "decode": (lambda self, text, encoding, errors: text.decode(encoding, errors),
               [D.utf8, lambda draw: draw.random.choice(["utf-8", "utf-8", "ascii", "latin-1"]),
                lambda draw: draw.random.choice(["strict", "replace", "ignore", "backslashreplace"])]),
    "decode_self": (lambda self: self.decode(), []),
    "repr": (lambda self: repr(bytes(self)), []),
    # mutations
    "set_at": (mutation(set_at), [index_argument, D.byte]),
    "set_slice": (mutation(set_slice), [D.bound, D.bound, D.slice_content]),
    "set_stepped": (mutation(set_stepped), [D.bound, D.bound, D.step, D.slice_content]),
    "set_stepped_to_own": (mutation(set_stepped_to_own), [D.step]),
    "set_own": (mutation(set_own), [D.bound, D.bound]),
    "set_part": (mutation(set_part), [D.bound, D.bound, D.bound, D.bound]),
    "delete_slice": (mutation(delete_slice), [D.bound, D.bound, D.step]),
    "append": (mutation(lambda b, v: b.append(v)), [D.byte]),
    "extend": (mutation(lambda b, v: b.extend(v)), [D.sub]),
    "extend_own": (mutation(lambda b: b.extend(b)), []),
    "extend_ints": (mutation(lambda b, *v: b.extend(v)), [D.byte, D.byte]),
    "insert": (mutation(lambda b, i, v: b.insert(i, v)), [index_argument, D.byte]),
    "pop": (mutation(lambda b: b.pop()), []),
    "pop_at": (mutation(lambda b, i: b.pop(i)), [index_argument]),
    "remove": (mutation(lambda b, v: b.remove(v)), [D.byte]),
    "reverse": (mutation(lambda b: b.reverse()), []),
    "clear": (mutation(lambda b: b.clear()), []),
    "times": (mutation(times), [D.few]),
    "resize": (mutation(resize), [lambda draw: draw.random.randrange(60)]),
    "take_bytes": (mutation(take_bytes), [D.bound]),
}
for _name in ("upper", "lower", "swapcase", "capitalize", "title", "isalpha", "isdigit", "isalnum", "isspace", "islower",
              "isupper", "istitle", "isascii"):
    OPERATIONS[_name] = (method(_name), [])


def expected(name: str, arguments: List[Any]) -> str:
    try:
        return written(OPERATIONS[name][0](*arguments))
    except UnicodeDecodeError as error:
        return written(str(error)).replace("s", "!UnicodeDecodeError ", 1)
    except (ValueError, IndexError) as error:
        return "!" + type(error).__name__


def generate(count: int, seed: int) -> Tuple[List[str], List[str]]:
    source = random.Random(seed)
    draw = Draw(source)
    names = list(OPERATIONS)
    cases, results = [], []
    for _ in range(count):
        name = source.choice(names)
        draw.self = draw.bytes()
        arguments = [draw.self] + [argument(draw) for argument in OPERATIONS[name][1]]
        cases.append("\t".join([name] + [written(argument) for argument in arguments]))
        results.append(expected(name, arguments))
    return cases, results


# ---- comparison ----------------------------------------------------------------------------------------------------


def answers(program: str, cases: List[str]) -> List[str]:
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    text = "\n".join(cases) + "\n"

    def feed(stdin: Any) -> None:
        try:
            stdin.write(text)
            stdin.close()
        except BrokenPipeError:
            pass  # the program ended early, which the number of its answers shows

    writer = threading.Thread(target=feed, args=(process.stdin,))
    writer.start()
    lines = process.stdout.read().splitlines()
    writer.join()
    if process.wait() != 0 or len(lines) != len(cases):
        sys.exit(f"the program ended with {process.returncode} after {len(lines)} of {len(cases)} cases; "
                 f"the next was {cases[min(len(lines), len(cases) - 1)]!r}")
    return lines


def compare(program: str, cases: List[str], results: List[str], shown: int) -> int:
    """Prints the first differences. Returns: how many there are."""
    different = 0
    for case, wanted, got in zip(cases, results, answers(program, cases)):
        if wanted == got:
            continue
        different += 1
        if different <= shown:
            name, *arguments = case.split("\t")
            print(f"{name}({', '.join(repr(read(argument)) for argument in arguments)})\n"
                  f"    python {wanted}\n    aioxx  {got}\n    --replay {case!r}")
    return different


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shown", type=int, default=20)
    parser.add_argument("--replay")
    parser.add_argument("--differences", action="store_true")
    parser.add_argument("program", nargs="?")
    options = parser.parse_args()
    if options.differences:
        for what, reason, treatment in DIFFERENCES:
            print(f"{what}: {reason} ({treatment})")
        return 0
    if options.program is None:
        parser.error("name the program")
    if options.replay is not None:
        name, *arguments = options.replay.split("\t")
        return compare(options.program, [options.replay], [expected(name, [read(a) for a in arguments])], 1)
    different = 0
    batch = 100_000
    for start in range(0, options.cases, batch):
        cases, results = generate(min(batch, options.cases - start), options.seed + start)
        different += compare(options.program, cases, results, max(0, options.shown - different))
    print(f"{options.cases} cases of {len(OPERATIONS)} operations, {different} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
