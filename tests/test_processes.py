"""Every function with many threads, in forked and spawned children, beside another OpenMP, under limits on processors.

The functions are those of contract.py, on arrays large enough for several threads.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from contract import ENTRIES

TESTS = Path(__file__).parent
ENTRY = {entry.name: entry for entry in ENTRIES}
entries = pytest.mark.parametrize("name", ENTRY)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
    pytest.mark.usefixtures("many_threads"),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def digest(name: str, num_threads: int = 3) -> str:
    entry = ENTRY[name]
    array = entry.array(entry.dtypes[0], entry.large)
    return hashlib.sha256(entry.call(array, num_threads=num_threads).tobytes()).hexdigest()


def forked(work: Any, seconds: float = 60) -> int:
    """The exit status of a child that does the work."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail("the child hangs")
        time.sleep(0.002)


def run(code: str, *before: str, timeout: float = 120, **environment: str) -> Any:
    """What a fresh Python prints, as JSON."""
    head = f"import json, os, sys\nsys.path.insert(0, {str(TESTS)!r})\n"
    env = {
        k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "FASTCV_NUM_THREADS")
    } | environment
    done = subprocess.run(
        [*before, sys.executable, "-c", head + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- threads -------------------------------------------------------------------------------------


@entries
def test_32_threads_at_once(name):
    expected = digest(name, 1)
    wrong: list[str] = []
    barrier = threading.Barrier(32)

    def work(num_threads: int) -> None:
        barrier.wait()
        if digest(name, num_threads) != expected:
            wrong.append(name)

    threads = [threading.Thread(target=work, args=(1 + i % 4,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


# ---- fork and spawn ------------------------------------------------------------------------------


@needs_fork
@entries
def test_fork_after_use(name):
    expected = digest(name)
    for threads in (3, 1, 2):
        assert forked(lambda n=threads: digest(name, n) == expected) == 0
        assert digest(name) == expected


@needs_fork
@entries
def test_fork_in_a_forked_child(name):
    expected = digest(name)

    def child() -> bool:
        return digest(name) == expected and forked(lambda: digest(name) == expected) == 0

    assert forked(child) == 0


@needs_fork
@entries
def test_fork_while_another_thread_computes(name):
    expected = digest(name)
    stop = threading.Event()
    wrong: list[str] = []

    def work() -> None:
        while not stop.is_set():
            if digest(name) != expected:
                wrong.append(name)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(10):
            assert forked(lambda: digest(name) == expected) == 0
    finally:
        stop.set()
        thread.join(60)
    assert not wrong


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    digest(next(iter(ENTRY)))
    with multiprocessing.get_context(method).Pool(2) as pool:
        got = pool.map_async(digest, list(ENTRY)).get(120)
    assert got == [digest(name) for name in ENTRY]


# ---- beside others -------------------------------------------------------------------------------

BESIDE_TORCH = """
def ours():
    from test_processes import ENTRY, digest
    from fastcv import _core
    _core.ignore_caps_for_test(True)
    return [digest(name) for name in ENTRY]
def theirs():
    import torch
    torch.set_num_threads(2)
    a = torch.arange(250000.0).reshape(500, 500) / 250000
    return float((a @ a).sum())
first, second = (theirs, ours) if {torch_first} else (ours, theirs)
results = [first(), second(), first(), second()]
pid = os.fork()
if pid == 0:
    os._exit(0 if ours() in results else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert results[:2] == results[2:]
print(json.dumps(results[1] if {torch_first} else results[0]))
"""


@pytest.mark.slow
@needs_fork
@pytest.mark.parametrize("torch_first", [True, False])
def test_beside_torch(torch_first):
    """Two OpenMP runtimes in a process, in both orders, and a fork on top."""
    pytest.importorskip("torch")
    assert run(BESIDE_TORCH.format(torch_first=torch_first)) == [digest(name) for name in ENTRY]


class Digests:
    """A map-style data set."""

    def __len__(self) -> int:
        return 2 * len(ENTRY)

    def __getitem__(self, i: int) -> str:
        if i >= len(self):
            raise IndexError
        return digest(list(ENTRY)[i % len(ENTRY)])


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_data_loader_of_four_workers(start):
    data = pytest.importorskip("torch.utils.data")
    expected = [digest(name) for name in ENTRY]
    loader = data.DataLoader(Digests(), batch_size=1, num_workers=4, multiprocessing_context=start)
    got = [text for batch in loader for text in batch]
    assert got == expected * 2


# ---- how many processors -------------------------------------------------------------------------

COUNT = "import fastcv; print(fastcv.get_num_threads())"


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset here")
def test_taskset():
    assert run(COUNT, "taskset", "-c", str(min(os.sched_getaffinity(0)))) == 1


@pytest.mark.parametrize(("quota", "threads"), [("50000", 1), ("100000", 1), ("150000", 2), ("max", None)])
@pytest.mark.parametrize("version", [1, 2])
def test_cgroup_quota(quota, threads, version, tmp_path):
    """A quota of 1.5 processors makes two threads. In a mount of our own, where that is allowed."""
    if (
        sys.platform != "linux"
        or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no mounts of our own here")
    v1 = "-1" if quota == "max" else quota
    write = {
        1: f"mkdir cpu && echo {v1} > cpu/cpu.cfs_quota_us && echo 100000 > cpu/cpu.cfs_period_us",
        2: f"echo {quota} 100000 > cpu.max",
    }
    groups = tmp_path / "cgroup"
    groups.write_text({1: "1:cpu,cpuacct:/\n", 2: "0::/\n"}[version])
    script = (
        f"mount --bind {groups} /proc/$$/cgroup && mount -t tmpfs none /sys/fs/cgroup && "
        f'(cd /sys/fs/cgroup && {write[version]}) && exec "$@"'
    )
    default = run(COUNT)
    got = run(COUNT, "unshare", "-m", "sh", "-ec", script, "sh")
    assert got == (default if threads is None else min(default, threads))


def test_openmp_setting():
    assert run(COUNT, OMP_NUM_THREADS="1") == 1


def test_threadpoolctl():
    """It finds our OpenMP and limits it on the thread that asks."""
    pytest.importorskip("threadpoolctl")
    code = """
import fastcv, threadpoolctl
from fastcv import _core
_core.ignore_caps_for_test(True)
counts = [fastcv.get_num_threads()]
with threadpoolctl.threadpool_limits(1, user_api="openmp"):
    counts.append(fastcv.get_num_threads())
counts.append(fastcv.get_num_threads())
print(json.dumps(counts))
"""
    assert run(code, OMP_NUM_THREADS="3") == [3, 1, 3]
