"""What was measured on: processor, caches, system, versions."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import io
import os
import platform
import re
from pathlib import Path
from typing import Any

PEERS: dict[str, str | tuple[str, ...]] = {
    "NumPy": "numpy",
    "OpenCV": ("opencv-python-headless", "opencv-python", "opencv-contrib-python"),
    "SciPy": "scipy",
    "Pillow": "pillow",
    "scikit-image": "scikit-image",
    "kornia-rs": "kornia-rs",
    "PyTorch": "torch",
    "Numba": "numba",
    "JAX": "jax",
    "scikit-learn": "scikit-learn",
}


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _cpu_model() -> str:
    lines = _read("/proc/cpuinfo").splitlines()
    fields = dict(part.split(":", 1) for part in lines if ":" in part)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    name = fields.get("model name") or platform.processor() or platform.machine()
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return name


def _caches() -> list[str]:
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_read(str(index / part)) for part in ("level", "type", "size"))
        if level and size:
            found.append(f"L{level}{'' if kind == 'Unified' else kind[:1].lower()} {size}")
    return found


def _memory_gib() -> float | None:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal"):
            return round(int(line.split()[1]) / 2**20, 1)
    return None


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(packages: str | tuple[str, ...]) -> str:
    for package in (packages,) if isinstance(packages, str) else packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def load_average() -> float | None:
    """Return the load of the last minute, where the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def describe() -> dict[str, Any]:
    """Return the machine and the library versions as plain data."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu_model(),
        "cpus": _cpus(),
        "caches": _caches(),
        "memory_gib": _memory_gib(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not readable",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(),
        "load_before": load_average(),
        "versions": {name: _version(packages) for name, packages in PEERS.items()},
    }


def _config_lines() -> dict[str, str]:
    """Return what `fastcv.show_config()` prints, by the first word of each line."""
    import fastcv

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        value = fastcv.show_config()
    lines = (value if isinstance(value, str) else text.getvalue()).splitlines()
    words = (re.match(r"\s*([\w ]+?)\s*(?::\s*|\s{2,})(\S.*)", line) for line in lines)
    return {found[1].lower(): found[2] for found in words if found}


def describe_fastcv() -> dict[str, Any]:
    """Return version, compiler and active SIMD target of the fastcv that is being measured."""
    import fastcv

    facts: dict[str, Any] = {"version": getattr(fastcv, "__version__", "unknown")}
    if hasattr(fastcv, "show_config"):
        compiler = next((v for k, v in _config_lines().items() if "compiler" in k), None)
        facts |= {"compiler": compiler} if compiler else {}
    active = getattr(getattr(fastcv, "_core", None), "simd_active", None)
    if callable(active):
        facts["simd"] = active()
    return facts
