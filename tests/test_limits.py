"""Every function when it is interrupted, when there is no memory, when no thread can start, and when it is called for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract import ENTRIES

TESTS = Path(__file__).parent
entries = pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and its limits")

HEAD = """
import gc, json, os, resource, signal, sys, threading, time
sys.path.insert(0, {tests!r})
import numpy as np
from contract import ENTRIES
import fastcv
from fastcv import _core
_core.ignore_caps_for_test(True)
entry = next((e for e in ENTRIES if e.name == {name!r}), None)
PAGE = resource.getpagesize()
def pages(field):  # 0: address space, 1: resident
    with open("/proc/self/statm") as file:
        return int(file.read().split()[field]) * PAGE
"""


def run(name: str, code: str, timeout: float = 240, *, poison: bool = True) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", HEAD.format(tests=str(TESTS), name=name) + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={key: value for key, value in os.environ.items() if poison or key != "FASTCV_POISON"},
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)


# ---- Ctrl-C --------------------------------------------------------------------------------------

# Each takes seconds. What they have in common: every long way through a family.
LONG = {
    "box_blur uint8": "a = wide(np.uint8); call = lambda: fastcv.box_blur(a, 61, out=out(a), num_threads=N)",
    "box_blur uint8, huge window": "a = wide(np.uint8); call = lambda: fastcv.box_blur(a, 4001, out=out(a), num_threads=N)",
    "box_blur uint16": "a = wide(np.uint16); call = lambda: fastcv.box_blur(a, 61, out=out(a), num_threads=N)",
    "box_blur float32": "a = wide(np.float32); call = lambda: fastcv.box_blur(a, 9, out=out(a), num_threads=N)",
    "box_blur float64, long rows": "a = wide(np.float64).reshape(200, -1); call = lambda: fastcv.box_blur(a, (901, 3), out=out(a), num_threads=N)",
    "denoise_tv": "a = wide(np.float32); call = lambda: fastcv.denoise_tv(a, 0.3, tol=1e-6, out=out(a), num_threads=N)",
    "denoise_tv uint8": "a = wide(np.uint8); call = lambda: fastcv.denoise_tv(a, 0.3, tol=1e-6, out=out(a), num_threads=N)",
    "denoise_tv joint": "a = colour(np.float32); call = lambda: fastcv.denoise_tv(a, 0.3, tol=1e-6, channels='joint', out=out(a), num_threads=N)",
    "denoise_tv sigma": "a = wide(np.float32); call = lambda: fastcv.denoise_tv(a, sigma='auto', tol=1e-6, out=out(a), num_threads=N)",
    "denoise_tv mean": "a = wide(np.float32); call = lambda: fastcv.denoise_tv(a, 1e9, out=out(a), num_threads=N)",
    "denoise_tv volume": "a = wide(np.float32).reshape(40, 1000, -1); call = lambda: fastcv.denoise_tv(a, 0.3, tol=1e-6, channel_axis=None, out=out(a), num_threads=N)",
    "denoise_tv missing": "a = wide(np.float32); a[5:9, 5:9] = np.nan; call = lambda: fastcv.denoise_tv(a, 0.3, tol=1e-6, out=out(a), num_threads=N)",
    "denoise_tv_chambolle": "a = wide(np.float32); call = lambda: fastcv.denoise_tv_chambolle(a, eps=0, out=out(a), num_threads=N)",
    "denoise_tv_chambolle volume": "a = wide(np.float32).reshape(40, 1000, -1); call = lambda: fastcv.denoise_tv_chambolle(a, eps=0, out=out(a), num_threads=N)",
    "Preprocess": "a = wide(np.uint8)[..., None].repeat(3, -1); p = fastcv.Preprocess(9000, interpolation='lanczos', num_threads=N); o = np.ones((3, 9000, 9000), np.float32); call = lambda: p(a, None, o)",
    "Preprocess float32 area": "a = wide(np.float32); p = fastcv.Preprocess(3, interpolation='area', num_threads=N); o = np.ones((20, 1, 3, 3), np.float32); call = lambda: p.batch([a] * 20, o)",
    "Preprocess.batch": "a = wide(np.uint8); p = fastcv.Preprocess(640, interpolation='bicubic', antialias=True, num_threads=N); o = np.ones((200, 1, 640, 640), np.float32); call = lambda: p.batch([a] * 200, o)",
}

INTERRUPT = """
N = {threads}
rng = np.random.default_rng(0)
def wide(dtype, shape=(4000, 10000)):
    a = rng.random(shape, np.float32)
    return (a * np.iinfo(dtype).max).astype(dtype) if np.dtype(dtype).kind == "u" else a.astype(dtype)
