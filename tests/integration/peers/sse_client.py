#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""Reads a stream of events with urllib, and exits with 0 when everything was right.

    sse_client.py PORT
"""

import sys
import urllib.request


def read_events(url: str, last_event_id: str):
    """One visit. Returns: the status and the blocks of lines, comments left out."""
    request = urllib.request.Request(url, headers={"Accept": "text/event-stream"})
    if last_event_id:
        request.add_header("Last-Event-ID", last_event_id)
    with urllib.request.urlopen(request, timeout=20) as response:
        if response.status == 204:
            return 204, []
        assert response.headers["Content-Type"] == "text/event-stream", response.headers
        assert response.headers["Cache-Control"] == "no-store", response.headers
        assert response.headers["Transfer-Encoding"] == "chunked", response.headers
        text = response.read().decode("utf-8")  # fails for a body that is not complete
    assert text.endswith("\n\n"), text
    blocks = [[line for line in block.split("\n") if not line.startswith(":")] for block in text[:-2].split("\n\n")]
    return response.status, [block for block in blocks if block]


def main() -> None:
    url = f"http://127.0.0.1:{sys.argv[1]}/events"
    status, blocks = read_events(url, "")
    assert (status, blocks) == (200, [
        ["retry: 50"],
        ["event: count", "id: 1", "data: number 1", "data: \u20ac"],
        ["event: count", "id: 2", "data: number 2", "data: \u20ac"],
        ["event: count", "id: 3", "data: number 3", "data: \u20ac"],
    ]), blocks
    status, blocks = read_events(url, "6")
    assert blocks[1:] == [["event: count", "id: 7", "data: number 7", "data: \u20ac"]], blocks
    assert read_events(url, "7") == (204, [])


main()
