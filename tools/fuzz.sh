#!/usr/bin/env bash
# Runs the libFuzzer harnesses of cpp/fuzz, one after the other; each compares every SIMD target and 1 with 3 threads
# with the slow reference. Needs Clang, and the environment of ./setup.sh test.
#
#   tools/fuzz.sh [seconds each, default 60] [harness ...]
#
# What was found to be new is kept in build/fuzz/corpus; the seeds are made, not stored: they are short.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
shift || true
[ $# -gt 0 ] || set -- box_blur tv preprocess

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
cd build/fuzz
for name in "$@"; do
  mkdir -p "corpus/$name"
  # Seeds: every choice of the first byte (the type), and some lengths.
  for kind in 0 1 2 3 4 5 6 7; do
    for length in 1 20 60 300; do
      seed="corpus/$name/seed-$kind-$length"
      [ -e "$seed" ] || { printf "\\x0$kind"; head -c "$length" /dev/zero | tr '\0' "$kind"; } >"$seed"
    done
  done
  echo "== $name, $seconds s"
  status=0
  "./${name}_fuzz" -max_total_time="$seconds" -max_len=600 -timeout=60 -rss_limit_mb=3000 -print_final_stats=1 \
    -artifact_prefix="$name-" "corpus/$name" >"$name.log" 2>&1 || status=$?
  if [ $status -ne 0 ]; then
    tail -60 "$name.log"
    echo "fuzz: $name found something: build/fuzz/$name-*" >&2
    exit 1
  fi
  grep -E '^stat::|DONE' "$name.log"
done
