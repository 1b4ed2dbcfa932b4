#!/usr/bin/env python3
"""Forty `kill -9` in each command that changes a finished haul: `python3 bench/kill_checks.py [--kills 40] [--seed 1]`.

The commands are `verify --repair`, `get --locked`, adoption, a corrected list and `forget`. Each starts with copies of one folder. One copy
goes through it undisturbed; the others are killed at a random time and started again, until the command ends. Both have to show the same
outcome of each line, the same files and the same files of others, and no file may be reported as done twice. The exit code is 0 if they do.

Needs a build (LONGHAUL=/path/to/longhaul).
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from quiet_host import QuietHandler, QuietHost  # noqa: E402

LONGHAUL = os.environ.get("LONGHAUL", str(Path(__file__).resolve().parents[1] / "target/release/longhaul"))

FILES = 400
SIZE_MAX = 40_000
CHANGED_EACH = 10
DAMAGED_EACH = 7
RUN_MAX_S = 120.0
# A kill comes before this many times the time that the undisturbed run took.
KILL_BEFORE = 1.2
# Fields of an export that differ between two runs of the same work.
INCIDENTAL = ("started", "finished", "attempts", "elapsed_ms", "endpoint", "list")


def content(number: int, is_changed: bool = False) -> bytes:
    seed = f"{number} {is_changed}".encode()
    return hashlib.shake_256(seed).digest(int.from_bytes(hashlib.sha256(seed).digest()[:4], "big") % SIZE_MAX + 1)


class Handler(QuietHandler):
    def do_GET(self) -> None:
        number = int(re.fullmatch(r"/(\d+)", self.path)[1])
        body = content(number, self.server.has_changed and number % CHANGED_EACH == 0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Host(QuietHost):
    def __init__(self) -> None:
        self.has_changed = False
        super().__init__(Handler)

    def files_of(self, haul: Path) -> Path:
        return haul / f"127.0.0.1+{self.server_port}"


def run(command: list[str], run_max_s: float = RUN_MAX_S) -> tuple[int | None, list[dict]]:
    """The exit code, or `None` if the program was killed when its time was over; and its events."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        out, _ = process.communicate(timeout=run_max_s)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        code = None
    # A kill may have cut the last line.
    lines = [line for line in out.decode(errors="replace").splitlines() if line.startswith("{") and line.endswith("}")]
    return code, [json.loads(line) for line in lines]


def must(*command: str) -> None:
    subprocess.run([LONGHAUL, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=RUN_MAX_S)


@dataclass
class Task:
    title: str
    # Prepares the folder in which the commands run.
    prepare: Callable[[Path, Host], None]
    # Commands without the program's name, one after the other; each is killed.
    commands: list[list[str]]
    has_changed: bool = False


def write_list(path: Path, host: Host, numbers=range(FILES), words: Callable[[int], str] = lambda _: "") -> None:
    path.write_text("".join(f"{host.url(number)}{words(number)}\n" for number in numbers))


def finished(folder: Path, host: Host) -> Path:
    """A finished haul, and a file of somebody else in it."""
    write_list(folder / "list", host)
    must("get", "-i", str(folder / "list"), "-d", str(folder / "haul"))
    (host.files_of(folder / "haul") / "notes of the user").write_text("mine")
    return folder / "haul"


def to_repair(folder: Path, host: Host) -> None:
    files = host.files_of(finished(folder, host))
    for number in range(0, FILES, DAMAGED_EACH):
        path = files / str(number)
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes() + b"more")


def to_lock(folder: Path, host: Host) -> None:
    haul = finished(folder, host)
    must("export", "--format", "lock", "-o", str(folder / "lock"), str(haul))
    shutil.rmtree(haul)


def to_adopt(folder: Path, host: Host) -> None:
    """Files of another program: most are right, some are not, some are not there."""

    def words(number: int) -> str:
        return f" size={len(content(number))} sha256={hashlib.sha256(content(number)).hexdigest()}"

    write_list(folder / "list", host, words=words)
    files = host.files_of(folder / "haul")
    files.mkdir(parents=True)
    for number in range(FILES):
        if number % DAMAGED_EACH:
            (files / str(number)).write_bytes(content(number))
        elif number % 2:
            (files / str(number)).write_bytes(b"not what the list expects")


def to_correct(folder: Path, host: Host) -> None:
    """A list of which some lines were refused, some were removed and some are new."""
    numbers = range(FILES - 40)
    write_list(folder / "list", host, numbers)
    bad = [f"htp//{number}\n" for number in range(20)]
    with open(folder / "list", "a") as lines:
        lines.writelines(bad)
    run([LONGHAUL, "get", "-i", str(folder / "list"), "-d", str(folder / "haul")])
    lines = [host.url(number) for number in range(20, FILES)]
    random.Random(0).shuffle(lines)
    (folder / "list").write_text("".join(f"{line}\n" for line in lines))


