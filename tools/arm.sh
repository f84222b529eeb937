#!/usr/bin/env bash
# The C++ tests on NEON, on an x86-64 Debian: cross-compiled with GNU C++, run by QEMU. Exact, and slow: about
# twenty times a processor's own time. Needs CMake, ninja and Eigen as ./setup.sh test installs them.
#
#   tools/arm.sh [ctest arguments, for example -R tv_test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(g++-aarch64-linux-gnu qemu-user libhwy-dev:arm64 libgtest-dev:arm64 libgomp1:arm64)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" dpkg --add-architecture arm64
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

cmake --preset arm
cmake --build --preset arm
ctest --preset arm -j"$(nproc)" --timeout 7200 "$@"
