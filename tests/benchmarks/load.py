"""A load of POST requests over kept-alive connections, light enough to leave the machine to the server.

    python -m tests.benchmarks.load URL CONCURRENCY SECONDS raw|PART PICTURE …

The body is the picture itself (raw), or a form with the picture as the part of that name. Every answer must have status
200. Prints one JSON line: `{"answers", "seconds", "latencies_ms", "cpu_seconds"}`; the last is what the load took.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

BOUNDARY = b"hwapung-boundary"


def make_request(host: str, path: str, image: bytes, form: str) -> bytes:
    kind = b"image/jpeg"
    body = image
    if form != "raw":
        kind = b"multipart/form-data; boundary=" + BOUNDARY
        part = f'Content-Disposition: form-data; name="{form}"; filename="a.jpg"\r\n'.encode()
        part += b"Content-Type: image/jpeg\r\n\r\n"
        body = b"--" + BOUNDARY + b"\r\n" + part + image + b"\r\n--" + BOUNDARY + b"--\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nContent-Type: ".encode()
    return head + kind + b"\r\n\r\n" + body


async def ask(host: str, port: int, requests: itertools.cycle[bytes], until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=2**22)
    try:
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(next(requests))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(f"{head[:60]!r} {body[:200]!r}")
            latencies.append((time.perf_counter() - started) * 1000)
    finally:
        writer.close()


async def main() -> None:
    url, concurrency, seconds, form, *paths = sys.argv[1:]
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    requests = itertools.cycle(
        [make_request(f"{host}:{port}", parts.path, Path(path).read_bytes(), form) for path in paths]
    )
    latencies: list[float] = []
    used_before, started = time.process_time(), time.perf_counter()
    until = started + float(seconds)
    await asyncio.gather(*(ask(host, port, requests, until, latencies) for _ in range(int(concurrency))))
    elapsed = time.perf_counter() - started
    used = {"cpu_seconds": time.process_time() - used_before}
    print(json.dumps({"answers": len(latencies), "seconds": elapsed, "latencies_ms": latencies} | used))


if __name__ == "__main__":
    asyncio.run(main())
