"""What Dask costs, and what it makes possible: ``python -m benchmarks.dask_scale cost|workers|memory [--write]``.

``cost``: an image in memory, in chunks of 4096 x 4096, beside the plain call on as many processors; blur and total variation,
with Dask's own threads, and on a cluster in this process with the two ways to share a machine: many tasks on one thread each, one task
on many threads. ``workers``: the same work on one, two and three processes, with the bytes that travelled. ``memory``: an image of
20 000 x 20 000 x 3 on three workers of 1 GB each; half an hour, and 30 GB of disk. ``--write`` puts the table into docs/dask.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np

import fastcv
import fastcv.dask
from benchmarks import marks

CHUNK = 4096
PAGE = Path(__file__).parent.parent / "docs" / "dask.md"

Table = list[list[str]]


def write(what: str, table: Table) -> None:
    """Put a table where the page has the last one."""
    head, *rows = table
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    PAGE.write_text(marks.dask_scale(what).replace(PAGE.read_text("utf-8"), text), "utf-8")


@contextmanager
def cluster(workers: int, threads: int, processes: bool, **keywords: Any) -> Iterator[distributed.Client]:
    """Start workers on this machine."""
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address=None,
            silence_logs=50,
            **keywords,
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes, once the threads and the memory of the last one have come to rest."""
    time.sleep(0.1)
    start = time.perf_counter()
    result = call()
    took = time.perf_counter() - start
    del result
    return took


def run(chunked: Callable[..., Any], array: da.Array, threads: int) -> Any:
    """Have the work done, and return the result where it was made."""
    result = chunked(array, threads).persist()
    distributed.wait(result)
    return result


@contextmanager
def ways(processors: int) -> Iterator[dict[str, tuple[Any, int]]]:
    """Yield the ways to share this machine: what makes Dask use it, and the threads of a task."""
    with cluster(1, processors, processes=False) as many, cluster(1, 1, processes=False) as one:
        yield {
            f"Dask's threads: {processors} tasks of one": (
                partial(dask.config.set, scheduler="threads", num_workers=processors),
                1,
            ),
            f"`LocalCluster`: {processors} tasks of one thread": (many.as_current, 1),
            f"`LocalCluster`: one task of {processors}": (one.as_current, processors),
        }


