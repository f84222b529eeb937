#!/usr/bin/env bash
# Builds a wheel, makes it independent of this machine (auditwheel), installs it into an empty environment, and runs the
# Python tests against it where no compiler can be found. Needs the environment of ./setup.sh test.
#
#   tools/wheel.sh [pytest options]
#
# BUILD=folder: the build tree (default build/wheel; what is compiled there already is not compiled again).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${BUILD:-build/wheel}
dist=$(mktemp -d)
trap 'rm -rf "$dist"' EXIT
say() { printf '\n== %s\n' "$*"; }

say "wheel"
pip wheel -q --no-deps --no-build-isolation -C build-dir="$build" -C cmake.define.FASTCV_BUNDLE=OFF -w "$dist/raw" .
auditwheel repair -w "$dist/wheel" "$dist"/raw/*.whl
wheel=$(echo "$dist"/wheel/*.whl)
echo "$(basename "$wheel"), $(stat -c %s "$wheel") bytes"

say "what is in it"
python - "$wheel" <<'END'
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

wheel = Path(sys.argv[1])
name, version, *_, platform = wheel.stem.split("-")
assert name == "fastcv_cpu", name
assert platform.startswith("manylinux"), platform
line = next(s for s in Path("pyproject.toml").read_text().splitlines() if s.startswith("version = "))
assert version == line.split('"')[1], "the wheel has another version"
with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder)
    names = archive.namelist()
    for needed in ("fastcv/py.typed", "fastcv/_core.pyi", "fastcv/data/astronaut.jpg"):
        assert needed in names, needed
    assert any(n.endswith("LICENSE") for n in names)
    if not any("sboms/" in n for n in names):
        # auditwheel asks dpkg for the name of libgomp's package, and gets no answer where two architectures have it.
        assert subprocess.run(["dpkg", "-s", "libgomp1"], capture_output=True).returncode != 0, "no SBOM"
        print("no SBOM: libgomp1 is installed for several architectures, and auditwheel cannot tell which this one is")
    libraries = {n for n in names if ".so" in n}
    for file in sorted(libraries):
        print(f"{archive.getinfo(file).file_size:10d}  {file}")
    openmp = [n for n in libraries if "libgomp" in n]
    assert len(openmp) == 1, openmp
    symbols = subprocess.run(["nm", "-D", f"{folder}/{openmp[0]}"], capture_output=True, text=True, check=True).stdout
    assert re.search(r" T omp_pause_resource_all\b", symbols), "this libgomp cannot be paused: forks would not be safe"
    (module,) = (n for n in libraries if "_core." in n)
    assert archive.getinfo(module).file_size < 6_500_000, "the module has grown"
END

say "an empty environment without compilers"
python -m venv "$dist/venv"
"$dist/venv/bin/pip" install -q "$wheel[test]"
mkdir "$dist/bin"
for tool in sh bash env cat taskset unshare mount mkdir nm objdump uname; do
  path=$(command -v $tool) && ln -s "$path" "$dist/bin/$tool"
done
for compiler in c++ g++ gcc cc clang clang++ cmake ninja; do
  if PATH="$dist/venv/bin:$dist/bin" command -v $compiler; then exit 1; fi
done
cp -r tests README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs benchmarks pyproject.toml cpp "$dist/"
cd "$dist"
env -u PYTHONPATH -u LD_LIBRARY_PATH PATH="$dist/venv/bin:$dist/bin" venv/bin/python -m pytest -q --ignore=tests/test_docs.py "$@"
