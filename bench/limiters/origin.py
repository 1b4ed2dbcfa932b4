"""A file server that takes its time: `origin.py PORT FOLDER SECONDS` answers every GET after SECONDS.

It stands behind a limiter whose limit is on requests in progress, so that a request lasts a known time. It limits nothing.
"""

import asyncio
import sys
from pathlib import Path

HEAD_MAX_BYTES = 16 * 1024
IDLE_MAX_S = 300  # longer than the keep-alive of any server in front of it


async def serve(reader, writer, folder: Path, seconds: float) -> None:
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_MAX_S)
            lines = head.split(b"\r\n")
            _, target, version = lines[0].split(b" ")
            connection = b"".join(line for line in lines[1:] if line.lower().startswith(b"connection:")).lower()
            keep = b"close" not in connection and (version == b"HTTP/1.1" or b"keep-alive" in connection)
            await asyncio.sleep(seconds)
            path = folder / target.decode().split("?")[0].rsplit("/", 1)[-1]
            body, status = (path.read_bytes(), "200 OK") if path.is_file() else (b"", "404 Not Found")
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: application/octet-stream\r\n"
                f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode() + body
            )
            await writer.drain()
            if not keep:
                break
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError, ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def main() -> None:
    port, folder, seconds = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, folder, seconds), "127.0.0.1", port, limit=HEAD_MAX_BYTES, backlog=1024
    )
    async with server:
        await server.serve_forever()


asyncio.run(main())
