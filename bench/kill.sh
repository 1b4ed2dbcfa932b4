#!/usr/bin/env bash
# Ten kill -9 at random moments of the 20,000-file list, each followed by the same command; then every file is compared,
# and the requests that the server has on record are counted: each file once, and again what was in flight at a kill.
# In flight are at most 16 exchanges of a host and 16 bodies on their way to the system (engine: pace, sink).
# Needs bench/ground.sh to have been run and the release build. Usage: bench/kill.sh [KILLS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ground=${BENCH_DIR:-/tmp/longhaul-bench}
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
out=$(mktemp -d /dev/shm/longhaul-kill.XXXXXX)
trap 'rm -rf "$out"' EXIT
kills=${1:-10}
in_flight_max=32
files=$(wc -l < "$ground/small-logged.txt")
: > "$ground/requests.log"
kill=0
while [ "$kill" -lt "$kills" ]; do
  "$longhaul" get -q -i "$ground/small-logged.txt" -d "$out" & pid=$!
  # So early that the list outlasts all the kills.
  sleep "0.0$((RANDOM % 60 + 20))"
  kill -9 "$pid" 2> /dev/null || { echo "the list ended before kill $((kill + 1))"; break; }
  wait "$pid" 2> /dev/null || true
  kill=$((kill + 1))
  echo "after kill $kill: $("$longhaul" status "$out" | head -n 1)"
done
"$longhaul" get -q -i "$ground/small-logged.txt" -d "$out"
diff -r "$ground/www/s" "$out/127.0.0.1+8082/s" && echo "all files are right"
requests=$(wc -l < "$ground/requests.log")
echo "$requests requests for $files files and $kill kills: $(((requests - files) / kill)) repeated a kill, at most $in_flight_max in flight"
[ $((requests - files)) -le $((kill * in_flight_max)) ]