def to_forget(folder: Path, host: Host) -> None:
    finished(folder, host)
    write_list(folder / "half", host, range(0, FILES, 2))
    must("get", "-i", str(folder / "half"), "-d", str(folder / "haul"))


GET = ["get", "--json", "-d", "haul"]
TASKS = [
    Task("verify --repair, then get", to_repair, [["verify", "--repair", "haul"], [*GET, "-i", "list"]]),
    Task("get --locked, ten files in a hundred changed", to_lock, [[*GET, "--locked", "lock"]], has_changed=True),
    Task("adoption", to_adopt, [[*GET, "-i", "list"]]),
    Task("a corrected and sorted list", to_correct, [[*GET, "-i", "list"]]),
    Task("forget, then get", to_forget, [["forget", "haul", "--done", "-i", "list"], [*GET, "-i", "half"]]),
]


@dataclass
class Result:
    """What a user finds after the commands."""

    codes: list[int]
    rows: list[tuple]
    files: dict[str, str]
    twice: list[str] = field(default_factory=list)

    def differences(self, other: "Result") -> list[str]:
        found = []
        if self.codes != other.codes:
            found.append(f"exit codes {other.codes} and not {self.codes}")
        mine, theirs = Counter(self.rows), Counter(other.rows)
        found += [f"only undisturbed: {row}" for row in mine - theirs] + [f"only killed: {row}" for row in theirs - mine]
        names = self.files.keys() | other.files.keys()
        found += [f"file {name}" for name in sorted(names) if self.files.get(name) != other.files.get(name)]
        return found + [f"done twice: {url}" for url in other.twice]


def result(folder: Path, codes: list[int], reported: Counter) -> Result:
    _, rows = run([LONGHAUL, "export", "--format", "jsonl", str(folder / "haul")])
    seen = [tuple((name, str(value)) for name, value in row.items() if name not in INCIDENTAL and name != "row") for row in rows]
    seen = [tuple((name, value.replace(str(folder), "")) for name, value in row) for row in seen]
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".longhaul" not in path.parts
    }
    return Result(codes, seen, files, [url for url, times in reported.items() if times > 1])


def go_through(task: Task, folder: Path, kill_before_s: list[float] | None, chance: random.Random, kills_left: int) -> tuple[Result, int, list[float]]:
    """Runs the commands of a task in `folder`, killed at random times if `kill_before_s` says how long each of them takes."""
    codes, kills, took_s = [], 0, []
    reported: Counter = Counter()
    for number, words in enumerate(task.commands):
        command = [LONGHAUL, *(str(folder / word) if word in ("haul", "list", "lock", "half") else word for word in words)]
        begun = time.monotonic()
        while True:
            is_spared = kill_before_s is None or kills >= kills_left
            limit_s = RUN_MAX_S if is_spared else chance.uniform(0.0, KILL_BEFORE * kill_before_s[number])
            code, events = run(command, limit_s)
            reported.update(event["url"] for event in events if event.get("event") == "done")
            if code is not None:
                codes.append(code)
                break
            if is_spared:
                raise RuntimeError(f"{command} did not end")
            kills += 1
        took_s.append(time.monotonic() - begun)
    return result(folder, codes, reported), kills, took_s


def check(task: Task, host: Host, kills_wanted: int, chance: random.Random, base: Path) -> bool:
    host.has_changed = False
    # A haul knows its lists by their paths, so each round works in the same folder.
    work, start = base / "work", base / "start"
    work.mkdir(parents=True)
    task.prepare(work, host)
    work.rename(start)
    host.has_changed = task.has_changed

    def restored() -> Path:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(start, work, symlinks=True)
        return work

    undisturbed, _, took_s = go_through(task, restored(), None, chance, 0)
    kills, rounds, wrong = 0, 0, []
    while kills < kills_wanted:
        killed, count, _ = go_through(task, restored(), took_s, chance, kills_wanted - kills)
        kills, rounds = kills + count, rounds + 1
        wrong += undisturbed.differences(killed)
    outcomes = Counter(dict(row).get("outcome") for row in undisturbed.rows)
    print(
        f"| {task.title} | {', '.join(f'{count} {name}' for name, count in outcomes.most_common())} | "
        f"{', '.join(map(str, undisturbed.codes))} | {rounds} | {kills} | {len(wrong)} |",
        flush=True,
    )
    for line in wrong[:10]:
        print(f"    {line}", file=sys.stderr)
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, host = random.Random(arguments.seed), Host()
    print("| command | rows | exit codes | rounds | kills | differences |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        good = [check(task, host, arguments.kills, chance, Path(folder, str(number))) for number, task in enumerate(TASKS)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
