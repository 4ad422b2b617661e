# SPDX-License-Identifier: BSL-1.0
# differential/bytes_format/format.py [--cases N] [--seed S] <program>: formats the same arguments with Python's
# bytes % arguments and with format_bytes, the program, and compares the results, the kinds of the errors, and
# the index that an error names. Cases come from the seed: correct conversions of all kinds, and formats that
# are broken at random. DIFFERENCES lists the differences that are meant.

import argparse
import collections
import math
import random
import re
import struct
import subprocess
import sys

INTEGERS = {f"{sign}{bits}": (-(1 << bits - 1) if sign == "i" else 0, (1 << bits - (sign == "i")) - 1)
            for sign in "iu" for bits in (8, 16, 32, 64, 128)} | {"byte": (0, 255)}


class MappingTaken(Exception):
    """Python formatted a mapping itself, as the argument of a conversion without a key."""


class Mapping(dict):
    def __repr__(self):
        raise MappingTaken


Case = collections.namedtuple("Case", "format arguments mapping")  # arguments: (key or None, type, value)

LEAST_WIDTH = Case(b"%*d", [(None, "i64", -(1 << 63)), (None, "i8", 1)], False)


def first_is_without_key(format):
    return re.match(rb"(?s)(?:[^%]|%%)*%[^(%]", format) is not None


