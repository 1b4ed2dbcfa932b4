"""The files that every server serves: the bytes of a file are a function of its number."""

import gzip
import hashlib
from pathlib import Path

SMALL_BYTES = 200
# One file in so many is large: it takes several reads, and a server without a length sends it in several chunks.
LARGE_EACH = 10
LARGE_BYTES = 150_000


def name(number: int) -> str:
    return f"{number:05d}"


def content(number: int) -> bytes:
    seed = hashlib.sha256(f"foreign {number}".encode()).digest()
    spread = int.from_bytes(seed[:2], "big")
    size = LARGE_BYTES + spread if number % LARGE_EACH == 0 else SMALL_BYTES + spread % 4000
    return hashlib.shake_256(seed).digest(size)


def write_all(folder: Path, files: int) -> None:
    """`plain` holds the files; `gzip` holds them coded, under the same names, and with `.gz` for servers that look for it."""
    for kind in ("plain", "gzip"):
        (folder / kind).mkdir(parents=True)
    for number in range(files):
        whole = content(number)
        (folder / "plain" / name(number)).write_bytes(whole)
        coded = gzip.compress(whole, compresslevel=1, mtime=0)
        (folder / "gzip" / name(number)).write_bytes(coded)
        (folder / "gzip" / f"{name(number)}.gz").write_bytes(coded)
