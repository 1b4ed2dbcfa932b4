#!/usr/bin/env python3
"""Twenty `kill -9` in one run over hosts that make resuming hard: `python3 bench/kill_hosts.py [--kills 20] [--seed 1]`.

The hosts run in this process, each on a port of its own. They cut one body in eight, and after every fourth kill one file in four has
another version. Each kill comes while bodies are under way, and is followed by the same command. In the end every file has to have the
bytes of one version, and no file that was reported as done before a kill may have been requested after it. The exit code is 0 if that holds.

Needs a build (LONGHAUL=/path/to/longhaul).
"""

import argparse
import email.utils
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from quiet_host import QuietHandler, QuietHost  # noqa: E402

LONGHAUL = os.environ.get("LONGHAUL", str(Path(__file__).resolve().parents[1] / "target/release/longhaul"))

FILES_PER_HOST = 120
# More than 64 KiB, which a join without a validator requests again.
SIZE_MIN, SIZE_MAX = 200_000, 600_000
PIECE_BYTES, PIECE_S = 32_000, 0.08
CUT_EACH = 8
CHANGED_EACH, KILLS_PER_VERSION = 4, 4
PLACE_VALID_S = 0.6
RUN_S = (0.5, 1.1)
LAST_RUN_MAX_S = 600
REFUSALS = (400, 403, 404, 405, 412, 500, 501)


def content(host: str, number: int, version: int) -> bytes:
    seed = hashlib.sha256(f"{host} {number} {version}".encode()).digest()
    size = SIZE_MIN + int.from_bytes(hashlib.sha256(f"{host} {number}".encode()).digest()[:4], "big") % (SIZE_MAX - SIZE_MIN)
    return hashlib.shake_256(seed).digest(size)


@dataclass
class World:
    """What all hosts share."""

    random: random.Random
    kills: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    # Requests of this run: (host, number).
    requests: list[tuple[str, int]] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    under_way: int = 0

    def version(self, number: int) -> int:
        return self.kills // KILLS_PER_VERSION if number % CHANGED_EACH == 0 else 0


