"""The command line: measure in worker processes, then write the report."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from benchmarks import box_blur, mds, preprocess, report, tv
from fastcv._bench import machine, workers
from fastcv._bench.harness import Case, Settings, measure

FAMILIES: tuple[ModuleType, ...] = (box_blur, tv, preprocess, mds)
ROOT = Path(__file__).resolve().parent.parent


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure fastcv beside its peers. A full run rewrites docs/benchmarks.md, its "
        "plots and the table in README.md; with --quick or --only the report is only printed.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="few cases, few rounds: a look, no figures to quote"
    )
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="cases whose name contains NAME (repeatable)"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write what was measured")
    parser.add_argument(
        "--from", metavar="FILE", type=Path, dest="source", help="report on an earlier --json file"
    )
    parser.add_argument("--write", action="store_true", help="rewrite the documents whatever was measured")
    parser.add_argument("--root", type=Path, default=ROOT, help="where docs/ and README.md lie")
    parser.add_argument("--worker", nargs=2, metavar=("THREADS", "SIMD"), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def select(quick: bool, only: list[str] | None) -> list[Case]:
    """Return the cases of all families that were asked for."""
    cases = [case for family in FAMILIES for case in family.cases(quick)]
    return [case for case in cases if not only or any(part in case.name for part in only)]


def _work(arguments: argparse.Namespace) -> int:
    """Measure the cases of one group in this process."""
    threads, simd = int(arguments.worker[0]), arguments.worker[1]
    workers.pin(threads)
    settings = Settings.quick() if arguments.quick else Settings()
    group = [c for c in select(arguments.quick, arguments.only) if (c.threads, c.simd) == (threads, simd)]
    results = []
    for case in group:
        start = time.perf_counter()
        try:
            results.append(measure(case, settings))
        except Exception as error:  # noqa: BLE001 - our own failure: reported, and the run goes on
            print(f"{case.name}: {type(error).__name__}: {error}", file=sys.stderr)
            results.append(report.failed(case, error))
        print(f"  {case.name}  {time.perf_counter() - start:.1f} s", flush=True)
    facts = machine.describe_fastcv()
    arguments.json.write_text(json.dumps({"fastcv": facts, "cases": results}))
    return 0


def _spawn(arguments: argparse.Namespace, threads: int, simd: str) -> dict:
    """Measure one group in a fresh process, whose environment holds every pool to `threads`."""
    environment = workers.environment(threads, simd)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        command = [sys.executable, "-m", "benchmarks", "--json", str(file), "--worker", str(threads), simd]
        command += ["--quick"] * arguments.quick
        for name in arguments.only or ():
            command += ["--only", name]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        return json.loads(file.read_text())


def _measure(arguments: argparse.Namespace) -> dict:
    selected = select(arguments.quick, arguments.only)
    if not selected:
        raise SystemExit("no case has such a name; --list shows them")
    results = machine.describe()
    results |= {"quick": arguments.quick, "fastcv": {}, "cases": []}
    groups = dict.fromkeys((case.threads, case.simd) for case in selected)
    available = results["cpus"]
    start = time.perf_counter()
    for threads, simd in groups:
        if threads > available:
            print(f"skipped: {threads} threads on {available} processors")
            continue
        print(f"{threads} thread(s), {simd or 'best'} SIMD", flush=True)
        part = _spawn(arguments, threads, simd)
        results["fastcv"] |= part["fastcv"] if not simd else {}
        results["cases"] += part["cases"]
    results["minutes"] = round((time.perf_counter() - start) / 60, 1)
    results["load_after"] = machine.load_average()
    return results


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    arguments = _arguments(argv)
    if arguments.worker:
        return _work(arguments)
    if arguments.list:
        print("\n".join(case.name for case in select(arguments.quick, arguments.only)))
        return 0
    results = json.loads(arguments.source.read_text()) if arguments.source else _measure(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    complete = not (arguments.quick or arguments.only)
    if complete or arguments.write:
        for path in report.write(results, FAMILIES, arguments.root):
            print(f"wrote {path}")
    else:
        print(report.page(results, FAMILIES))
    return 0
