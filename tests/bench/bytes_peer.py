# tests/bench/bytes_peer.py: Python's bytes as a way of tests/bench/bytes.cpp.
#
# In:  <size> and that many bytes, the text; then lines `<count> <expression>` over the names below.
# Out: for each a line `<nanoseconds of CPU for one> <result>`.

import re
import sys
import time

either = re.compile(rb"#|\r\n")


def line_sum(lines):
    return sum(map(len, lines)) + len(lines)


def pass_through(passes, piece, message, held):
    buffer = bytearray()
    total = 0
    for i in range(passes):
        buffer += text[i % 97 : i % 97 + piece]
        while len(buffer) >= held + message:
            total += buffer[0]
            del buffer[:message]
    return total


text = sys.stdin.buffer.read(int(sys.stdin.buffer.readline()))
names = {"text": text, "either": either, "line_sum": line_sum, "pass_through": pass_through}
for line in sys.stdin.buffer:
    count, expression = line.decode().split(maxsplit=1)
    run = eval("lambda: " + expression, names)
    begin = time.process_time_ns()
    for _ in range(int(count)):
        result = run()
    print((time.process_time_ns() - begin) / int(count), result, flush=True)