# Name: whether it applies to a case and Python's error, what format_bytes does instead, and why.
DIFFERENCES = {
    "a mapping for a conversion without a key": (
        lambda case, error: case.mapping and first_is_without_key(case.format) and (
            isinstance(error, MappingTaken) or "unsupported" in str(error) or "character argument" in str(error) or
            (isinstance(error, ValueError) and not error.args)),
        "TypeError",
        "the mapping is no argument that could be shown, so that a key is missing before the type counts",
    ),
    "a type beyond ASCII": (
        lambda case, error: isinstance(error, OverflowError) and "character argument" in str(error),
        "ValueError",
        "Python fails to write its own message, \"unsupported format character\"; older ones leave it empty",
    ),
    "the least width": (
        lambda case, error: case == LEAST_WIDTH,
        "MemoryError",
        "Python negates it, which overflows, and ignores the width",
    ),
}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def case(self):
        if self.random.random() < 0.001:
            return LEAST_WIDTH
        mapping = self.random.random() < 0.2
        pieces, arguments = [], []
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 3, 6))):
            pieces.append(self.text())
            pieces.append(self.conversion(arguments, mapping))
        pieces.append(self.text())
        format = b"".join(pieces)
        original = format, list(arguments)
        if self.random.random() < 0.15:
            format = self.broken(format)
        if self.random.random() < 0.05:
            self.random.shuffle(arguments)
        if self.random.random() < 0.03 and arguments:
            arguments.pop(self.random.randrange(len(arguments)))
        if self.random.random() < 0.03 and not mapping:
            arguments.append((None, *self.argument(self.random.choice("dfs"))))
        if self.takes_memory(format, arguments, mapping or original != (format, arguments)):
            return self.case()
        if mapping:
            arguments = [argument for argument in arguments if argument[0] is not None]
        return Case(format, arguments, mapping)

    # Whether a width may be great but not refused.
    @staticmethod
    def takes_memory(format, arguments, disturbed):
        stars = disturbed and b"*" in format
        return re.search(rb"(?<!\d)\d{5,19}(?!\d)(?<!9223372036854775807)", format) or (
            stars and any(type in INTEGERS and 5000 < abs(value) <= 2**63 for _, type, value in arguments))

    def text(self):
        return self.random.choice((b"", b"", b" ", b"%%", b"a=", b"\x00", b"\xff%%", b"(x)", b"100%% "))

    def conversion(self, arguments, mapping):
        key = None
        result = b"%"
        if mapping and self.random.random() < 0.95:
            key = self.random.choice((b"", b"a", b"k%d", b"f(x)", b"((", b"\xff\x00", b"a b", b"g(h(i))j"))
            if key.count(b"(") != key.count(b")"):
                key = key + b"))"
            result += b"(" + key + b")"
        result += bytes(self.random.choices(b"#0- +", k=self.random.choice((0, 0, 0, 1, 1, 2, 4))))
        star = 0.02 if mapping else 0.15
        roll = self.random.random()
        if roll < star:
            result += b"*"
            arguments.append((key, *self.star()))
        elif roll < 0.5:
            result += b"%d" % self.random.choice((0, 1, 2, 3, 5, 8, 12, 20, 40, 45, 300))
        elif roll < 0.502:
            result = b"x" + result + str(self.random.choice((2**63 - 1, 2**63, 2**64, 10**30))).encode()
        roll = self.random.random()
        if roll < star:
            result += b".*"
            arguments.append((key, *self.star()))
        elif roll < 0.5:
            result += b"."
            if self.random.random() < 0.9:
                result += b"%d" % self.random.choice(
                    (0, 0, 1, 1, 2, 3, 4, 6, 10, 15, 16, 17, 18, 25, 40, 50, 330, 766, 767, 1074, 1075, 1100))
        elif roll < 0.502:
            result += b"." + str(self.random.choice((2**63, 10**30))).encode()
        result += self.random.choice((b"",) * 9 + (b"h", b"l", b"L"))
        type = self.random.choice("ddiuoxXeEfFgGfgecbsar")
        arguments.append((key, *self.argument(type)))
        return result + type.encode()

    def star(self):
        roll = self.random.random()
        if roll < 0.03:
            return self.random.choice((("double", 3.0), ("bytes", b"3")))
        if roll < 0.06:
            value = self.random.choice((2**63, 2**64 - 1, 2**127, -2**63 - 1, -2**127))
        elif roll < 0.08:
            return "bool", self.random.random() < 0.5
        else:
            value = self.random.randint(-60, 60)
        return self.typed(value)

    def argument(self, type):
        if self.random.random() < 0.03:
            type = self.random.choice("dfcs")
        if type == "c":
            if self.random.random() < 0.5:
                return self.typed(self.random.choice((0, 65, 127, 128, 255, 255, 256, -1, 2**70)))
            return self.content(self.random.choice((1, 1, 1, 1, 0, 2)))
        if type in "bs":
            return self.content(self.random.choice((0, 1, 3, 10, 40)))
        if type in "ar":
            return self.argument(self.random.choice("dfs"))
        if self.random.random() < 0.04:
            return "bool", self.random.random() < 0.5
        if type in "diuoxX" and self.random.random() < 0.85 or self.random.random() < 0.1:
            return self.typed(self.integer())
        return "double", self.real()

    def content(self, size):
        alphabet = self.random.choice((b"abc xyz", b"'\"a", b"\\'\t\n\r\x00\x7f\x80\xff ", bytes(range(256))))
        value = bytes(self.random.choices(alphabet, k=size))
        return ("char" if size == 1 and self.random.random() < 0.3 else "bytes"), value

    def typed(self, value):
        fitting = [name for name, (least, most) in INTEGERS.items() if least <= value <= most]
        return self.random.choice(fitting), value

    def integer(self):
        bits = self.random.choice((1, 3, 7, 8, 10, 16, 31, 32, 33, 53, 54, 63, 64, 65, 100, 127, 128))
        value = self.random.choice((0, self.random.getrandbits(bits), 1 << bits, (1 << bits) - 1, (1 << bits) + 1,
                                    10 ** self.random.randrange(39)))
        # A half between two doubles, and next to it.
        if self.random.random() < 0.1:
            value = ((self.random.getrandbits(53) | 1 << 52) * 2 + 1 << bits % 60) + self.random.randint(-1, 1)
        least, most = INTEGERS["i128"][0], INTEGERS["u128"][1]
        return max(least, -value) if self.random.random() < 0.4 else min(most, value)

    def real(self):
        r = self.random
        value = r.choice((
            lambda: struct.unpack("<d", r.randbytes(8))[0],
            lambda: float(r.randrange(100)),
            lambda: r.randrange(10000) / 1000 + r.choice((0, 0.0005, 0.005, 0.5)),
            lambda: (r.getrandbits(r.randrange(1, 53)) * 2 + 1) * 0.5 ** r.randrange(1, 60),
            lambda: float(f"{r.randrange(1, 10 ** r.randrange(1, 18))}e{r.randrange(-330, 300)}"),
            lambda: 10.0 ** r.randrange(-320, 309),
            lambda: math.nextafter(10.0 ** r.randrange(-20, 25), r.choice((0, math.inf))),
            lambda: 2.0 ** r.randrange(-1074, 1024),
            lambda: math.nextafter(2.0 ** r.randrange(-1000, 1000), 0),
            lambda: r.choice((0.0, math.inf, math.nan, 5e-324, 2.2250738585072014e-308, sys.float_info.max,
                              1e16, 1e15, 9999999999999998.0, 999999.5, 9.5, 0.5, 1.5, 2.5, 2.675, 1e22, 1e23)),
            lambda: r.uniform(0, 1e6),
        ))()
        return -value if r.random() < 0.4 else value

    def broken(self, format):
        content = bytearray(format)
        for _ in range(self.random.choice((1, 1, 2, 4))):
            at = self.random.randrange(len(content) + 1)
            action = self.random.random()
            if action < 0.4:
                content[at:at] = bytes([self.random.choice(b"%%%*.()0-+# 59hlLqzdsa\x00\xff\x80")])
            elif action < 0.6:
                del content[at:at + 1]
            elif action < 0.8:
                del content[at:]
            else:
                content[at:at + 1] = self.random.randbytes(1)
        return bytes(content)


