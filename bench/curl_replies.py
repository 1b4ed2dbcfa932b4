#!/usr/bin/env python3
"""The replies of curl's test suite, to Longhaul and to curl: `python3 bench/curl_replies.py CURL_REPOSITORY`.

Every `<data>` part of a test with an HTTP server is served on loopback, and the connection is closed behind it. Both programs request it
once, follow its redirects, and agree if both have the same bytes or neither has any. docs/faults.md lists the tests in which they may
differ, each with its reason; any other difference, and a test listed there that no longer differs, makes the exit code 1.

Needs git and curl (CURL=/path/to/curl), and a build (LONGHAUL=/path/to/longhaul). `--only 129,319` plays single tests and shows both outcomes.
"""

import argparse
import base64
import concurrent.futures
import json
import os
import re
import socketserver
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONGHAUL = os.environ.get("LONGHAUL", str(HERE.parent / "target/release/longhaul"))
CURL = os.environ.get("CURL", "curl")
DEVIATIONS = HERE.parent / "docs/faults.md"
DEVIATIONS_TITLE = "## curl's test suite"

TIME_MAX_S = 20
REDIRECTS_MAX = 20
# Features of a usual curl: they choose lines of a test.
FEATURES = {"alt-svc", "cookies", "HSTS", "IPv6", "large-time", "large-size", "libz", "proxy", "SSL", "http", "headers-api", "crypto"}

PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Reply:
    """One `<data>` part: what the host sends to a request for its path."""

    test: int
    part: int
    content: bytes

    @property
    def path(self) -> str:
        # As curl's own server numbers them.
        return f"/{self.test}{self.part:04}" if self.part else f"/{self.test}"


@dataclass(frozen=True)
class Outcome:
    """The bytes that a program stored; `None` if it has refused the reply."""

    content: bytes | None
    message: str

    def __str__(self) -> str:
        stored = "nothing" if self.content is None else f"{len(self.content)} bytes {self.content[:60]!r}"
        return f"{stored} ({self.message.strip()})"


def percent_decoded(text: bytes) -> bytes:
    return PERCENT.sub(lambda byte: bytes([int(byte[1], 16)]), text)


def preprocessed(text: bytes, test: int, port: int) -> list[bytes]:
    """The lines of a test as `tests/runner.pm` of curl makes them."""
    variables = {
        b"HOSTIP": b"127.0.0.1", b"HOST6IP": b"[::1]", b"CLIENTIP": b"127.0.0.1", b"HTTPPORT": b"%d" % port, b"PROXYPORT": b"%d" % port,
        b"TESTNUMBER": b"%d" % test, b"VERSION": b"8.0.0", b"LOGDIR": b"log", b"SRCDIR": b".", b"USER": b"user",
    }
    shown, shown_outside, lines, line_end = True, [], [], None
    is_field = False
    for line in text.splitlines(keepends=True):
        if condition := re.match(rb" *%if (!?)([A-Za-z0-9_-]*)", line):
            shown_outside.append(shown)
            shown = shown and (condition[2].decode() in FEATURES) != bool(condition[1])
            continue
        if re.match(rb" *%else", line):
            shown = shown_outside[-1] and not shown
            continue
        if re.match(rb" *%endif", line):
            shown = shown_outside.pop()
            continue
        if not shown:
            continue
        if begin := re.match(rb" *<(?:data|connect)(.*)>", line):
            crlf = re.search(rb'crlf="(\w+)"', begin[1])
            line_end = crlf and crlf[1]
        elif re.match(rb" *</(?:data|connect)", line):
            line_end = None
        for name, value in variables.items():
            line = line.replace(b"%" + name, value)
        for name, value in {b"SP": b" ", b"TAB": b"\t", b"CR": b"\r", b"LT": b"<", b"GT": b">", b"AMP": b"&"}.items():
            line = line.replace(b"%" + name, value)
        line = re.sub(rb"%b64\[(.*?)\]b64%", lambda found: base64.b64encode(percent_decoded(found[1])), line)
        line = re.sub(rb"%hex\[(.*?)\]hex%", lambda found: percent_decoded(found[1]), line)
        line = re.sub(rb"%repeat\[(\d+) x (.*?)\]%", lambda found: int(found[1]) * percent_decoded(found[2]), line)
        if line_end == b"yes":
            line = re.sub(rb"\r*\n", b"\r\n", line)
        elif line_end == b"headers":
            was_field, is_field = is_field, bool(re.match(rb"HTTP/(1.1|1.0|2|3) [1-59][^\r]*\Z|[A-Za-z0-9_-]+: [^\r]*\Z", line))
            if is_field or (was_field and line == b"\n"):
                line = re.sub(rb"\r*\n", b"\r\n", line)
        lines.append(line)
    return lines


