#!/usr/bin/env bash
# 5,000,000 lines on standard input, 95 % of them to one origin that takes a second for each answer: time to the first
# request, peak memory, and rows read after 30 s. Needs the release build, also of the origin:
# cargo build --release -p longhaul-origin --example origin
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
origin=${ORIGIN:-$here/../target/release/examples/origin}
out=$(mktemp -d /dev/shm/longhaul-long.XXXXXX)
trap 'rm -rf "$out"' EXIT
sleep 60 | "$origin" --listen tcp://127.0.0.1:9101 --listen tcp://127.0.0.1:9102 --seed 1 --latency-ms 1000 --size-bytes 100 > "$out/origin" &
sleep 0.5
start=$EPOCHREALTIME
seq 5000000 | awk '{ printf "http://127.0.0.1:%d/%d\n", $1 % 20 ? 9101 : 9102, $1 }' |
  timeout -s INT 30 /usr/bin/time -f 'peak memory %M KiB' "$longhaul" get --json -i - -d "$out/haul" > "$out/events" 2> "$out/messages" || true
first=$(grep -m 1 '"event":"started"' "$out/events" | sed 's/.*"time":"\([^"]*\)".*/\1/')
echo "first request after $(echo "$(date -d "$first" +%s.%N) - $start" | bc) s"
grep 'peak memory' "$out/messages"
"$longhaul" status "$out/haul" | head -n 1
