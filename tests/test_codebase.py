"""What the sources and the built files must look like."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcv
from fastcv import _core

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "cpp" / "src").rglob("*.cpp")) + sorted((ROOT / "cpp" / "src").rglob("*.h*"))
FAMILIES = sorted(p.name for p in (ROOT / "cpp" / "src").iterdir() if p.is_dir() and p.name != "runtime")
TARGET = re.compile(r"\bN_(AVX2|AVX3\w*|SSE4|NEON\w*)\b")


def newest(pattern: str) -> Path:
    """What the last build left: where there is none, there is nothing to look at."""
    found = [p for p in ROOT.glob(pattern) if p.parent.name in ("dev", "setup", "release", "wheel")]
    if not found:
        pytest.skip(f"no {pattern} here")
    return max(found, key=lambda p: p.stat().st_mtime)


def tool(name: str, *arguments: Any) -> list[str]:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


# ---- what was built ------------------------------------------------------------------------------


def test_no_weak_symbols_of_simd_targets_in_the_module():
    """The linker keeps one copy of a weak symbol, perhaps that of another library with another compiler's flags."""
    for options in (["-C"], ["-C", "-D"]):
        for line in tool("nm", *options, _core.__file__):
            if match := re.search(r" ([uvwVW]) (.*)", line):
                assert not TARGET.search(match[2]), line


def test_wide_vectors_stay_in_their_targets():
    """What is compiled for all processors holds no instruction that some of them lack."""
    archive = newest("build/*/libfastcv_core.a")
    if "x86-64" not in "".join(tool("objdump", "-f", archive)[:6]):
        pytest.skip("not of this architecture")
    function, wrong, wide = "", set(), 0
    for line in tool("objdump", "-d", "-C", "--no-show-raw-insn", archive):
        if line.endswith(">:"):
            function = line
        elif "%ymm" in line or "%zmm" in line or re.search(r"\tv[a-z0-9]+ +.*%xmm", line):
            wide += 1
            if not re.search(r"\bN_AVX", function):
                wrong.add(function)
    assert wide > 1000, "objdump speaks another language"
    assert not wrong


def test_flags():
    """No processor of one's own, no arithmetic that changes the process."""
    commands = json.loads(newest("build/*/compile_commands.json").read_text("utf-8"))
    ours = [c for c in commands if str(ROOT / "cpp") in c["file"]]
    assert len(ours) > 30
    for entry in ours:
        flags = entry["command"].split()
        bad = [
            f
            for f in flags
            if re.match(r"-m(arch|tune|avx|sse|fma)|-ffast-math|-Ofast|-funsafe|-fassociative", f)
        ]
        assert not bad, entry["file"]
        assert "-ffp-contract=off" in flags, entry["file"]
        if f"{ROOT}/cpp/src" in entry["file"]:
            assert "-fno-tree-vectorize" in flags, entry["file"]


def test_every_simd_target_is_reachable():
    compiled, detected = _core.simd_compiled(), _core.simd_detected()
    assert set(detected) <= set(compiled)
    assert detected, "this processor has none"
    for name in detected:
        _core.simd_force(name)
        assert _core.simd_active() == name


def test_every_simd_target_gives_the_same_integers():
    """Integer results do not depend on the processor. (Of floats the contract test compares each with an oracle.)"""
    rng = np.random.default_rng(0)
    for shape in [(61, 67), (31, 70, 3), (33, 40, 4), (20, 30, 2)]:
        for dtype in (np.uint8, np.uint16):
            image = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
            nearest = fastcv.Preprocess((23, 31), interpolation="nearest", scale=1.0)
            results = []
            for target in _core.simd_detected():
                _core.simd_force(target)
                blurred = [
                    fastcv.box_blur(image, k, rounding=r) for k in (3, 8, 31) for r in ("nearest", "even")
                ]
                results.append(b"".join(a.tobytes() for a in [*blurred, nearest(image)]))
            assert len(set(results)) == 1


# ---- the sources ---------------------------------------------------------------------------------


def includes(source: Path) -> list[str]:
    return re.findall(r'^#include ["<]([^">]+)[">]', source.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.relative_to(ROOT / "cpp" / "src").as_posix())
def test_floors(source):
    """A family includes the runtime and itself; nothing below the bindings knows Python."""
    room = source.relative_to(ROOT / "cpp" / "src").parts[0]
    for name in includes(source):
        assert not re.match(r"pybind11|Python\.h|numpy", name), name
        other = name.split("/")[0]
        assert other not in FAMILIES or other == room, name
    text = re.sub(r"//.*", "", source.read_text("utf-8"))
    assert not re.search(r"\b(printf|puts|abort|exit)\s*\(|std::c(out|err)\b", text)
    assert not re.search(r"pragma GCC (optimize|target)|__attribute__\(\(target", text)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_fuzzer(family):
    assert (ROOT / "cpp" / "fuzz" / f"{family}_fuzz.cpp").is_file()
    script = ROOT / "tools" / "fuzz.sh"
    if script.is_file():
        assert family in re.search(r"set -- (.*)", script.read_text("utf-8"))[1].split()


def test_no_loops_over_pixels_in_bindings():
    for source in (ROOT / "cpp" / "bindings").glob("bind_*.cpp"):
        text = source.read_text("utf-8")
        assert not re.search(r"for \([^)]*\b(height|rows|pixels|\.width)\b", text), source.name


# ---- Python --------------------------------------------------------------------------------------

MODULES = [
    m.name for m in pkgutil.iter_modules(fastcv.__path__) if not m.name.startswith(("_core", "__main", "cli"))
]


def test_public_functions_are_described():
    for name in fastcv.__all__:
        value = getattr(fastcv, name)
        if not callable(value):
            continue
        assert value.__doc__, name
        if inspect.isfunction(value):
            signature = inspect.signature(value)
            assert signature.return_annotation is not inspect.Signature.empty, name
            assert all(p.annotation is not p.empty for p in signature.parameters.values()), name


def test_documented_parameters_are_the_real_ones():
    for name in ("box_blur", "denoise_tv", "denoise_tv_chambolle", "Preprocess"):
        value = getattr(fastcv, name)
        section = re.search(r"Parameters\n\s*-+\n(.*?)\n\s*\n\s*\w+[^\n]*\n\s*-+\n", value.__doc__, re.DOTALL)
        assert section, name
        documented: list[str] = []
        indent = re.match(r" *", section[1])[0]
        for line in section[1].splitlines():
            if line.startswith(indent) and not line.startswith(indent + " "):
                documented += [word.strip() for word in line.split(":")[0].split(",")]
        assert documented == list(inspect.signature(value).parameters), name


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"fastcv.{name}")
    results = doctest.testmod(module)
    assert results.failed == 0
    public = [getattr(fastcv, n) for n in fastcv.__all__]
    if any(inspect.isfunction(v) and v.__module__ == module.__name__ for v in public):
        assert results.attempted > 0