def section(lines: list[bytes], name: bytes) -> list[bytes]:
    """The lines of the first section of this name, without its tags."""
    found, is_within = [], False
    for line in lines:
        if re.match(rb"\s*<" + name + rb"[\s>]", line):
            is_within = True
        elif re.match(rb"\s*</" + name + rb">", line):
            break
        elif is_within:
            found.append(line)
    return found


def replies_of(text: bytes, test: int, port: int) -> list[Reply]:
    lines = preprocessed(text, test, port)
    servers = b" ".join(section(lines, b"server")).split()
    if not any(server.startswith(b"http") for server in servers):
        return []
    replies = []
    name, attributes, body = None, b"", []
    for line in section(lines, b"reply"):
        if name is None and (begin := re.match(rb"\s*<data(\d*)((?:\s[^>]*)?)>", line)):
            name, attributes, body = int(begin[1] or 0), begin[2], []
        elif name is not None and re.match(rb"\s*</data\d*>", line):
            content = b"".join(body)
            if b'base64="yes"' in attributes:
                content = base64.b64decode(content)
            elif b'hex="yes"' in attributes:
                content = bytes.fromhex(content.decode())
            if b'nonewline="yes"' in attributes:
                content = content.removesuffix(b"\n")
            # A part without bytes is a connection that is closed.
            replies.append(Reply(test, name, content))
            name = None
        elif name is not None:
            body.append(line)
    return replies


def read_suite(repository: str, port: int) -> tuple[str, list[Reply]]:
    def git(*arguments: str, given: bytes | None = None) -> bytes:
        return subprocess.run(["git", "-C", repository, *arguments], check=True, capture_output=True, input=given).stdout

    commit = git("rev-parse", "--short=10", "HEAD").decode().strip()
    names = git("ls-tree", "--name-only", "HEAD", "tests/data/").decode().split()
    tests = sorted((int(found[1]), name) for name in names if (found := re.fullmatch(r"tests/data/test(\d+)", name)))
    stream = git("cat-file", "--batch", given="".join(f"HEAD:{name}\n" for _, name in tests).encode())
    replies, at = [], 0
    for test, _ in tests:
        head_end = stream.index(b"\n", at)
        size = int(stream[at:head_end].split()[2])
        text = stream[head_end + 1 : head_end + 1 + size]
        at = head_end + 1 + size + 1
        replies += replies_of(text, test, port)
    return commit, replies


