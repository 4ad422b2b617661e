#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a proxy of others on a free port: prints "PORT n" once it accepts connections, and ends it when stdin ends.

    real_proxy.py microsocks | tinyproxy [NAME:PASSWORD]
"""

import socket
import subprocess
import sys
import tempfile
import time

TINYPROXY = """
Listen 127.0.0.1
Port {port}
Timeout 60
LogLevel Error
{auth}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def main() -> None:
    program, user = sys.argv[1], sys.argv[2].split(":") if len(sys.argv) > 2 else []
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        if program == "microsocks":
            command = ["microsocks", "-i", "127.0.0.1", "-p", str(port)]
            if user:
                command += ["-u", user[0], "-P", user[1]]
        else:
            config.write(TINYPROXY.format(port=port, auth=f"BasicAuth {user[0]} {user[1]}" if user else ""))
            config.flush()
            command = ["tinyproxy", "-d", "-c", config.name]
        proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not accepts(port):
                if proxy.poll() is not None:
                    sys.exit(f"{program} ended with {proxy.returncode}")
                time.sleep(0.02)
            print("PORT", port, flush=True)
            sys.stdin.read()
        finally:
            proxy.kill()
            proxy.wait()


main()
