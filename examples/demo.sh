#!/usr/bin/env bash
# Builds tocsin, starts it on prometheus.yml.example between a stand-in rule engine and a stand-in Alertmanager, and
# shows an alert and its end arriving downstream. Uses loopback only, keeps its files in target/demo, and ends what
# it started.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked --bin tocsin --example sink --example rule_engine
build=${CARGO_TARGET_DIR:-target}/release
files=$PWD/target/demo
rm -rf "$files" && mkdir -p "$files"

pids=()
finish() {
  kill "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
}
trap finish EXIT

await() {
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  echo "gave up waiting for: $*" >&2
  tail -n 20 "$files"/*.log >&2
  exit 1
}

discovered() { [[ $(curl -fsS http://127.0.0.1:19095/api/v1/alertmanagers) == *'"url"'* ]]; }

"$build/examples/sink" --listen 127.0.0.1:19093 >"$files/downstream.log" 2>&1 &
pids+=($!)
"$build/tocsin" --config.file=prometheus.yml.example --storage.path="$files/data" \
  --web.listen-address=127.0.0.1:19095 --web.listen-address="unix:$files/tocsin.sock" >"$files/tocsin.log" 2>&1 &
pids+=($!)
await curl -fsS --unix-socket "$files/tocsin.sock" http://tocsin/-/ready

echo "--- the Alertmanagers that tocsin has found, and the one that its relabelling drops"
await discovered
curl -fsS http://127.0.0.1:19095/api/v1/alertmanagers && echo
echo "--- a rule engine pushes over the socket"
"$build/examples/rule_engine" --socket "$files/tocsin.sock" --interval 1s --once
await grep -q resolved "$files/downstream.log"
echo "--- what arrived downstream"
cat "$files/downstream.log"
