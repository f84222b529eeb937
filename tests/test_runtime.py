"""Threads, forks, Ctrl-C, SIMD targets, versions: what every function of the package stands on."""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import fastcv
from fastcv import _core

ROOT = Path(__file__).parent.parent
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREAD_VARIABLES = ("OMP_NUM_THREADS", "FASTCV_NUM_THREADS", "FASTCV_SIMD", "OMP_THREAD_LIMIT")


def run_python(code: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in THREAD_VARIABLES} | environment
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def answer(code: str, **environment: str) -> object:
    """What a fresh Python prints, as JSON."""
    done = run_python("import json, os, fastcv\n" + code, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def image(height: int = 600, width: int = 800) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


# ---- how many threads ---------------------------------------------------------------------------

COUNT = "print(fastcv.get_num_threads())"


def test_default_is_all_processors_allowed():
    assert 1 <= answer(COUNT) <= CPUS


def test_openmp_setting_is_followed():
    assert answer(COUNT, OMP_NUM_THREADS="1") == 1


def test_environment_variable():
    assert answer(COUNT, FASTCV_NUM_THREADS="1") == 1
    assert answer(COUNT, FASTCV_NUM_THREADS="100000") <= CPUS
    assert answer(COUNT, FASTCV_NUM_THREADS="") == answer(COUNT)
    uncapped = "from fastcv import _core; _core.ignore_caps_for_test(True); "
    assert answer(uncapped + COUNT, FASTCV_NUM_THREADS="5", OMP_NUM_THREADS="3") == 5
    assert answer(uncapped + COUNT, OMP_NUM_THREADS="3") == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1 2"])
def test_bad_environment_variable(text):
    done = run_python("import fastcv", FASTCV_NUM_THREADS=text)
    assert done.returncode != 0
    assert f'FASTCV_NUM_THREADS must be a whole number of at least 1, got "{text}"' in done.stderr


def test_set_num_threads(many_threads):
    default = fastcv.get_num_threads()
    fastcv.set_num_threads(5)
    assert fastcv.get_num_threads() == 5
    assert "set_num_threads(5)" in _core.report()["threads_reason"]
    fastcv.set_num_threads(None)
    assert fastcv.get_num_threads() == default
    fastcv.set_num_threads(np.int64(3))
    assert fastcv.get_num_threads() == 3
    fastcv.set_num_threads(0)
    assert fastcv.get_num_threads() == default


def test_set_num_threads_is_capped():
    fastcv.set_num_threads(1000)
    assert fastcv.get_num_threads() <= CPUS
    assert "capped by" in _core.report()["threads_reason"]


@pytest.mark.parametrize("n", [-1, -(2**70)])
def test_set_num_threads_range(n):
    with pytest.raises(ValueError, match=r"^set_num_threads: n must be at least 0"):
        fastcv.set_num_threads(n)


@pytest.mark.parametrize("n", [1.0, "2", True, [1]])
def test_set_num_threads_type(n):
    with pytest.raises(TypeError, match=r"^set_num_threads: n must be an int"):
        fastcv.set_num_threads(n)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_affinity_is_followed():
    code = """
import numpy as np, threading
before = fastcv.get_num_threads()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
fastcv.set_num_threads(8)
after = fastcv.get_num_threads()
fastcv.box_blur(np.zeros((2000, 2000), np.uint8), 3, num_threads=8)
print(json.dumps([after, len(os.listdir("/proc/self/task"))]))
"""
    after, tasks = answer(code, OPENBLAS_NUM_THREADS="1")
    assert after == 1
    assert tasks == 1


def test_argument_starts_threads():
    code = """
import numpy as np
from fastcv import _core
_core.ignore_caps_for_test(True)
picture = np.zeros((2000, 2000), np.uint8)
tasks = []
for n in (1, 2, 4, 6):
    fastcv.box_blur(picture, 3, num_threads=n)
    tasks.append(len(os.listdir("/proc/self/task")))
print(json.dumps(tasks))
"""
    first, *rest = answer(code, OPENBLAS_NUM_THREADS="1", FASTCV_NUM_THREADS="1")
    assert first == 1
    if _core.report()["thread_backend"].startswith("OpenMP"):
        assert rest == [2, 4, 6]


def test_small_images_stay_on_the_callers_thread():
    code = """
import numpy as np
for _ in range(10):
    fastcv.box_blur(np.zeros((100, 100, 3), np.uint8), 3)
print(len(os.listdir("/proc/self/task")))
"""
    assert answer(code, OPENBLAS_NUM_THREADS="1") == 1


def test_threads_that_cannot_be_had():
    """libgomp would end the process; we go on with what there is."""
    pytest.importorskip("resource")
    code = """
import numpy as np, resource
from fastcv import _core
picture = np.random.default_rng(0).integers(0, 256, (2000, 2000), np.uint8)
expected = fastcv.box_blur(picture, 3, num_threads=1)
_core.ignore_caps_for_test(True)
used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGESIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), resource.RLIM_INFINITY))  # stacks are 8 MB each
got = fastcv.box_blur(picture, 3, num_threads=1000)
print(json.dumps(bool((got == expected).all())))
"""
    assert answer(code, OPENBLAS_NUM_THREADS="1") is True


def test_many_callers_at_once(many_threads):
    picture = image()
    expected = fastcv.box_blur(picture, 9, num_threads=1)
    wrong: list[int] = []
    barrier = threading.Barrier(6)

    def work(n: int) -> None:
        barrier.wait()
        for _ in range(10):
            if not np.array_equal(fastcv.box_blur(picture, 9, num_threads=n), expected):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4, 2, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_the_gil_is_released():
    picture = np.zeros((6000, 6000), np.uint8)
    out = np.empty_like(picture)
    ticks: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.0005):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    for _ in range(20):
        fastcv.box_blur(picture, 31, out=out, num_threads=1)
    end = time.perf_counter()
    stop.set()
    thread.join()
    inside = [t for t in ticks if begin < t < end]
    assert len(inside) > 20, "another thread made no progress"