class Host(socketserver.ThreadingTCPServer):
    """Sends the reply of each path, and closes the connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    replies: dict[str, bytes] = {}


class Exchange(socketserver.StreamRequestHandler):
    timeout = TIME_MAX_S

    def handle(self) -> None:
        try:
            line = self.rfile.readline(65536)
            while self.rfile.readline(65536).strip():
                pass
            # The number is the last one of the path, as curl's own server has it.
            path = line.split()[1].decode("latin-1")
            numbers = re.findall(r"/(\d+)", path)
            reply = self.server.replies.get(f"/{numbers[-1]}") if numbers else None
            self.wfile.write(b"HTTP/1.1 404 No such test\r\nContent-Length: 0\r\n\r\n" if reply is None else reply)
        except (OSError, IndexError):
            pass


def by_curl(url: str, directory: str) -> Outcome:
    stored = Path(directory, "curl")
    command = [
        CURL, "-sS", "--fail", "--location", "--max-redirs", str(REDIRECTS_MAX), "--proto-redir", "=http", "--max-time", str(TIME_MAX_S),
        "--http1.1", "--tr-encoding", "--output", str(stored), url,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", env={"PATH": os.environ["PATH"]})
    if ended.returncode != 0:
        return Outcome(None, ended.stderr)
    return Outcome(stored.read_bytes() if stored.exists() else b"", "done")


def by_longhaul(url: str, directory: str) -> Outcome:
    haul = Path(directory, "haul")
    command = [LONGHAUL, "get", "--json", "--tries", "1", "--timeout", str(TIME_MAX_S), "-d", str(haul), url]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
    for line in ended.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "done":
            return Outcome((haul / event["name"]).read_bytes(), "done")
        if event["event"] == "no_content":
            return Outcome(b"", f"no content, {event['status']}")
        if event["event"] in ("failed", "parked"):
            return Outcome(None, f"{event['class']}: {event['message']}")
    return Outcome(None, ended.stderr)


def is_coded(reply: bytes, stored: bytes | None) -> bool:
    """Whether a body was stored as it was sent, although a transfer coding other than `chunked` stands in its head."""
    head, _, body = reply.partition(b"\r\n\r\n")
    codings = [coding.strip().lower() for value in re.findall(rb"(?im)^transfer-encoding:(.*?)\r?$", head) for coding in value.split(b",")]
    if not stored or all(coding in (b"", b"chunked", b"identity") for coding in codings):
        return False
    return stored == (without_chunks(body) if b"chunked" in codings else body)


def without_chunks(body: bytes) -> bytes:
    whole = b""
    while size := re.match(rb"\s*([0-9A-Fa-f]+)[^\n]*\n", body):
        whole += body[size.end() : size.end() + int(size[1], 16)]
        body = body[size.end() + int(size[1], 16) :]
    return whole


def deviations() -> dict[int, str]:
    """The tests that docs/faults.md lists, each with its reason."""
    _, _, text = DEVIATIONS.read_text().partition(DEVIATIONS_TITLE)
    listed = {}
    for row in re.finditer(r"^\| ([0-9, to]+) \| (.*) \|$", text, re.MULTILINE):
        for item in row[1].split(", "):
            first, _, last = item.partition(" to ")
            listed |= {test: row[2] for test in range(int(first), int(last or first) + 1)}
    return listed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repository", help="a clone of https://github.com/curl/curl, bare or not")
    parser.add_argument("--only", help="numbers of tests, separated by commas")
    arguments = parser.parse_args()
    host = Host(("127.0.0.1", 0), Exchange)
    port = host.server_address[1]
    commit, replies = read_suite(arguments.repository, port)
    host.replies = {reply.path: reply.content for reply in replies}
    threading.Thread(target=host.serve_forever, daemon=True).start()
    only = {int(number) for number in arguments.only.split(",")} if arguments.only else None
    played = [reply for reply in replies if only is None or reply.test in only]

    def play(reply: Reply) -> tuple[Reply, Outcome, Outcome]:
        url = f"http://127.0.0.1:{port}{reply.path}"
        with tempfile.TemporaryDirectory() as directory:
            return reply, by_curl(url, directory), by_longhaul(url, directory)

    differing: dict[int, list[str]] = {}
    read = refused = coded = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for reply, curl, longhaul in pool.map(play, played):
            if is_coded(reply.content, longhaul.content):
                coded += 1
                print(f"test {reply.test} part {reply.part}: coded bytes are stored as the file")
            if curl.content == longhaul.content:
                read, refused = read + (curl.content is not None), refused + (curl.content is None)
            else:
                differing.setdefault(reply.test, []).append(
                    f"test {reply.test} part {reply.part}\n  curl      {curl}\n  longhaul  {longhaul}"
                )
            if only is not None:
                print(f"{reply.path}\n  curl      {curl}\n  longhaul  {longhaul}")
    version = subprocess.run([CURL, "--version"], capture_output=True, text=True).stdout.split()[1]
    print(f"curl {version}, test suite of commit {commit}: {len(played)} replies of {len({reply.test for reply in played})} tests")
    print(f"both store the same bytes: {read}; both refuse: {refused}; they differ: {len(played) - read - refused}")
    listed = deviations()
    unexplained = [text for test, texts in differing.items() if test not in listed for text in texts]
    stale = [] if only else sorted(test for test in listed if test not in differing)
    for text in unexplained:
        print(f"not in {DEVIATIONS.name}: {text}")
    if stale:
        print(f"in {DEVIATIONS.name}, but they agree: {stale}")
    return 1 if unexplained or stale or coded else 0


if __name__ == "__main__":
    sys.exit(main())
