#!/usr/bin/env bash
# The list of 20,000 files of 4 KiB, by Longhaul and by curl in turn, outputs on tmpfs: median wall times and their ratio.
# Needs bench/ground.sh to have been run, curl 7.68 or later, and the release build. Usage: bench/compare-curl.sh [PAIRS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ground=${BENCH_DIR:-/tmp/longhaul-bench}
longhaul=${LONGHAUL:-$here/../target/release/longhaul}
out=$(mktemp -d /dev/shm/longhaul-compare.XXXXXX)
trap 'rm -rf "$out"' EXIT
mkdir "$out/curl"
awk -v out="$out/curl" '{ printf "url = \"%s\"\noutput = \"%s/%d\"\n", $0, out, NR }' "$ground/small.txt" > "$out/curl.conf"
seconds() { local start=$EPOCHREALTIME; "$@" > /dev/null 2>&1; echo "$EPOCHREALTIME - $start" | bc; }
for _ in $(seq "${1:-7}"); do
  rm -rf "$out/longhaul" "$out/curl"/*
  ours=$(seconds "$longhaul" get -q -i "$ground/small.txt" -d "$out/longhaul")
  theirs=$(seconds curl -s --parallel --parallel-max 16 --config "$out/curl.conf")
  echo "$ours $theirs"
done | awk '{ print; a[NR] = $1; b[NR] = $2; r[NR] = $1 / $2 }
  function median(v, n,   i, j, t) { for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t } return v[int((n + 1) / 2)] }
  END { printf "longhaul %.2f s, curl %.2f s, ratio %.2f (medians)\n", median(a, NR), median(b, NR), median(r, NR) }'
