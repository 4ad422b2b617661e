# SPDX-License-Identifier: BSL-1.0
# differential/fake_transport.py: a transport that only writes down what it is asked for; fake_transport.hpp is the
# same for aioxx.

import asyncio


class FakeTransport(asyncio.Transport):
    def __init__(self, trace):
        super().__init__()
        self.trace = trace
        self.closing = False

    def pause_reading(self):
        self.trace("transport: pause reading")

    def resume_reading(self):
        self.trace("transport: resume reading")

    def write(self, data):
        if not self.closing:
            self.trace("transport: write", data)

    def writelines(self, pieces):
        self.trace("transport: write", b"".join(pieces))

    def write_eof(self):
        self.trace("transport: write eof")

    def can_write_eof(self):
        return True

    def is_closing(self):
        return self.closing

    def close(self):
        self.trace("transport: close")
        self.closing = True

    def abort(self):
        self.trace("transport: abort")
        self.closing = True
