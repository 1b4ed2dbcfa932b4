#!/usr/bin/env python3
"""Real servers with real limiters against the program: `python3 bench/limiters`. docs/limiters.md describes it."""

import argparse
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import check  # noqa: E402
import content  # noqa: E402
import processes  # noqa: E402
import servers  # noqa: E402
from hosts import HOSTS, Host  # noqa: E402

# The goal: at most this share of what the limit allows, plus two lengths of the ban.
BEST_SHARE = 1.5
BANS = 2
REFUSED_MAX = 30
FILES_PER_FURTHER_REFUSAL = 100
LIMIT_S = 90.0  # a run that takes so much longer than the best is stopped
SHORT_EXTRA_S = 5.0  # added to the goal in the short form: learning a limit takes as long on a short list
SHORT_LIMIT_S = 3.0  # a run of the short form is stopped so long after its goal
STOP_MAX_S = 10.0


@dataclass
class Result:
    host: str
    title: str
    files: int
    best_s: float
    goal_s: float
    took_s: float
    ended: bool
    done: int  # files that are there, byte for byte
    wrong: int
    lost: int
    refused: int
    refused_max: int
    reported: int  # failed attempts that the program reported
    exit_code: int | None

    def shortcomings(self) -> list[str]:
        found = []
        if not self.ended:
            found.append(f"{self.done:,} of {self.files:,} when stopped")
        elif self.took_s > self.goal_s:
            found.append(f"over {self.goal_s:.1f} s")
        if self.lost:
            found.append(f"{self.lost:,} lost")
        if self.wrong:
            found.append(f"{self.wrong} wrong")
        if self.ended and self.done == self.files and self.exit_code != 0:
            found.append(f"exit code {self.exit_code}")
        if self.refused > self.refused_max:
            found.append(f"more than {self.refused_max:,} refused")
        return found


HEAD = ["host", "files", "best s", "took s", "ratio", "refused", "lost", "verdict"]


def row(result: Result) -> list[str]:
    ratio = f"{result.took_s / result.best_s:.2f}" if result.ended and not result.lost else "–"
    return [
        result.title, f"{result.files:,}", f"{result.best_s:.1f}", f"{result.took_s:.1f}" if result.ended else f"> {result.took_s:.0f}",
        ratio, f"{result.refused:,}", str(result.lost), "; ".join(result.shortcomings()) or "good",
    ]


def print_table(head: list[str], rows: list[list[str]]) -> None:
    for cells in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(cells) + " |", flush=True)


def run(host: Host, files: int, scratch: Path, program: str, short: bool) -> Result:
    """Downloads the list from one host and compares every file."""
    best_s = host.best_s(files)
    goal_s = BEST_SHARE * best_s + BANS * host.ban_s + (SHORT_EXTRA_S if short else 0.0)
    limit_s = goal_s + SHORT_LIMIT_S if short else max(best_s + LIMIT_S, goal_s)
    with servers.Running(host, files, scratch / host.name) as running:
        haul, events = scratch / f"{host.name}.haul", scratch / f"{host.name}.events"
        url_list = scratch / f"{host.name}.list"
        url_list.write_text("".join(running.url(number) + "\n" for number in range(files)))
        with open(events, "wb") as out, open(scratch / f"{host.name}.messages", "wb") as messages:
            begun = time.monotonic()
            process = processes.spawn(
                *running.enter_client, program, "get", "-i", str(url_list), "-d", str(haul), "--json", stdout=out, stderr=messages
            )
            try:
                process.wait(limit_s)
                ended = True
            except subprocess.TimeoutExpired:
                ended = False
            took_s = time.monotonic() - begun
            if not ended:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(STOP_MAX_S)
                except subprocess.TimeoutExpired:
                    pass
            processes.kill_group(process)
        port = "" if running.port == 80 else f"+{running.port}"
        done, wrong = content.compare(haul / f"{running.address}{port}", files, host.size)
        failed = retried = 0
        for line in events.read_text(errors="replace").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            failed += event["event"] == "failed"
            retried += event["event"] == "retrying"
        # A run that ended has lost every file that is missing; a run that was stopped, the files that it reported as failed.
        lost = files - done - wrong if ended else failed
        return Result(
            host.name, host.title, files, best_s, goal_s, took_s, ended, done, wrong, lost,
            running.stop_and_count_refused(), REFUSED_MAX + files // FILES_PER_FURTHER_REFUSAL + host.refused_by_chance,
            failed + retried, process.returncode,
        )


