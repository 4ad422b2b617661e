#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0

"""Runs the small example programs and compares what they print.

    examples_test.py DIRECTORY      where the built programs are
"""

import pathlib
import re
import subprocess
import sys
import tempfile

PATIENCE = 60  # seconds until a program counts as hanging

# Regular expressions of whole outputs.
EXPECTED = {
    "concurrent_sleeps": r"""started
hello
world
the thread says 42
all done after [0-9.]+ s, not 0\.6 s
""",
    "time_limits": r"""wait_for: too late
move_on_after: an answer
move_on_after: nothing, and on we go
part 1
part 2
part 3
in time: true
""",
    "worker_queue": r"""all jobs are done
10 results, their sum is 385
""",
    "generator_pipe": r"""tick 1
tick 3
tick 5
the generator is closed
tick 1
the generator is closed
""",
    "shielded_cleanup": r"""talking
interrupted again
goodbye was said
cancelled, and on we go
""",
    "task_tree": r"""Task-1: waits for event \[#1\]
    at task_tree\.cpp:\d+, in .*
  serve: waits for task group #3 \[#2\]
(?:      at .*\n)+    fetch: waits for event \[#3\]
        at task_tree\.cpp:\d+, in .*
everything went on
""",
    "run_commands": r"""sort returned 0:
apple
pear
plum
output: working
error: oops
it returned 3
""",
    "file_lines": r"""34 bytes copied
1: GET /
2: GET /favicon\.ico
3: POST /form
""",
    "pack_bytes": r"""\[GET\]\[/index\.html\]\[HTTP/1\.1\] http/1\.1
name    \|\+0042\|ff
00:03:a0:8d:06
3 100000
need 4 more
11 bytes in lines
""",
    "websocket_events": r"""1: number 1
2: number 2
3: number 3
4: number 4
5: number 5
""",
    "test_a_protocol": r"""both tests passed
""",
}


# Outputs by the words after the files of a certificate.
SECURE = {
    (): "speaking TLSv1.3\nhello\n",
    ("starttls",): "in the clear: go ahead\nspeaking TLSv1.3\nhello\n",
}


def make_certificate(folder):
    """The files of a certificate for localhost, its key and its authority, which it is itself."""
    certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return [certificate, key, certificate]


def problem_of(program, expected, arguments=(), given=""):
    """What is wrong with a program, whose standard input is a pipe; None when nothing is."""
    try:
        ended = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as late:
        return f"has not ended after {PATIENCE} s; it printed {late.stdout!r}"
    if ended.returncode != 0 or ended.stderr:
        return f"returned {ended.returncode} and complained:\n{ended.stderr}"
    if not re.fullmatch(expected, ended.stdout):
        return f"printed\n{ended.stdout}instead of\n{expected}"
    return None


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = 0
    for name, expected in EXPECTED.items():
        problem = problem_of(pathlib.Path(sys.argv[1]) / name, expected)
        print(f"{name}: {problem or 'ok'}", flush=True)
        failed += problem is not None
    problem = problem_of(pathlib.Path(sys.argv[1]) / "stdin_to_stdout", "1: one\n2: two\n", given="one\ntwo\n")
    print(f"stdin_to_stdout: {problem or 'ok'}", flush=True)
    failed += problem is not None
    secure = pathlib.Path(sys.argv[1]) / "tls_echo"
    if secure.exists():  # left out without OpenSSL
        with tempfile.TemporaryDirectory() as folder:
            files = make_certificate(folder)
            for words, expected in SECURE.items():
                problem = problem_of(secure, expected, [*files, *words])
                print(f"tls_echo {' '.join(words)}: {problem or 'ok'}", flush=True)
                failed += problem is not None
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
