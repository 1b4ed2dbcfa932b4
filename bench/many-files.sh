#!/bin/bash
# Adoption and verification of many files: bench/many-files.sh LONGHAUL COUNT BYTES [DIR]
# Makes COUNT files of BYTES bytes and a list with their digests; no server is needed, because every file is adopted.
set -eu
longhaul=$(realpath "$1"); count=$2; bytes=$3; place=${4:-$(mktemp -d)}
cd "$place"
python3 - "$count" "$bytes" <<'P'
import hashlib, os, sys
count, size = int(sys.argv[1]), int(sys.argv[2])
os.makedirs("out/files.test")
with open("list.txt", "w") as urls:
    for number in range(count):
        if number % 1000 == 0:
            os.makedirs(f"out/files.test/{number // 1000}")
        name = f"{number // 1000}/{number}"
        content = (str(number).encode() * size)[:size]
        with open(f"out/files.test/{name}", "wb") as file:
            file.write(content)
        urls.write(f"http://files.test/{name} size={size} sha256={hashlib.sha256(content).hexdigest()}\n")
P
sync -f .
measure() { echo "== $*"; python3 - "$@" <<'P'
import resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{time.monotonic() - start:.2f} s, {used.ru_utime:.2f} s user, {used.ru_stime:.2f} s system, {used.ru_maxrss / 1024:.0f} MiB at most, code {code}")
P
}
measure "$longhaul" get -q -i list.txt -d out
measure "$longhaul" verify out --quick
measure "$longhaul" verify out
echo "== the same files, read by eight processes"
measure sh -c 'find out/files.test -type f -print0 | xargs -0 -P 8 -n 1000 cat > /dev/null'
