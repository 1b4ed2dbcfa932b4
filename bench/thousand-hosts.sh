#!/usr/bin/env bash
# A thousand endpoints on loopback, 50 ms of latency each, one in ten dead, 20 URLs each: when the last file of a living
# one is done, against the ideal time (all requests of living hosts, 50 ms each, --jobs at a time), and what is said of
# the dead. Needs the release build, also of the origin: cargo build --release -p longhaul-origin --example origin
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
origin=${ORIGIN:-$here/../target/release/examples/origin}
out=$(mktemp -d /dev/shm/longhaul-thousand.XXXXXX)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$out"' EXIT
ulimit -n 8192
: > "$out/origin"
listen=()
for host in $(seq 1 1000); do [ $((host % 10)) -eq 0 ] || listen+=(--listen "tcp://127.0.0.1:$((20000 + host))"); done
sleep 300 | "$origin" "${listen[@]}" --seed 1 --latency-ms 50 --size-bytes 1000 > "$out/origin" &
while [ "$(wc -l < "$out/origin")" -lt 900 ]; do sleep 0.1; done
for url in $(seq 1 20); do for host in $(seq 1 1000); do echo "http://127.0.0.1:$((20000 + host))/$url"; done; done > "$out/list"
[ "${1:-}" = sorted ] && sort -o "$out/list" "$out/list"
start=$EPOCHREALTIME
"$longhaul" get --json -i "$out/list" -d "$out/haul" > "$out/events" 2> /dev/null && code=0 || code=$?
ended=$EPOCHREALTIME
last=$(grep '"event":"done"' "$out/events" | tail -n 1 | sed 's/.*"time":"\([^"]*\)".*/\1/')
last=$(date -d "$last" +%s.%N)
echo "exit code $code, $(grep -c '"event":"done"' "$out/events") done, $(grep -c '"event":"failed"' "$out/events") failed"
echo "$last $start $ended" | awk '{ ideal = 18000 * 0.05 / 256
  printf "last file of a living host after %.2f s, ideal %.2f s, ratio %.2f; end of the run after %.1f s\n", $1 - $2, ideal, ($1 - $2) / ideal, $3 - $2 }'