class Handler(QuietHandler):
    def do_GET(self) -> None:
        kind, world = self.server.kind, self.server.world
        is_place, number, until = re.fullmatch(r"/(place/)?(\d+)(?:\?until=([0-9.]+))?", self.path).groups()
        number = int(number)
        with world.lock:
            world.requests.append((kind, number))
            version, is_cut = world.version(number), world.random.randrange(CUT_EACH) == 0
            node = world.random.randrange(4)
        if kind == "expiring" and not is_place:
            return self.answer(302, {"Location": f"/place/{number}?until={time.time() + PLACE_VALID_S}"})
        if is_place and float(until) < time.time():
            return self.answer(403, {})
        fields = self.validators(kind, number, version, node)
        body = content(kind, number, version)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and kind == "refused":
            return self.answer(REFUSALS[number % len(REFUSALS)], {})
        if asked and kind == "ignored":
            asked = None
        condition = self.headers.get("If-Range")
        # A host without a validator ignores the condition, as some do.
        if asked and condition and kind != "none" and condition not in (fields.get("ETag"), fields.get("Last-Modified")):
            asked = None
        if not asked:
            return self.send(200, fields, body, is_cut)
        start = int(asked[1])
        if start >= len(body):
            return self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
        with world.lock:
            world.parts[kind] = world.parts.get(kind, 0) + 1
        self.send(206, fields | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body[start:], is_cut)

    def validators(self, kind: str, number: int, version: int, node: int) -> dict[str, str]:
        changed_at = email.utils.formatdate(1_700_000_000 + 86_400 * version, usegmt=True)
        return {
            "none": {},
            "expiring": {"ETag": f'"{number}-{version}"'},
            "refused": {"ETag": f'"{number}-{version}"'},
            "ignored": {"ETag": f'"{number}-{version}"'},
            "weak": {"ETag": f'W/"{number}-{version}"'},
            "unquoted": {"ETag": f"{number}-{version}"},
            "node": {"ETag": f'"{number}-{version}-{node}"'},
            "date": {"Last-Modified": changed_at},
        }[kind]

    def send_response(self, code: int, message: str | None = None) -> None:
        """Without `Date` and `Server`: a date without `Date` is no strong validator."""
        self.send_response_only(code, message)
        if self.server.kind != "date":
            self.send_header("Date", self.date_time_string())

    def answer(self, status: int, fields: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (fields | {"Content-Length": "0"}).items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, status: int, fields: dict[str, str], body: bytes, is_cut: bool) -> None:
        self.send_response(status)
        for name, value in (fields | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        end = len(body) // 2 if is_cut else len(body)
        world = self.server.world
        with world.lock:
            world.under_way += 1
        try:
            for at in range(0, end, PIECE_BYTES):
                self.wfile.write(body[at : min(at + PIECE_BYTES, end)])
                time.sleep(PIECE_S)
        finally:
            with world.lock:
                world.under_way -= 1
        self.close_connection |= is_cut


class Host(QuietHost):
    def __init__(self, kind: str, world: World):
        self.kind, self.world = kind, world
        super().__init__(Handler)


KINDS = {
    "none": "no validator; If-Range is ignored",
    "expiring": "a redirect to a place that expires",
    "refused": "a range is refused: " + ", ".join(map(str, REFUSALS)),
    "ignored": "a range is answered with 200",
    "weak": "a weak ETag",
    "unquoted": "an ETag without quotes",
    "node": "another ETag on each of four nodes",
    "date": "Last-Modified without Date",
}


def run(command: list[str], events: Path, run_s: float) -> bool:
    """Runs the program; `True` if it had to be killed."""
    with open(events, "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        try:
            process.wait(run_s)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True


def done_urls(events: Path) -> set[str]:
    """Files that were reported as done. A kill may have cut the last line."""
    lines = events.read_text(errors="replace").splitlines()
    parsed = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return {event["url"] for event in parsed if event["event"] == "done"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    world = World(random.Random(arguments.seed))
    hosts = [Host(kind, world) for kind in KINDS]
    urls = {host.url(number): (host.kind, number) for number in range(FILES_PER_HOST) for host in hosts}
    requests = {kind: 0 for kind in KINDS}
    again: list[tuple[str, int]] = []
    bodies_cut_by_kills = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        url_list, haul, events = Path(folder, "list"), Path(folder, "haul"), Path(folder, "events")
        url_list.write_text("".join(f"{url}\n" for url in urls))
        events.touch()
        command = [LONGHAUL, "get", "--json", "-i", str(url_list), "-d", str(haul)]
        begun = time.monotonic()
        while True:
            is_last = world.kills == arguments.kills
            finished = {urls[url] for url in done_urls(events)}
            world.requests.clear()
            was_killed = run(command, events, LAST_RUN_MAX_S if is_last else world.random.uniform(*RUN_S))
            with world.lock:
                again += [request for request in world.requests if request in finished]
                for kind, _ in world.requests:
                    requests[kind] += 1
                bodies_cut_by_kills += world.under_way if was_killed else 0
                if is_last or not was_killed:
                    break
                world.kills += 1
            time.sleep(2 * PIECE_S)
        took_s = time.monotonic() - begun
        right, mixed, missing = ({kind: 0 for kind in KINDS} for _ in range(3))
        versions = world.kills // KILLS_PER_VERSION + 1
        for host in hosts:
            for number in range(FILES_PER_HOST):
                path = haul / f"127.0.0.1+{host.server_port}" / str(number)
                if not path.is_file():
                    missing[host.kind] += 1
                    continue
                stored = path.read_bytes()
                is_one = any(stored == content(host.kind, number, version) for version in range(versions))
                (right if is_one else mixed)[host.kind] += 1
    print("| host | files | of one version | of two | missing | requests | parts (206) |\n|---|---|---|---|---|---|---|")
    for kind, title in KINDS.items():
        cells = [title, FILES_PER_HOST, right[kind], mixed[kind], missing[kind], requests[kind], world.parts.get(kind, 0)]
        print("| " + " | ".join(map(str, cells)) + " |")
    print(
        f"\n{world.kills} kills with {bodies_cut_by_kills} bodies under way, {versions} versions, {took_s:.0f} s; "
        f"{len(again)} requests for files that were done"
    )
    is_good = not again and sum(right.values()) == len(urls) and world.kills == arguments.kills
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
