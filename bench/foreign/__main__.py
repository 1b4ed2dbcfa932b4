#!/usr/bin/env python3
"""Servers that others wrote against the program: `python3 bench/foreign`. docs/performance.md has the results.

Each server serves 2,000 files on loopback in every way that its configuration can express: with and without tags, in chunks, coded though
nobody asked, behind redirects, without ranges, with 204. One run of the list is killed with `kill -9` several times and started again;
then every file is compared with its bytes. The exit code is 0 if no file is wrong or missing, and every run was
killed as often as intended.

Needs the servers (`--only NAME` for some of them; GUNICORN=/path/to/gunicorn) and a build (LONGHAUL=/path/to/longhaul).
"""

import argparse
import gzip
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import content  # noqa: E402
import processes  # noqa: E402
from servers import KINDS, SERVERS, Server  # noqa: E402

FILES = 2_000
KILLS = 3
# How often it is looked whether enough files are done for a kill.
LOOK_EACH_S = 0.005
START_MAX_S = 20.0
RUN_MAX_S = 300.0
# A large file, so that it is sent as a server sends what does not fit into its buffers.
SAMPLE = 0


def start(server: Server, folder: Path) -> tuple[subprocess.Popen, int]:
    """Starts the server and waits until it listens; returns its process and its port."""
    port = processes.free_port()
    command = server.configure(folder, port)
    environment = os.environ | {"FOLDER": str(folder / "www"), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with open(folder / "messages", "ab") as messages:
        process = processes.spawn(*command, stdout=messages, stderr=messages, env=environment)
    until = time.monotonic() + START_MAX_S
    while not processes.listens(process.pid, port):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{server.title} does not listen:\n{(folder / 'messages').read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
    return process, port


def check_kinds(server: Server, port: int) -> None:
    """Asks for one file of each kind: does the server behave as configured?"""
    for kind in server.kinds:
        _, (status, name, value) = KINDS[kind]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        fields = {"Range": "bytes=1-"} if kind == "unranged" and server.title != "Node" else {}
        connection.request("GET", f"/{kind}/{content.name(SAMPLE)}?check", headers=fields)
        try:
            response = connection.getresponse()
        finally:
            connection.close()
        found = response.getheader(name)
        is_right = found is None if value is None else found is not None and found.startswith(value)
        if response.status != status or not is_right:
            raise RuntimeError(f"{server.title} does not serve /{kind}/ as configured: {response.status}, {name}: {found}")


def download(url_list: Path, haul: Path, events: Path) -> tuple[int, int]:
    """One run that is killed several times, each time after a further part of the files, and started again. Returns the last
    exit code and the number of kills."""
    program = os.environ.get("LONGHAUL") or str(Path(__file__).parents[2] / "target/release/longhaul")
    command = [program, "get", "--json", "-i", str(url_list), "-d", str(haul)]
    kills = 0
    for kill in range(KILLS + 1):
        with open(events, "ab") as out:
            process = processes.spawn(*command, stdout=out, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + RUN_MAX_S
            while process.poll() is None and time.monotonic() < deadline:
                is_far = kill < KILLS and events.read_bytes().count(b'"event":"done"') > FILES * (kill + 1) // (KILLS + 2)
                if is_far:
                    break
                time.sleep(LOOK_EACH_S)
            kills += process.poll() is None
            process.kill()
            process.wait()
            processes.kill_group(process)
        if process.returncode != -signal.SIGKILL:
            break
    return process.returncode, kills


def run(server: Server, scratch: Path) -> list[str]:
    """Starts a server and returns its row of the table."""
    scratch.chmod(0o755)  # Apache reads the files as a user of its own
    content.write_all(scratch / "www", FILES)
    process, port = start(server, scratch)
    try:
        check_kinds(server, port)
        return compare(server, port, scratch)
    finally:
        processes.kill_group(process)


def compare(server: Server, port: int, scratch: Path) -> list[str]:
    """Downloads every file from the server that runs, and compares them."""
    kinds = [server.kinds[number % len(server.kinds)] for number in range(FILES)]
    url_list, haul, events = scratch / "list", scratch / "haul", scratch / "events"
    url_list.write_text("".join(f"http://127.0.0.1:{port}/{kind}/{content.name(number)}\n" for number, kind in enumerate(kinds)))
    begun = time.monotonic()
    code, kills = download(url_list, haul, events)
    took_s = time.monotonic() - begun
    right = wrong = missing = empty = 0
    for number, kind in enumerate(kinds):
        path = haul / f"127.0.0.1+{port}" / kind / content.name(number)
        if kind == "empty":
            empty += not path.exists()
            wrong += path.exists()
            continue
        if not path.is_file():
            missing += 1
            continue
        stored = path.read_bytes()
        try:
            whole = gzip.decompress(stored) if kind == "gzip" else stored
        except (OSError, EOFError):
            whole = None
        right, wrong = (right + 1, wrong) if whole == content.content(number) else (right, wrong + 1)
    failed = sum(json.loads(line)["event"] == "failed" for line in events.read_text().splitlines() if line.endswith("}"))
    shown = subprocess.run([processes.find(server.program) or server.program, *server.version], capture_output=True, text=True)
    version = re.search(r"\d+(\.\d+)+", shown.stdout + shown.stderr)
    return [
        f"{server.title} {version[0] if version else ''}", ", ".join(server.kinds), str(FILES), str(right), str(empty), str(wrong),
        str(missing), str(failed), str(kills), f"{took_s:.1f}", str(code),
    ]


HEAD = ["server", "kinds of files", "files", "right", "no content", "wrong", "missing", "failed", "kills", "s", "exit code"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/foreign", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="this server; may be given several times")
    parser.add_argument("--list", action="store_true", help="print the servers and the kinds of files, and exit")
    options = parser.parse_args()
    if options.list:
        for server in SERVERS:
            print(f"{server.title}: {', '.join(server.kinds)}")
        for kind, (title, _) in KINDS.items():
            print(f"/{kind}/: {title}")
        return 0
    chosen = [server for server in SERVERS if not options.only or server.title in options.only]
    absent = [server for server in chosen if processes.find(server.program) is None]
    for server in absent:
        print(f"bench/foreign: {server.title} is not installed (package {server.package}): left out", file=sys.stderr)
    rows = []
    try:
        for server in chosen:
            if server in absent:
                continue
            with tempfile.TemporaryDirectory(prefix="foreign-", dir="/dev/shm") as folder:
                rows.append(run(server, Path(folder)))
            print(f"{server.title}: {rows[-1][3]} right", file=sys.stderr)
    finally:
        processes.stop_all()
    for cells in [HEAD, ["---"] * len(HEAD), *rows]:
        print("| " + " | ".join(cells) + " |")
    is_good = all((*row[5:9], row[10]) == ("0", "0", "0", str(KILLS), "0") for row in rows)
    return 0 if is_good and rows else 1


if __name__ == "__main__":
    sys.exit(main())