def colour(dtype):
    return wide(dtype, (4000, 3000, 3))
memory = {{}}
def out(a):
    if "out" not in memory:
        memory["out"] = np.ones(a.shape, a.dtype)
    return memory["out"]
{setup}
def again():
    while True:
        call()
delays = []
for after in (0.02, 0.15, 0.4):
    sent = []
    def send():
        time.sleep(after)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        again()
    except KeyboardInterrupt:
        delays.append(time.perf_counter() - sent[0])
    thread.join()
small = np.ones((30, 40), np.float32)
assert (fastcv.box_blur(small, 3) == 1).all()
print(json.dumps(delays))
"""


@pytest.mark.slow
@linux
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LONG)
def test_interrupt(name, threads):
    """KeyboardInterrupt within 0.2 s, whenever it comes, and the library works on."""
    # Without the poison: filling a gigabyte with NaN is no part of the library, and takes a second of its own.
    delays = run("", INTERRUPT.format(setup=LONG[name], threads=threads), poison=False)
    assert len(delays) == 3
    assert min(delays) < 0.2, delays  # the machine may be busy: one of three must be in time
    assert max(delays) < 1, delays


# ---- no memory, no threads -----------------------------------------------------------------------

NO_MEMORY = """
array = entry.array(entry.dtypes[-1] if entry.dtypes[-1] != ">f8" else "float64", entry.large)
expected = entry.call(array, num_threads=1)
out = np.empty_like(expected)
outcomes = {}
for threads in (1, 4):
    for spare in [0, 1 << 12, 1 << 14, 1 << 16, 1 << 18, *range(1 << 19, 24 << 20, 3 << 18), 40 << 20, 80 << 20, 300 << 20]:
        resource.setrlimit(resource.RLIMIT_AS, (pages(0) + spare, resource.RLIM_INFINITY))
        try:
            got = entry.call(array, num_threads=threads, **({"out": out} if entry.has_out else {}))
            word = "done"
        except MemoryError:
            word = "MemoryError"
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        if word == "done":
            assert np.array_equal(got, expected), spare
        outcomes[word] = outcomes.get(word, 0) + 1
    assert np.array_equal(entry.call(array, num_threads=threads), expected)
print(json.dumps(outcomes))
"""


@linux
@entries
def test_no_memory(name):
    """MemoryError or the right result, and everything works afterwards."""
    outcomes = run(name, NO_MEMORY)
    assert outcomes["done"] >= 2
    assert set(outcomes) <= {"done", "MemoryError"}


NO_THREADS = """
array = entry.array(entry.dtypes[0], entry.large)
expected = entry.call(array, num_threads=1)
tasks = lambda: len(os.listdir("/proc/self/task"))
results = [tasks()]
if os.getuid() == 0:  # whom no limit stops
    os.setresuid(*[os.getpid() % 20000 + 40000] * 3)
for limit in (0, 1, 2, 3, 10):
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, resource.RLIM_INFINITY if os.getuid() == 0 else 4096))
    for threads in (2, 5, 3, 9):
        assert np.array_equal(entry.call(array, num_threads=threads), expected)
    results.append(tasks())
