#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""A server of events: prints "PORT n" and serves until its input ends.

Three events for each visit, in chunks that are cut anywhere, from Last-Event-ID on; 204 behind the seventh. /plain is the
same without chunks, /moved a redirect to it, /page no stream, and /cut breaks off in the middle of an event.
"""

import http.server
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        pass

    def answer(self, status: int, *headers) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        if self.path == "/page":
            return self.answer(200, ("Content-Type", "text/html"), ("Content-Length", "0"))
        if self.path == "/moved":
            return self.answer(307, ("Location", "/plain"), ("Content-Length", "0"))
        assert self.headers["Accept"] == "text/event-stream", self.headers
        assert self.headers["Cache-Control"] == "no-store", self.headers
        last = int(self.headers.get("Last-Event-ID", "0"))
        if last == 7:
            return self.answer(204)
        text = "retry: 20\r\n: h\u00e9\r\n\r\n"
        for number in range(last + 1, min(last + 4, 8)):
            text += f"event: count\r\nid: {number}\r\ndata: number {number}\r\ndata: \u20ac\r\n\r\n"
        if self.path == "/cut" and last == 0:
            text += "id: 5\r\ndata: never seen\r\n"
        body = text.encode()
        if self.path == "/plain":
            self.answer(200, ("Content-Type", "text/event-stream"))
            self.wfile.write(body)
            return None
        self.answer(200, ("Content-Type", "text/event-stream; charset=utf-8"), ("Transfer-Encoding", "chunked"))
        for at in range(0, len(body), 7):
            piece = body[at:at + 7]
            self.wfile.write(b"%x;note=1\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if self.path != "/cut" or last != 0:
            self.wfile.write(b"0\r\nX-Trailer: done\r\n\r\n")
        return None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("PORT", server.server_address[1], flush=True)
sys.stdin.read()
