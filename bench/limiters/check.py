"""Proves the hosts themselves: the limit is in force, `best` can be reached, and a ban lasts as long as stated.

A client that knows the limit downloads the whole list at exactly the allowed pace: it must be refused next to nothing and end
in `best`. Then, on a fresh server, it asks for several times as much: it must be refused, and be served no more than allowed.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import processes
import servers
from hosts import Host

STRICT_MARGIN_S = 0.0002  # a server counts milliseconds
BAN_MARGIN = 1.02  # one request too many brings the ban, or counts against later ones
PACED_RATIO_MAX = 1.15  # of `best`, and a moment for connecting
PACED_RATIO_SERIAL_MAX = 1.4  # the same where each request waits for an answer: a busy machine delays every one of them
PACED_EXTRA_S = 0.5
PACED_REFUSED_SHARE_MAX = 0.02  # on a busy machine a request arrives early, or a connection ends late, now and then
OVERRUN_S = 3.0
OVERRUN_SERVED_MAX = 1.25  # of what the limit allows in that time
BAN_EARLY, BAN_LATE_S = 0.6, 1.5  # where in a ban, and how long after it, the client asks once
CLIENT_EXTRA_S = 15.0


@dataclass
class Checked:
    host: str
    title: str
    files: int
    best_s: float
    paced_s: float
    paced_refused: int
    overrun_served: int
    overrun_allowed: float
    overrun_refused: int
    forms: dict[str, int]  # how the client of the overrun was refused
    ban: list[str]  # what one request got within the ban, and after it
    failures: list[str]

    def shortcomings(self) -> list[str]:
        return self.failures


HEAD = ["host", "files", "best s", "paced s", "refused", "overrun: served (allowed)", "refused", "as", "in the ban, after it", "limit"]


def row(checked: Checked) -> list[str]:
    return [
        checked.title, f"{checked.files:,}", f"{checked.best_s:.1f}", f"{checked.paced_s:.1f}", str(checked.paced_refused),
        f"{checked.overrun_served} ({checked.overrun_allowed:.0f})", str(checked.overrun_refused),
        ", ".join(checked.forms) or "–", ", ".join(checked.ban) or "–", "; ".join(checked.failures) or "in force",
    ]


def ask(running: servers.Running, files: int, seconds_max: float, **changes) -> dict:
    """Runs the client with what the limit allows, or with `changes`."""
    limit, host = running.host.limit, running.host
    buckets = [(per_second, at_once) for per_second, at_once in ((limit.per_second, limit.at_once), limit.also) if per_second]
    strict = limit.strict()
    margin = BAN_MARGIN if limit.window or host.ban_s else 1.0
    task = {
        "address": running.address, "port": running.port, "files": files, "size": host.size, "seconds_max": seconds_max,
        "buckets": [] if strict else [
            (margin / per_second, max(1, at_once * 3 // 4) if host.ban_s else at_once) for per_second, at_once in buckets
        ],
        "after_s": 1 / limit.per_second + STRICT_MARGIN_S if strict else 0.0, "concurrent": 1 if strict else limit.concurrent,
        "keep_alive": limit.keep_alive, "abandon_s": host.abandon_s, "refused_max": 0,
    } | changes
    command = [*running.enter_client, sys.executable, str(Path(__file__).with_name("client.py")), json.dumps(task)]
    output = running.folder / "client"
    with open(output, "wb") as out:
        process = processes.spawn(*command, stdout=out)
        try:
            process.wait(seconds_max + task["abandon_s"] + CLIENT_EXTRA_S)
        finally:
            processes.kill_group(process)
    return json.loads(output.read_text())


def check(host: Host, files: int, scratch: Path) -> Checked:
    best_s = host.best_s(files)
    failures: list[str] = []
    with servers.Running(host, files, scratch / host.name) as running:
        paced = ask(running, files, BAN_LATE_S + 2 * best_s + 10)
        paced_refused = sum(paced["forms"].values())
    if paced["served"] != files or paced["wrong"]:
        failures.append(f"paced: {paced['served']} of {files}, {paced['wrong']} wrong")
    ratio_max = PACED_RATIO_SERIAL_MAX if host.limit.strict() or host.limit.answer_s else PACED_RATIO_MAX
    if paced["seconds"] > ratio_max * best_s + PACED_EXTRA_S:
        failures.append("best not reached")
    known = host.best_stated_s is None  # elsewhere refusals come by chance
    if known and paced_refused > 2 + PACED_REFUSED_SHARE_MAX * files:
        failures.append(f"paced: {paced['forms']}")

    with servers.Running(host, files, scratch / host.name) as running:
        per_second = host.limit.per_second * host.overrun
        overrun = ask(running, files, OVERRUN_S, buckets=[(1 / per_second, 1)] if per_second else [], after_s=0.0,
                      concurrent=int(host.limit.concurrent * host.overrun), refused_max=2 * host.limit.concurrent if host.ban_s else 0)
        ban = ask_in_ban(running, failures) if host.ban_s else []
        refused = running.stop_and_count_refused()
    allowed = min(files, host.limit.allowed_in(overrun["seconds"]))
    if known and overrun["served"] > OVERRUN_SERVED_MAX * allowed + 2:
        failures.append("overrun is served more than allowed")
    if host.refuses and not refused:
        failures.append("overrun is not refused")
    return Checked(host.name, host.title, files, best_s, paced["seconds"], paced_refused, overrun["served"], allowed, refused,
                   overrun["forms"], ban, failures)


def ask_in_ban(running: servers.Running, failures: list[str]) -> list[str]:
    """One request after part of the ban is refused; if that prolongs it, a second one that comes after the ban's first end is
    refused too; after the ban's end one is served."""
    host = running.host
    begun = time.monotonic()
    results = []

    def once(at_s: float, expected: bool) -> None:
        processes.pause(begun + at_s - time.monotonic())
        result = ask(running, 1, 0.1, buckets=[], after_s=0.0, concurrent=1, abandon_s=2.0)
        form = "200" if result["served"] else next(iter(result["forms"]), "nothing")
        results.append(f"{form} at {at_s:.0f} s")
        if (form == "200") != expected:
            failures.append(f"{form} {at_s:.0f} s after the last request")

    once(BAN_EARLY * host.ban_s, False)
    end_s = host.ban_s
    if host.prolonged:
        once(2 * BAN_EARLY * host.ban_s, False)
        end_s += 2 * BAN_EARLY * host.ban_s
    once(end_s + BAN_LATE_S, True)
    return results
