#!/bin/bash
# `longhaul serve` against nginx with one worker, on the same files in the same run: bench/serve.sh [ROUNDS, default 5]; then 10,000 clients of an echo at once.
# Needs what bench/ground.sh needs, Debian's wrk, and: cargo build --release -p longhaul-cli -p longhaul-origin --bin longhaul --example crowd
# Prints requests a second for each round, the medians and their ratio. WORKERS=1 gives serve one thread, as nginx has.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}/release
P=${BENCH_DIR:-/tmp/longhaul-bench}
rounds=${1:-5}
bash "$here"/ground.sh
work=$(mktemp -d); trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
[ -z "${WORKERS:-}" ] || export TOKIO_WORKER_THREADS=$WORKERS
"$target"/longhaul serve files=http://127.0.0.1:0,dir="$P"/www echo=tcp://127.0.0.1:0 > "$work"/lines 2> "$work"/log & server=$!
until [ "$(wc -l < "$work"/lines)" = 2 ]; do sleep 0.05; done
files=$(sed -n 's/^files //p' "$work"/lines); echo=$(sed -n 's/^echo //p' "$work"/lines)
# Each request is for another one of the 20,000 files of 4 KiB.
cat > "$work"/files.lua <<'LUA'
local n = 0
request = function()
  n = (n * 7919 + 13) % 20000
  return wrk.format("GET", string.format("/s/%05d", n))
end
LUA
rate() { wrk -t1 -c64 -d3s -s "$work"/files.lua "$1" > "$work"/wrk; grep -q Non-2xx "$work"/wrk && { cat "$work"/wrk >&2; exit 1; }; sed -n 's/^Requests.sec: *//p' "$work"/wrk; }
median() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }
for _ in $(seq "$rounds"); do
  rate http://127.0.0.1:8081 | tee -a "$work"/nginx | sed 's/^/nginx /'
  rate "$files" | tee -a "$work"/serve | sed 's/^/serve /'
done
n=$(median "$work"/nginx); s=$(median "$work"/serve)
echo "median: nginx $n/s, serve $s/s, ratio $(awk "BEGIN { printf \"%.2f\", $s / $n }")"
"$target"/examples/crowd "$echo" "${CLIENTS:-10000}" 1024 $server
grep -v ' closed after ' "$work"/log | grep ' echo ' || true