print(json.dumps(results))
"""


@linux
@entries
def test_no_threads(name):
    """libgomp would end the process; here the work is done by the threads there are."""
    counts = run(name, NO_THREADS)
    assert counts[1] == counts[0], counts


# ---- for ever ------------------------------------------------------------------------------------

FOR_EVER = """
array = entry.array(entry.dtypes[0], entry.small)
options = {"out": entry.call(array)} if entry.has_out else {}
def calls(n):
    for _ in range(n):
        entry.call(array, **options)
        entry.call(array)
    try:
        entry.call(None)
    except TypeError:
        pass
calls(2000)
gc.collect()
before = pages(1)
for _ in range(24):
    calls(2000)
    gc.collect()
calls(50000 - 24 * 2000)
print(json.dumps([before, pages(1)]))
"""


@pytest.mark.slow
@linux
@entries
def test_resident_size_stays_flat(name):
    """100 000 calls leave it within 256 KiB, which is less than three bytes a call."""
    before, after = run(name, FOR_EVER)
    assert after - before < 256 << 10


# ---- how much memory -----------------------------------------------------------------------------

# A call, and how many channels of its image are in flight.
PER_PIXEL = {
    "denoise_tv": ("fastcv.denoise_tv(image, 0.1, out=out, num_threads=N)", 1),
    "denoise_tv, few iterations": ("fastcv.denoise_tv(image, 0.1, tol=0.01, out=out, num_threads=N)", 1),
    "denoise_tv, heavy weight": ("fastcv.denoise_tv(image, 1.5, out=out, num_threads=N)", 1),
    "denoise_tv, dual": ("fastcv.denoise_tv(image, 1.5, out=out, return_info=True, num_threads=N)", 1),
    "denoise_tv, sigma": ("fastcv.denoise_tv(image, sigma=0.1, out=out, num_threads=N)", 1),
    "denoise_tv, missing": ("fastcv.denoise_tv(holes, 0.02, tol=0.1, out=out, num_threads=N)", 1),
    "denoise_tv, weights": ("fastcv.denoise_tv(image, weights, tol=0.1, out=out, num_threads=N)", 1),
    "denoise_tv, joint": (
        "fastcv.denoise_tv(colour, 1.5, channels='joint', out=colour_out, num_threads=N)",
        3,
    ),
    "denoise_tv_chambolle": ("fastcv.denoise_tv_chambolle(image, out=out, num_threads=N)", 1),
    "denoise_tv_chambolle, copied": ("fastcv.denoise_tv_chambolle(image.T, out=out.T, num_threads=N)", 1),
}

PEAK = """
import warnings
warnings.simplefilter("ignore")
dtype, call, channels, N = {arguments!r}
ROWS, COLUMNS = 1125, 1500
rng = np.random.default_rng(0)
def noisy(rows, *shape):
    return (0.3 * rng.random((rows, *shape)) + np.linspace(0, 1, rows).reshape(-1, *(1 for _ in shape))).astype(dtype)
image = noisy(ROWS, COLUMNS)
holes = image.copy()
holes[5:90, 7:40] = np.nan
weights = np.full(image.shape, 0.02, dtype)
colour = noisy(ROWS, COLUMNS, 3)
out, colour_out = np.ones_like(image), np.ones_like(colour)
small = np.ones((40, 40), dtype)
fastcv.denoise_tv(small, 0.1, out=small.copy())
def kib(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = kib("VmRSS")
result = eval(call)
used = (kib("VmHWM") - before) * 1024
if isinstance(result, tuple):
    used -= result[1].dual.nbytes
print(json.dumps(used / (image.size if channels == 1 else colour.size)))
"""


@linux
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("what", PER_PIXEL)
def test_bytes_a_pixel(what, dtype):
    """24 bytes a pixel of the channels in flight, of float64 48, beside input and output; 28 and 56 with weights."""
    call, channels = PER_PIXEL[what]
    used = run("", PEAK.replace("{arguments!r}", repr((dtype, call, channels, 1))))
    values = 7 if "weights" in what else 6
    assert used <= values * np.dtype(dtype).itemsize
