#!/usr/bin/env bash
# Prints command number $1 of the README: the first runs the main job, the second passes the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
awk -v wanted="$1" '
  /^```sh$/ { block++; inside = 1; next }
  /^```$/ { inside = 0 }
  inside && block == wanted { print }
' README.md | grep . || { echo "README.md has no command $1" >&2; exit 1; }