# ---- fork -----------------------------------------------------------------------------------------


def _child(queue, picture, threads):
    from fastcv import _core

    _core.ignore_caps_for_test(True)
    queue.put(fastcv.box_blur(picture, 9, num_threads=threads).tobytes())


FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@FORK_WARNING
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize("threads", [None, 1, 4])
def test_fork_after_threads_were_used(many_threads, threads):
    context = multiprocessing.get_context("fork")
    picture = image()
    expected = fastcv.box_blur(picture, 9, num_threads=4)
    for _ in range(3):
        queue = context.SimpleQueue()
        child = context.Process(target=_child, args=(queue, picture, threads))
        child.start()
        try:
            assert _receive(queue, 30) == expected.tobytes(), "the child gave another result"
            child.join(30)
            assert child.exitcode == 0
        finally:
            child.kill()
        np.testing.assert_array_equal(fastcv.box_blur(picture, 9, num_threads=4), expected)


def _receive(queue, seconds):
    end = time.monotonic() + seconds
    while queue.empty():
        assert time.monotonic() < end, "the child hangs"
        time.sleep(0.005)
    return queue.get()


@FORK_WARNING
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_another_thread_blurs(many_threads):
    picture = image()
    expected = fastcv.box_blur(picture, 9, num_threads=3)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            fastcv.box_blur(picture, 9, num_threads=3)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                got = fastcv.box_blur(picture, 9, num_threads=3)
                os._exit(0 if np.array_equal(got, expected) else 1)
            assert _wait(pid, 30) == 0
    finally:
        stop.set()
        thread.join(30)


def _wait(pid, seconds):
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail("the child hangs")
        time.sleep(0.005)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    picture = image(60, 80)
    with multiprocessing.get_context(method).Pool(1) as pool:
        got = pool.apply_async(fastcv.box_blur, (picture, 5)).get(60)
    np.testing.assert_array_equal(got, fastcv.box_blur(picture, 5))


# ---- Ctrl-C -----------------------------------------------------------------------------------------


