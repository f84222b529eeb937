"""What was measured on: processor, caches, system, versions."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

PEERS = {
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
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip(),
        "python": platform.python_version(),
        "load_before": load_average(),
        "versions": {name: _version(packages) for name, packages in PEERS.items()},
    }


def describe_fastcv() -> dict[str, Any]:
    """Return version, compiler and active SIMD target of the fastcv that is being measured."""
    import fastcv

    facts: dict[str, Any] = {"version": getattr(fastcv, "__version__", "unknown")}
    core = getattr(fastcv, "_core", None)
    report = getattr(core, "runtime_report", None)
    if callable(report):
        data = report()
        facts["compiler"] = data["compiler"] if isinstance(data, dict) else data.compiler
    active = getattr(core, "simd_active", None)
    if callable(active):
        facts["simd"] = active()
    return facts
