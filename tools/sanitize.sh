#!/usr/bin/env bash
# The tests under sanitizers: AddressSanitizer and UndefinedBehaviorSanitizer over the C++ and the Python tests,
# ThreadSanitizer over the C++ tests. Builds go on where an earlier run was stopped. Needs the environment of
# ./setup.sh test.
#
#   tools/sanitize.sh [asan] [tsan]
#
# No report is suppressed. What is left out below, and why:
# - The exhaustive proofs of rounding (box_blur_rounding_test): arithmetic, which the plain build walks through; under a
#   sanitizer each takes minutes and touches no memory that other tests do not.
# - Tests that count allocations, limit memory or measure a running process (preprocess_allocation_test, test_limits.py,
#   test_processes.py, test_runtime.py): AddressSanitizer replaces the allocator, reserves terabytes, and ends the process
#   where there is no memory, by design.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf '\n== %s\n' "$*"; }

build() {
  say "$1: build"
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1"
}

asan() {
  build asan
  say "asan: C++ tests"
  export UBSAN_OPTIONS=print_stacktrace=1
  ctest --preset asan -j2 -E 'box_blur_rounding_test|preprocess_allocation_test'
  say "asan: Python tests"
  # libstdc++ is loaded with it, else the first exception of C++ ends the process. The leaks are Python's own.
  LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc PYTHONPATH=build/asan/python \
    python -m pytest -q -p no:cacheprovider tests/test_contract.py tests/test_ndarray.py tests/test_box_blur_arrays.py \
    tests/test_preprocess.py -m "not slow" -k "not huge and not 31_bytes and not fork"
}

tsan() {
  build tsan
  say "tsan: C++ tests"
  # Made for it: small work on many threads and from many callers. The other tests repeat that at sizes that take hours here.
  ctest --preset tsan -j2 -R '^(runtime|threads|tv_coarse)_test$'
}

[ $# -gt 0 ] || set -- asan tsan
for what in "$@"; do
  case $what in
    asan | tsan) "$what" ;;
    *)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
      exit 2
      ;;
  esac
done
