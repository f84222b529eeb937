#!/usr/bin/env bash
# Runs the libFuzzer harnesses of cpp/fuzz, as many at once as there are processors; each compares every SIMD target and 1
# with 3 threads with the slow reference, or with what must hold of every answer. Needs Clang, and the environment of
# ./setup.sh test.
#
#   tools/fuzz.sh [seconds each, default 60] [harness ...]
#
# FUZZ_SEED=1: the same choices each time, as CI wants; without it, others each time. What was found to be new is kept in
# build/fuzz/corpus; the seeds are made, not stored: they are short.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
shift || true
[ $# -gt 0 ] || set -- box_blur tv preprocess mds

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
cd build/fuzz

# Seeds: every choice of the first byte (the type, the function), and some lengths.
make_seeds() {
  local kind length seed
  mkdir -p "corpus/$1"
  for kind in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
    for length in 1 20 60 300; do
      seed="corpus/$1/seed-$kind-$length"
      [ -e "$seed" ] || { printf "\\x0$kind"; head -c "$length" /dev/zero | tr '\0' "$kind"; } >"$seed"
    done
  done
}

# The timeout is for what never ends, not for slow machines: an execution takes some milliseconds.
fuzz() {
  local status=0
  make_seeds "$1"
  "./$1_fuzz" -seed="${FUZZ_SEED:-0}" -max_total_time="$seconds" -max_len=600 -timeout=600 -rss_limit_mb=3000 -print_final_stats=1 \
    -artifact_prefix="$1-" "corpus/$1" >"$1.log" 2>&1 || status=$?
  if [ $status -ne 0 ]; then
    tail -60 "$1.log"
    echo "fuzz: $1 found something: build/fuzz/$1-*" >&2
    return 1
  fi
  echo "== $1, $seconds s: $(grep -oE 'DONE.*|number_of_executed_units.*' "$1.log" | tr '\n' ' ')"
}
export -f fuzz make_seeds
export seconds
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -euc 'fuzz {}'