def photo(height: int, width: int, dtype: str, first: int = 0) -> np.ndarray:
    """Return part of a large picture: something smooth, edges and noise."""
    y, x = np.ogrid[:height, :width]
    noise = np.random.default_rng([height, first]).random((height, width, 3), np.float32)
    base = 0.4 + 0.2 * np.sin(x / 90) * np.cos(y / 70) + 0.2 * ((x // 64 + y // 64) % 2)
    pixels = np.clip(base[..., None] + 0.2 * (noise - 0.5), 0, 1)
    return (pixels * 255).astype(np.uint8) if dtype == "uint8" else pixels.astype(dtype)


def jobs(processors: int) -> dict[str, tuple[np.ndarray, Callable[..., Any], Callable[..., Any]]]:
    """Return image, plain call and Dask call of each job."""
    colour = photo(2 * CHUNK, 2 * CHUNK, "uint8")
    plane = np.ascontiguousarray(colour[..., 0]).astype(np.float32) / np.float32(255)

    def chambolle(array: Any, threads: int) -> Any:
        return fastcv.dask.denoise_tv_chambolle(array, 0.1, 0, 25, num_threads=threads)

    def stopped(array: Any, threads: int) -> Any:
        return fastcv.dask.denoise_tv_chambolle(array, 0.1, 5e-5, num_threads=threads)

    return {
        "box_blur 15, uint8 x 3": (
            colour,
            lambda image: fastcv.box_blur(image, 15, num_threads=processors),
            lambda array, threads: fastcv.dask.box_blur(array, 15, num_threads=threads),
        ),
        "denoise_tv_chambolle, 25 passes": (
            plane,
            lambda image: fastcv.denoise_tv_chambolle(image, 0.1, 0, 25, num_threads=processors),
            chambolle,
        ),
        "denoise_tv_chambolle, eps=5e-5": (
            plane,
            lambda image: fastcv.denoise_tv_chambolle(image, 0.1, 5e-5, num_threads=processors),
            stopped,
        ),
        "denoise_tv 0.05, tol=1e-3": (
            plane,
            lambda image: fastcv.denoise_tv(image, 0.05, num_threads=processors),
            lambda array, threads: fastcv.dask.denoise_tv(array, 0.05, num_threads=threads),
        ),
        "denoise_tv 0.2, from smaller images": (
            plane,
            lambda image: fastcv.denoise_tv(image, 0.2, num_threads=processors),
            lambda array, threads: fastcv.dask.denoise_tv(array, 0.2, num_threads=threads),
        ),
    }


def cost(rounds: int, only: str) -> Table:
    """Return time with Dask to time without: the median, the least and the most of some rounds."""
    processors = len(os.sched_getaffinity(0))
    table: Table = []
    for name, (image, plain, chunked) in jobs(processors).items():
        if only not in name:
            continue
        line = [name]
        with ways(processors) as shared:
            for way, (current, threads) in shared.items():
                with current():
                    array = da.from_array(image, chunks=(CHUNK, CHUNK, *image.shape[2:])).persist()
                    distributed.wait(array)
                    ratios = []
                    for _ in range(rounds + 1):
                        alone = seconds(partial(plain, image))
                        ratios.append(seconds(partial(run, chunked, array, threads)) / alone)
                    if not np.array_equal(chunked(array, threads).compute(), plain(image)):
                        raise AssertionError(f"{name}: other bytes than on one machine")
                ratios = ratios[1:]
                line.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
                print(f"{name}: {way}: {line[-1]}", flush=True)
            table = table or [["job", *shared]]
        table.append(line)
    return table


def sent(client: distributed.Client) -> float:
    """Return the bytes that workers have fetched from one another."""

    def incoming(dask_worker: Any) -> int:
        return sum(entry["total"] for entry in dask_worker.transfer_incoming_log)

    return float(sum(client.run(incoming).values()))


def workers(rounds: int, only: str) -> Table:
    """Return time and traffic on one, two and three processes, in blocks of 2048 whole rows."""
    rows = 2048
    table: Table = [["job", *(f"{n} worker{'s' * (n > 1)}" for n in (1, 2, 3))]]
    for name, (image, _, chunked) in jobs(1).items():
        if only not in name:
            continue
        line = [name]
        alone = 0.0
        for count in (1, 2, 3):
            with cluster(count, 1, processes=True) as client:
                starts = range(0, image.shape[0], rows)
                parts = client.scatter([image[y : y + rows] for y in starts])
                array = da.concatenate(
                    [
                        da.from_delayed(p, image[y : y + rows].shape, image.dtype)
                        for p, y in zip(parts, starts, strict=True)
                    ]
                ).persist()
                distributed.wait(array)
                before = sent(client)
                times = [seconds(partial(run, chunked, array, 1)) for _ in range(rounds)]
                moved = (sent(client) - before) / rounds
            alone = alone or min(times)
            line.append(f"{min(times) / alone:.2f}, {moved / 1e6:.1f} MB")
            print(f"{name}: {count} workers: {line[-1]}", flush=True)
        table.append(line)
    return table


def memory(side: int, only: str) -> Table:
    """Blur and denoise what no worker can hold; return the memory of the largest of them."""
    chunk = 1000
    table: Table = [["job", "largest worker, GiB"]]
    # Blocks that are large beside a worker need room to come back from disk in.
    settings = {
        f"distributed.worker.memory.{key}": share
        for key, share in {"target": 0.5, "spill": 0.6, "terminate": 0.98}.items()
    }
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("FASTCV_SCRATCH")) as folder,
        dask.config.set(settings | {"temporary-directory": folder}),
    ):
        import zarr

        def source(dtype: str) -> da.Array:
            picture = dask.delayed(photo, pure=True)(chunk, chunk, dtype)

            def block(picture: np.ndarray, y: int, x: int) -> np.ndarray:
                return np.roll(picture, (y // 7, x // 11), (0, 1))

            starts = range(0, side, chunk)
            rows = [
                [
                    da.from_delayed(dask.delayed(block, pure=True)(picture, y, x), (chunk, chunk, 3), dtype)
                    for x in starts
                ]
                for y in starts
            ]
            return da.concatenate([da.concatenate(row, axis=1) for row in rows])

        def peaks(client: distributed.Client) -> dict[int, float]:
            def most() -> tuple[int, int]:
                import resource

                return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

            return {pid: used / 2**20 for pid, used in client.run(most).values()}

        def chambolle() -> da.Array:
            return fastcv.dask.denoise_tv_chambolle(source("float32"), 0.1, 0, 10, channel_axis=-1)

        cases: dict[str, Callable[[], da.Array]] = {
            "box_blur 31, uint8": lambda: fastcv.dask.box_blur(source("uint8"), 31),
            "denoise_tv_chambolle, float32, 10 passes": chambolle,
            "denoise_tv 0.05, uint8, tol=1e-2": lambda: fastcv.dask.denoise_tv(
                source("uint8"), 0.05, tol=1e-2
            ),
        }
        for name, call in cases.items():
            if only not in name:
                continue
            with cluster(3, 1, processes=True, memory_limit="1GB") as client:
                begun = peaks(client).keys()
                start = time.perf_counter()
                result = call()
                target = zarr.open_array(
                    f"{folder}/result.zarr",
                    mode="w",
                    shape=result.shape,
                    chunks=(chunk, chunk, 3),
                    dtype=result.dtype,
                )
                da.store(result, target, lock=False)
                took = time.perf_counter() - start
                ended = peaks(client)
                if ended.keys() != begun:
                    raise AssertionError(f"{name}: a worker was killed")
                table.append([name, f"{max(ended.values()):.2f}"])
                print(f"{name}: {took:.0f} s, largest worker {table[-1][1]} GiB", flush=True)
    return table


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cost", "workers", "memory"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--write", action="store_true", help="put the table into docs/dask.md")
    arguments = parser.parse_args()
    if arguments.what == "memory":
        table = memory(arguments.side, arguments.only)
    else:
        table = {"cost": cost, "workers": workers}[arguments.what](arguments.rounds, arguments.only)
    if arguments.write:
        write(arguments.what, table)


if __name__ == "__main__":
    main()
