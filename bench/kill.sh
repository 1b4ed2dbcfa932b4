#!/usr/bin/env bash
# Ten kill -9 at random moments of the 20,000-file list, each followed by the same command; then every file is compared.
# Needs bench/ground.sh to have been run and the release build. Usage: bench/kill.sh [KILLS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ground=${BENCH_DIR:-/tmp/longhaul-bench}
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
out=$(mktemp -d /dev/shm/longhaul-kill.XXXXXX)
trap 'rm -rf "$out"' EXIT
for kill in $(seq "${1:-10}"); do
  "$longhaul" get -q -i "$ground/small.txt" -d "$out" & pid=$!
  sleep "0.$((RANDOM % 6 + 10))"
  kill -9 "$pid" 2> /dev/null || true
  wait "$pid" 2> /dev/null || true
  echo "after kill $kill: $("$longhaul" status "$out" | head -n 1)"
done
"$longhaul" get -q -i "$ground/small.txt" -d "$out"
diff -r "$ground/www/s" "$out/127.0.0.1+8081/s" && echo "all files are right"
