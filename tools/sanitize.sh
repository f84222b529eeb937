#!/usr/bin/env bash
# The tests under sanitizers: AddressSanitizer and UndefinedBehaviorSanitizer over the C++ and the Python tests,
# ThreadSanitizer over the C++ tests. Builds go on where an earlier run was stopped. Needs the environment of
# ./setup.sh test.
#
#   tools/sanitize.sh [asan] [tsan]
#
# No report is suppressed. What is left out below, and why:
# - Of the C++ tests, those that walk through all sizes and values in every combination: they take minutes in the plain build
#   and would take hours here. Every width, layout and kind of array runs through the contract test of Python.
# - Tests that count allocations, limit memory or measure a running process (preprocess_allocation_test, test_limits.py,
#   test_processes.py, test_runtime.py): AddressSanitizer replaces the allocator, reserves terabytes, and ends the process
#   where there is no memory, by design.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf '\n== %s\n' "$*"; }

build() {
  say "$1: build"
  cmake --preset "$1" -DPython_EXECUTABLE="$(command -v python)" >/dev/null
  cmake --build --preset "$1"
}

asan() {
  build asan
  say "asan: C++ tests"
  export UBSAN_OPTIONS=print_stacktrace=1
  ctest --preset asan -j2 -R '^(runtime|threads|tv_coarse|box_plan|mds.*)_test$'
  # What looks at memory: its ends, its layouts, its strides.
  GTEST_FILTER='*GuardPages*:*AnyLayout*:*EveryAlignment*:*InPlace*:*BatchStrides*:*NothingOutside*:*TwoRows*:*HugeWindows*' \
    ctest --preset asan -j2 -R '^(box_blur|tv|preprocess)_test$'
  say "asan: Python tests"
  # -s: what ends the process is said on its stderr. libstdc++ is loaded with it, else the first exception of C++ ends
  # the process. The leaks are Python's own.
  LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONMALLOC=malloc PYTHONPATH=build/asan/python \
    python -m pytest -q -p no:cacheprovider -s tests/test_contract.py tests/test_ndarray.py -k "not huge"
}

tsan() {
  build tsan
  say "tsan: C++ tests"
  # Small work on many threads and from many callers. The tests left out repeat that at sizes that take hours here.
  ctest --preset tsan -j2 -R '^(runtime|threads|tv_coarse|mds.*)_test$'
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
