#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_headers.py: every header compiles alone.

    check_headers.py [--include DIRECTORY]... FOLDER COMPILER [OPTION]...

Compiles each header below FOLDER, the root of the includes, as the only one of a program, as far as its syntax and types: that
takes half of the time of making code. DIRECTORY is one of other people's headers, which may cause warnings.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys


def complaint_about(header, folder, command):
    """What the compiler says of a header that does not compile alone; nothing otherwise."""
    program = f"#include <{header.relative_to(folder).as_posix()}>\n"
    done = subprocess.run([*command, "-fsyntax-only", f"-I{folder}", "-x", "c++", "-"], input=program, text=True,
                          capture_output=True, check=False)
    return "" if done.returncode == 0 else f"{header.relative_to(folder)} does not compile alone:\n{done.stderr}"


def check(folder, command):
    headers = sorted(folder.rglob("*.hpp"))
    if not headers:
        sys.exit(f"{folder}: there is no header")
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        complaints = pool.map(lambda header: complaint_about(header, folder, command), headers)
        return len(headers), [complaint for complaint in complaints if complaint]


def main():
    arguments = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    arguments.add_argument("--include", action="append", default=[])
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    given = arguments.parse_args()
    if not given.command:
        arguments.error("expected a compiler")
    others = [f"-isystem{path}" for path in given.include if not given.folder.samefile(path)]
    count, complaints = check(given.folder, given.command + others)
    print(*complaints, f"{count} headers, {len(complaints)} of them do not compile alone", sep="\n")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