def accepts_z():
    """Whether this Python takes the flag z of format() here as well, as 3.11 did at first."""
    try:
        return b"%zd" % 1 == b"1"
    except ValueError:
        return False


def python_result(case):
    """Returns the bytes and no error, or the error."""
    values = [value for _, _, value in case.arguments]
    if case.mapping:
        arguments = Mapping((key, value) for key, _, value in case.arguments)
    else:
        arguments = tuple(values)
    try:
        return case.format % arguments, None
    except Exception as error:
        return None, error


def word_of(type, value):
    if type in ("bytes", "char"):
        return f"{type}:x{value.hex()}"
    if type == "double":
        value = struct.unpack("<Q", struct.pack("<d", value))[0]
    return f"{type}:{int(value) & (1 << 128) - 1:032x}"


def line_of(case):
    words = ["x" + case.format.hex()]
    if case.mapping:
        words.append("mapping")
    for key, type, value in case.arguments:
        words.append((f"x{key.hex()}=" if case.mapping else "") + word_of(type, value))
    return " ".join(words)


def wanted_answer(case, used):
    """Returns a pattern for the answer of the program, and counts the difference that explains it."""
    result, error = python_result(case)
    for name, (applies, kind, _) in DIFFERENCES.items():
        if applies(case, error):
            used[name] += 1
            return f"{kind} .*"
    if error is None:
        return "x" + result.hex()
    index = re.search(r"at index \d+", str(error))
    return f"{type(error).__name__} .*" + (index.group() if index else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("program")
    options = parser.parse_args()

    generator = Generator(options.seed)
    cases = [generator.case() for _ in range(options.cases)]
    if accepts_z():
        cases = [case._replace(format=case.format.replace(b"z", b"Z")) for case in cases]
    lines = "".join(line_of(case) + "\n" for case in cases)
    ended = subprocess.run([options.program], input=lines, stdout=subprocess.PIPE, text=True)
    answers = ended.stdout.split("\n")[:-1]
    if ended.returncode != 0 or len(answers) != len(cases):
        sys.exit(f"the program ended with {ended.returncode} after {len(answers)} of {len(cases)} cases: "
                 f"{cases[min(len(answers), len(cases) - 1)]}")

    used, kinds, wrong = collections.Counter(), collections.Counter(), 0
    for case, answer in zip(cases, answers):
        wanted = wanted_answer(case, used)
        kinds[wanted.split()[0] if " " in wanted else "bytes"] += 1
        if re.fullmatch(wanted, answer):
            continue
        wrong += 1
        if wrong <= 20:
            print(f"{case.format!r} % {case.arguments} {'as a mapping' if case.mapping else ''}")
            print(f"    Python {python_result(case)}\n    aioxx  "
                  f"{bytes.fromhex(answer[1:]) if answer.startswith('x') else answer}")
    print(f"{len(cases)} cases of seed {options.seed}: {dict(kinds)}, differences that are meant: {dict(used)}, "
          f"others: {wrong}")
    if wrong:
        sys.exit(1)


main()
