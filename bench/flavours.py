#!/usr/bin/env python3
"""Counts the lines that stand in both flavours of the socket crate, and fails if there are too many.

Usage: bench/flavours.py [--list] [--at REVISION]

A file belongs to the blocking flavour if its path has `blocking` in it; it is compared with all other files of the crate,
those of the async flavour among them. Blank lines, imports, attributes and lines of punctuation alone do not
count; comments do. Lines are compared names apart: `async` and `.await` are removed, and each identifier, number and string
counts as any other of its kind; comments are compared to the letter. A run is six or more such lines that stand in the
same order in a file of each side. The figure is the number of lines of the blocking flavour that belong to a run.

Needs Python 3.9 and, with --at, git. --list shows the runs. Exit code 1 if the figure is LINES_MAX or more.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = "crates/socket/src"
RUN_MIN = 6
LINES_MAX = 200
KEYWORDS = set(
    "as break const continue crate else enum fn for if impl in let loop match mod move mut pub ref return self Self "
    "static struct super trait true false type unsafe use where while dyn".split()
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\d[\w.]*|\S')


def files(revision):
    """The path and the text of each source file, in the working tree or at a revision."""
    if revision is None:
        for path in sorted((ROOT / SOURCE).rglob("*.rs")):
            yield str(path.relative_to(ROOT / SOURCE)), path.read_text()
        return
    git = ["git", "-C", str(ROOT)]
    names = subprocess.check_output([*git, "ls-tree", "-r", "--name-only", revision, SOURCE], text=True)
    for name in names.split():
        if name.endswith(".rs"):
            text = subprocess.check_output([*git, "show", f"{revision}:{name}"], text=True)
            yield name[len(SOURCE) + 1 :], text


def shape(line):
    """What is compared of a line; nothing for a line that does not count."""
    line = line.strip()
    if line.startswith("//"):
        return line
    if not re.search(r"\w", line) or re.match(r"(pub(\(\w+\))? )?(use|mod) |#!?\[", line):
        return ""
    line = line.replace(".await", "")
    tokens = [token for token in TOKEN.findall(line) if token != "async"]
    return " ".join("N" if re.match(r'["\w]', token) and token not in KEYWORDS else token for token in tokens)


def shapes(text):
    """The lines of a file that count: number and shape. Imports over several lines are left out as a whole."""
    lines, in_import = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(pub(\(\w+\))? )?use [^;]*$", line):
            in_import = True
        if not in_import and shape(line):
            lines.append((number, shape(line)))
        if in_import and ";" in line:
            in_import = False
    return lines


def main():
    arguments = sys.argv[1:]
    revision = arguments[arguments.index("--at") + 1] if "--at" in arguments else None
    blocking, others = [], {}
    for path, text in files(revision):
        lines = shapes(text)
        if "blocking" in path:
            blocking.append((path, lines))
            continue
        for start in range(len(lines) - RUN_MIN + 1):
            run = tuple(line for _, line in lines[start : start + RUN_MIN])
            others.setdefault(run, (path, lines[start][0]))
    total = 0
    for path, lines in blocking:
        covered = {}
        for start in range(len(lines) - RUN_MIN + 1):
            found = others.get(tuple(line for _, line in lines[start : start + RUN_MIN]))
            if found:
                for number, _ in lines[start : start + RUN_MIN]:
                    covered.setdefault(number, found)
        total += len(covered)
        if covered and "--list" in arguments:
            print(f"{path}: {len(covered)} lines")
            for number, (other, at) in sorted(covered.items()):
                print(f"  {number:4} as in the run at {other}:{at}")
    print(f"{total} lines of the blocking flavour stand in a run of {RUN_MIN} or more elsewhere (at most {LINES_MAX - 1})")
    return 0 if total < LINES_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
