"""The files that every host serves: the bytes of a file are a function of its number."""

import hashlib
from pathlib import Path


def name(number: int) -> str:
    return f"{number:05d}"


def content(number: int, size: int | None = None) -> bytes:
    """The bytes of one file. Without `size`, 200 to 2,247 bytes, by the number."""
    seed = hashlib.sha256(f"limiters {number}".encode()).digest()
    if size is None:
        size = 200 + int.from_bytes(seed[:2], "big") % 2048
    return hashlib.shake_256(seed).digest(size)


def write_all(folder: Path, files: int, size: int | None) -> None:
    folder.mkdir()
    for number in range(files):
        (folder / name(number)).write_bytes(content(number, size))


def compare(folder: Path, files: int, size: int | None) -> tuple[int, int]:
    """How many files in `folder` are right, and how many are there with other bytes."""
    right = wrong = 0
    for number in range(files):
        path = folder / name(number)
        if path.is_file():
            if path.read_bytes() == content(number, size):
                right += 1
            else:
                wrong += 1
    return right, wrong
