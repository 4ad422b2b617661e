#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0

"""Writes each program of the README, which is a block of C++ with a main(), into a file of its own.

    readme_programs.py README.md DIRECTORY      prints the names of the files
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    readme, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    programs = [block for block in BLOCK.findall(readme.read_text()) if "int main(" in block]
    if not programs:
        sys.exit(f"{readme}: there is no program in it")
    for number, program in enumerate(programs, 1):
        path = folder / f"readme_{number}.cpp"
        if not path.exists() or path.read_text() != program:  # what is as it was is not compiled again
            path.write_text(program)
        print(path)


if __name__ == "__main__":
    main()
