#!/usr/bin/env bash
# The only link of a network namespace is down for a minute in the middle of a run: no URL may fail, no attempt may be
# charged, and downloads go on within 5 s of its return. Needs root, iproute2 and the release build, also of the origin:
# cargo build --release -p longhaul-origin --example origin
# Usage: bench/offline.sh [near|far] [SECONDS]   (which end of the link is taken down, and for how long)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
origin=${ORIGIN:-$here/../target/release/examples/origin}
end=${1:-near} seconds=${2:-60}
id=$$ out=$(mktemp -d)
cleanup() { kill $(jobs -p) 2> /dev/null || true; ip netns del "host$id" 2> /dev/null || true; ip netns del "user$id" 2> /dev/null || true; rm -rf "$out"; }
trap cleanup EXIT
ip netns add "host$id"; ip netns add "user$id"
ip link add "h$id" type veth peer name "u$id"
ip link set "h$id" netns "host$id"; ip link set "u$id" netns "user$id"
ip -n "host$id" addr add 10.99.0.1/24 dev "h$id"; ip -n "host$id" link set "h$id" up
ip -n "user$id" addr add 10.99.0.2/24 dev "u$id"; ip -n "user$id" link set "u$id" up
sleep 600 | ip netns exec "host$id" "$origin" --listen tcp://10.99.0.1:80 --seed 3 --latency-ms 200 --size-bytes 1000-20000 > "$out/origin" &
sleep 0.5
seq -f 'http://10.99.0.1/%05g' 1 2000 > "$out/list"
ip netns exec "user$id" "$longhaul" get --json -i "$out/list" -d "$out/haul" > "$out/events" 2> "$out/messages" & run=$!
sleep 5
link() { if [ "$end" = near ]; then ip -n "user$id" link set "u$id" "$1"; else ip -n "host$id" link set "h$id" "$1"; fi; }
link down; echo "link down ($end end), $(grep -c '"event":"done"' "$out/events") files done"
sleep "$seconds"
at_return=$(grep -c '"event":"done"' "$out/events")
link up; up=$EPOCHREALTIME
for _ in $(seq 200); do [ "$(grep -c '"event":"done"' "$out/events")" -gt "$at_return" ] && break; sleep 0.1; done
echo "downloads went on $(echo "$EPOCHREALTIME - $up" | bc) s after the link was back"
wait "$run" && code=0 || code=$?
echo "exit code $code; failed: $(grep -c '"event":"failed"' "$out/events" || true); files that took a charged attempt more: $(grep '"event":"done"' "$out/events" | grep -vc '"attempts":1[,}]' || true)"
grep -E 'network' "$out/messages" || true