LONG_CALL = """
import signal, threading, time
import numpy as np
from fastcv import _core
_core.ignore_caps_for_test(True)
_core.simd_force(_core.simd_detected()[-1])
one = np.random.default_rng(0).random((1000, 1000, 4), np.float32)
batch = np.broadcast_to(one, (32, *one.shape))
out = np.ones(batch.shape, np.float32)
def one_call():
    fastcv.box_blur(batch, 301, alpha="premultiplied", out=out, num_threads=THREADS)
begin = time.perf_counter()
one_call()
whole = time.perf_counter() - begin
sent = []
def send():
    time.sleep(min(0.1, whole / 4))
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
try:
    one_call()
    print(json.dumps(["finished", 0, whole]))
except KeyboardInterrupt:
    print(json.dumps(["interrupted", time.perf_counter() - sent[0], whole]))
fastcv.box_blur(one, 3)  # and the library still works
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupt_of_one_long_call(threads):
    outcome, delay, whole = answer(LONG_CALL.replace("THREADS", str(threads)))
    if whole < 0.15:
        pytest.skip(f"this machine is done in {whole:.2f} s")
    assert outcome == "interrupted"
    assert delay < 0.2


# ---- SIMD targets --------------------------------------------------------------------------------


def test_simd_targets():
    targets = fastcv.simd_targets()
    assert set(targets) == {"compiled", "detected", "active"}
    assert targets["active"] in targets["detected"]
    assert set(targets["detected"]) <= set(targets["compiled"])


@pytest.mark.parametrize("target", fastcv.simd_targets()["detected"])
def test_simd_limit_by_environment(target):
    for name in (target, target.upper()):
        assert answer('print(json.dumps(fastcv.simd_targets()["active"]))', FASTCV_SIMD=name) == target


def test_simd_limit_is_a_limit_for_force_too():
    detected = fastcv.simd_targets()["detected"]
    if len(detected) < 2:
        pytest.skip("one target only")
    done = run_python(f"from fastcv import _core; _core.simd_force({detected[0]!r})", FASTCV_SIMD=detected[1])
    assert "simd_force: name must be one of" in done.stderr


def test_simd_unknown_name():
    done = run_python("import fastcv", FASTCV_SIMD="mmx")
    assert done.returncode != 0
    assert "FASTCV_SIMD must be one of" in done.stderr
    assert 'got "mmx"' in done.stderr
    for name in fastcv.simd_targets()["compiled"]:
        assert name in done.stderr
    assert answer("print(1)", FASTCV_SIMD="") == 1


def test_simd_force():
    active = _core.simd_active()
    for name in _core.simd_detected():
        _core.simd_force(name)
        assert _core.simd_active() == name
    with pytest.raises(ValueError, match="simd_force: name must be one of"):
        _core.simd_force("mmx")
    _core.simd_force("")
    assert _core.simd_active() == active


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_target_gives_the_same_bytes(dtype):
    rng = np.random.default_rng(1)
    for channels in (1, 3, 4):
        picture = rng.integers(0, np.iinfo(dtype).max, (70, 133, channels), dtype, endpoint=True)
        for ksize in (1, 2, 3, 5, 8, 15, 31, 200):
            results = []
            for name in _core.simd_detected():
                _core.simd_force(name)
                results.append(fastcv.box_blur(picture, ksize).tobytes())
            assert len(set(results)) == 1, (channels, ksize)


# ---- what it is -----------------------------------------------------------------------------------


def test_one_version():
    assert fastcv.__version__ == _core.__version__ == _core.report()["version"]
    line = next(s for s in (ROOT / "pyproject.toml").read_text().splitlines() if s.startswith("version = "))
    assert line.split('"')[1] == fastcv.__version__
    try:
        assert metadata.version("fastcv-cpu") == fastcv.__version__
    except metadata.PackageNotFoundError:
        pytest.skip("used from the source tree, not installed")


def test_show_config(capsys):
    assert fastcv.show_config() is None
    text = capsys.readouterr().out
    for part in (fastcv.__version__, _core.simd_active(), "threads:", "fork:", "compiler:"):
        assert part in text
    config = fastcv.show_config(mode="dicts")
    assert config["version"] == fastcv.__version__
    assert config["simd"] == fastcv.simd_targets()
    assert config["fork_safe"] is True
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="mode"):
        fastcv.show_config(mode="yaml")


def test_signature_shows_the_documented_defaults():
    parameters = inspect.signature(fastcv.box_blur).parameters
    assert str(parameters["channel_axis"].default) == "-1"
    assert parameters["channel_axis"].default == -1
    assert repr(parameters["channel_axis"]).endswith('= -1">')
    assert parameters["out"].kind is inspect.Parameter.KEYWORD_ONLY


def test_import_is_light():
    """`import fastcv` brings in NumPy and nothing else that is not in the standard library."""
    code = """
import sys
foreign = {"PIL", "rich", "matplotlib", "scipy", "cv2"} & set(sys.modules)
print(json.dumps(sorted(foreign)))
"""
    assert answer(code) == []


def test_stub_matches_the_module():
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "fastcv._core"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
