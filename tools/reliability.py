"""Counts what is tested and writes the table of docs/reliability.md.

python tools/reliability.py [build folder with the C++ tests, default build/dev]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reliability.md"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "python")]


def cpp_tests(folder: Path) -> tuple[int, int]:
    """How many programs, how many tests in them."""
    programs = sorted(p for p in folder.glob("*_test") if p.is_file())
    count = 0
    for program in programs:
        listed = subprocess.run(
            [program, "--gtest_list_tests"], capture_output=True, text=True, check=True
        ).stdout
        count += sum(line.startswith("  ") for line in listed.splitlines())
    return len(programs), count


def python_tests() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", str(ROOT / "tests")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    found = re.search(r"(\d+) tests? collected", done.stdout)
    assert found, done.stdout[-500:]
    return int(found[1])


def main() -> None:
    import numpy as np

    import contract
    import hostile
    import test_limits
    from fastcv import _core

    programs, cpp = cpp_tests(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "dev")
    entries = contract.ENTRIES
    arrays = sum(len(e.dtypes) for e in entries)
    widths = sum(
        len(range(1, 2 * 64 // np.dtype(d).itemsize + 2))
        for e in entries
        for d in e.dtypes
        if d in ("uint8", "uint16", "float32", "float64")
    )
    arguments = sum(len(set(c.arguments) - c.left_alone) for c in contract.CALLS.values())
    refused = sum(len(values) for c in contract.CALLS.values() for values in c.refuses.values())
    rows = [
        ("C++ tests", f"{cpp} in {programs} programs"),
        ("Python tests", f"{python_tests()}"),
        (
            "public names in the contract",
            f"{len(contract.CALLS)} functions and methods, {len(contract.RESULTS)} results",
        ),
        (
            "arrays: functions x dtypes x layouts, as input and as `out`",
            f"{2 * arrays * len(hostile.LAYOUTS)}",
        ),
        ("shapes x functions x dtypes", f"{arrays * len(hostile.SHAPES)}"),
        ("widths x functions x dtypes, each on every SIMD target with 1 and 3 threads", f"{widths}"),
        ("odd arguments sent", f"{arguments * len(hostile.ARGUMENTS)}, and {refused} that must be refused"),
        (
            "views of up to 2^62 elements without memory",
            f"{len(entries) * len(hostile.HUGE)} shapes x dtypes",
        ),
        ("calls that leave the resident size flat", f"{len(entries)} x 100 000"),
        ("long calls interrupted", f"{len(test_limits.LONG)} x 2 thread counts x 3 moments"),
        ("SIMD targets compiled in", ", ".join(_core.simd_compiled())),
    ]
    table = "| | |\n| --- | --: |\n" + "".join(f"| {a} | {b} |\n" for a, b in rows)
    text = PAGE.read_text("utf-8")
    begin, end = "<!-- figures:begin -->\n", "<!-- figures:end -->"
    head, rest = text.split(begin)
    PAGE.write_text(head + begin + "\n" + table + "\n" + end + rest.split(end)[1], "utf-8")
    print(table)


if __name__ == "__main__":
    main()