def chosen(arguments: argparse.Namespace) -> list[Host]:
    known = {host.name: host for host in HOSTS}
    unknown = [name for name in arguments.only if name not in known]
    if unknown:
        sys.exit(f"no such host: {', '.join(unknown)}; --list shows them")
    if arguments.only:
        return [known[name] for name in arguments.only]
    return [host for host in HOSTS if host.short_files or not arguments.short]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/limiters", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer hosts and shorter lists: at most three minutes")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="this host; may be given several times")
    parser.add_argument("--list", action="store_true", help="print the hosts and exit")
    parser.add_argument("--self-check", action="store_true", help="prove that the limits are in force and that `best` is right")
    parser.add_argument("--at-a-time", metavar="N", type=int, default=1, help="hosts at a time (default 1; 4 with --short)")
    parser.add_argument("--results", metavar="FILE", type=Path, help="write the figures as JSON too")
    return parser.parse_args()


def stop(number: int, _frame) -> None:
    raise SystemExit(128 + number)


def main() -> int:
    options = arguments()
    if options.list:
        print_table(["name", "host", "files", "best s"],
                    [[host.name, host.title, str(host.files), f"{host.best_s(host.files):.1f}"] for host in HOSTS])
        return 0
    selected = chosen(options)
    try:
        for host in selected:
            servers.require(host)
    except processes.Unavailable as error:
        print(f"bench/limiters: {error}", file=sys.stderr)
        return 2
    program = os.environ.get("LONGHAUL") or str(Path(__file__).parents[2] / "target/release/longhaul")
    if not options.self_check and not os.access(program, os.X_OK):
        print(f"bench/limiters: no program at {program}: build it, or set LONGHAUL", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    servers.remove_stale_namespaces()
    at_a_time = 4 if options.short and options.at_a_time == 1 else options.at_a_time

    with tempfile.TemporaryDirectory(prefix="limiters-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)  # Apache serves the files as a user of its own

        def one(host: Host):
            files = host.short_files if options.short and host.short_files else host.files
            if options.self_check:
                return check.check(host, files, scratch)
            return run(host, files, scratch, program, options.short)

        results = in_threads(one, selected, at_a_time)
    if options.results:
        options.results.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if options.self_check:
        print_table(check.HEAD, [check.row(result) for result in results])
    else:
        print_table(HEAD, [row(result) for result in results])
    good = sum(not result.shortcomings() for result in results)
    print(f"\n{good} of {len(selected)} hosts are good", file=sys.stderr)
    return 0 if good == len(selected) else 1


def in_threads(one, selected: list[Host], at_a_time: int) -> list:
    """Runs `one` for each host and reports each as it ends; a host that could not be run is missing in the result.

    On an interrupt it first ends every process, so that each thread reaches its own clean-up.
    """
    pool = concurrent.futures.ThreadPoolExecutor(at_a_time)
    futures = [pool.submit(one, host) for host in selected]
    try:
        for future in concurrent.futures.as_completed(futures):
            if error := future.exception():
                traceback.print_exception(error)
                continue
            result = future.result()
            print(f"{result.host}: {'; '.join(result.shortcomings()) or 'good'}", file=sys.stderr, flush=True)
        return [future.result() for future in futures if not future.exception()]
    finally:
        for future in futures:
            future.cancel()
        processes.stop_all()
        pool.shutdown(wait=True)


if __name__ == "__main__":
    sys.exit(main())
