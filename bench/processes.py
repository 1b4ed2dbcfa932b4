"""Starts programs in the foreground, each in a process group of its own, and takes everything down again."""

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

STOP_MAX_S = 3.0
TOOL_MAX_S = 20.0
PORTS = range(20_000, 32_000)  # below the ephemeral ports, so that no client takes one in between
AS_ROOT = os.geteuid() == 0


class Unavailable(Exception):
    """The machine lacks something that a host needs."""


def find(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def tool(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        [find(command[0]) or command[0], *command[1:]],
        input=stdin, capture_output=True, text=True, timeout=TOOL_MAX_S,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def free_port() -> int:
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Unavailable(f"no free port between {PORTS.start} and {PORTS.stop}")


_alive: set[subprocess.Popen] = set()
_stopping = threading.Event()
_lock = threading.Lock()


def spawn(*command: str, **options) -> subprocess.Popen:
    """Starts a process as the leader of a group; `kill_group` ends it. Refuses once `stop_all` has been called."""
    with _lock:
        if _stopping.is_set():
            raise RuntimeError("stopped")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        _alive.add(process)
        return process


def pause(seconds: float) -> None:
    """Sleeps, but not beyond `stop_all`."""
    _stopping.wait(max(0.0, seconds))


def stop_all() -> None:
    """Ends every process, so that the threads which wait for them come to their own clean-up."""
    with _lock:
        _stopping.set()
        processes = list(_alive)
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def kill_group(process: subprocess.Popen) -> None:
    """Ends a process that leads a group, and the group: SIGTERM, then SIGKILL."""
    for number, wait_s in ((signal.SIGTERM, STOP_MAX_S), (signal.SIGKILL, STOP_MAX_S)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait(STOP_MAX_S)
    with _lock:
        _alive.discard(process)


def listens(pid: int, port: int) -> bool:
    """Whether a TCP socket listens on `port`, in the network namespace of the process."""
    try:
        rows = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False
    return any(fields[1].endswith(f":{port:04X}") and fields[3] == "0A" for fields in map(str.split, rows))
