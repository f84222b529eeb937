"""docs/benchmarks.md, its plots and the README table, from what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from benchmarks import marks, plots
from fastcv._bench.harness import COPY, OURS, Case, case_record
from fastcv._bench.results import Verdict, find, judge, paired, ratio, spread

LEFT = ("which", "note", "answer", "time of ... to time of ...")  # columns of text


def failed(case: Case, error: Exception) -> dict:
    """Return the record of a case that could not be measured."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return case_record(case, {"all": reason}, [])


def seconds(value: float) -> str:
    """Return a duration with three digits and a unit."""
    if math.isnan(value):
        return "-"
    for unit, scale in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if abs(value) < 999.5 * scale or unit == "s":
            return f"{_digits(value / scale)} {unit}"
    raise AssertionError


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _figure(value: float, difference: bool = False) -> str:
    return seconds(value) if difference else "-" if math.isnan(value) else f"{_digits(value)}x"


def _difference(value: float | None) -> str:
    return "" if value is None else "0" if value == 0 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    align = [":--" if i == 0 or name in LEFT else "--:" for i, name in enumerate(head)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, align, *rows)]


def _limit(verdict: Verdict) -> str:
    target = verdict.target
    sign, value = ("≥", target["at_least"]) if target["at_least"] is not None else ("≤", target["at_most"])
    return f"{sign} {_figure(value, target['difference'])}"


def _answer(verdict: Verdict) -> str:
    if verdict.met is None:
        return "not measured"
    word = "met" if verdict.met else "**missed**"
    return (
        word
        if verdict.agreed
        else f"{word}, but {_figure(verdict.rounds, verdict.target['difference'])} by rounds"
    )


# ---- the parts of the page -------------------------------------------------------------------


def _machine(results: dict) -> list[str]:
    ours = results["fastcv"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    rows = [
        ("processor", f"{results['cpu']}; {results['cpus']} processors usable"),
        ("caches", ", ".join(results["caches"]) or "not readable"),
        ("memory", f"{results['memory_gib']} GiB"),
        ("frequency governor", results["governor"]),
        ("system", f"{results['system']}, {results['libc']}, Python {results['python']}"),
        (
            "fastcv",
            f"{ours.get('version')}, {ours.get('compiler', 'compiler not stated')}, SIMD: {ours.get('simd', 'not stated')}",
        ),
        ("beside it", versions),
        ("load before and after", f"{results['load_before']}, {results.get('load_after')}"),
        ("measured", f"{results['date']}, in {results.get('minutes', '?')} minutes"),
    ]
    return _table(("what", "which"), rows)


METHOD = """\
All contestants of a case take turns in one process: each round times every one of them, in an order
that rotates, each after one untimed call that brings its data back into the caches. A turn repeats a
short call for 5 ms; a contestant that is too slow sits out some rounds. The table shows the median
over the rounds, the spread as half the interquartile range, and two ratios: of the medians, and (in
brackets where it differs) the median of the ratios within each round. `x` after a peer's time is that time divided
by ours: above 1 we are faster. The floor is `np.copyto` of the same bytes. Everybody writes to memory
allocated before, where the API allows it, and is held to the stated number of threads; one-thread
contests are pinned to one processor. `Δ` is the largest difference from our result, in units of the dtype,
each peer compared with our result for its own border rule. Inputs are a real photograph, mirrored outwards to the size.
Rows that we lose stay in."""


def _verdicts(results: dict) -> list[tuple[dict, Verdict]]:
    return [(case, judge(case, target)) for case in results["cases"] for target in case["targets"]]


def _targets(results: dict) -> list[str]:
    verdicts = _verdicts(results)
    if not verdicts:
        return []
    met = sum(v.met is True for _, v in verdicts)
    missed = sum(v.met is False for _, v in verdicts)
    rows = []
    for case, v in verdicts:
        what = f"{v.over} {'-' if v.target['difference'] else '/'} {v.target['under']}"
        figure = _figure(v.measured, v.target["difference"])
        rows.append((f"`{case['name']}` {case['simd']}".strip(), what, _limit(v), figure, _answer(v)))
    rows.sort(key=lambda row: not row[-1].startswith(("**missed", "not")))
    text = (
        f"{met} of {len(verdicts)} figures met, {missed} missed, {len(verdicts) - met - missed} not measured. "
        "They were promised for processors whose vector units are 512 bits wide (AMD family 26, for one); where a 512-bit "
        "operation takes two turns (family 25), less can be had: `python -m benchmarks.prototype` and its siblings tell how much."
    )
    table = _table(("case", "time of ... to time of ...", "promised", "measured", "answer"), rows)
    return ["## Promised and measured", "", text, "", *table, ""]


def _time(case: dict, name: str) -> str:
    s = spread(case, name)
    return f"{seconds(s.median)} ±{100 * s.relative_iqr / 2:.0f}%" if s.count else "-"


def _times_ours(case: dict, name: str, base: str = OURS) -> str:
    if find(case, name) is None or find(case, base) is None:
        return "-"
    value, by_round = _figure(ratio(case, name, base)), _figure(paired(case, name, base).median)
    return value if value == by_round else f"{value} ({by_round})"


def _cell(case: dict) -> str:
    """One field of a grid: the ratio to the peer and its target."""
    for target in case["targets"]:
        if target["under"] == OURS:
            v = judge(case, target)
            mark = "" if v.met is None else " ✓" if v.met else " ✗"
            return f"{_figure(v.measured)} ({_limit(v)}{mark})"
    rivals = [c["name"] for c in case["contestants"] if c["name"] not in (OURS, COPY)]
    return _figure(ratio(case, rivals[0], OURS)) if rivals else "-"


def _grid(cases: list[dict]) -> list[str]:
    columns = list(dict.fromkeys(case["column"] for case in cases))
    rows = []
    for row in dict.fromkeys(case["row"] for case in cases):
        cells = {case["column"]: _cell(case) for case in cases if case["row"] == row}
        rows.append((row, *(cells.get(column, "-") for column in columns)))
    return _table(("image", *columns), rows)


def _grid_details(cases: list[dict]) -> list[str]:
    peers = dict.fromkeys(
        c["name"] for case in cases for c in case["contestants"] if c["name"] not in (OURS, COPY)
    )
    rows = []
    for case in cases:
        cells = [f"{case['row']}, {case['column']}", _time(case, OURS), _times_ours(case, OURS, COPY)]
        for peer in peers:
            record = find(case, peer)
            delta = _difference(record["difference"]) if record else "-"
            cells += [_time(case, peer), _times_ours(case, peer), delta]
        rows.append(cells)
    head = ["image", OURS, "of a copy"]
    for peer in peers:
        head += [peer, "x", "Δ"]
    return ["<details><summary>Times</summary>", "", *_table(head, rows), "", "</details>"]


def _long(case: dict) -> list[str]:
    """A row for each contestant; the first of ours is the base."""
    base = next((c["name"] for c in case["contestants"] if c["name"].startswith(OURS)), OURS)
    rows = []
    for record in case["contestants"]:
        if not record["listed"]:
            continue
        name = record["name"]
        s = spread(case, name)
        of_copy = _figure(ratio(case, name, COPY)) if find(case, COPY) else "-"
        cells = (name, _time(case, name), seconds(s.least), _times_ours(case, name, base), of_copy)
        rows.append((*cells, _difference(record["difference"]), record["note"]))
    for name, reason in case["skipped"].items():
        rows.append((name, "-", "-", "-", "-", "", reason))
    title = ", ".join(filter(None, (case["row"], case["column"])))
    head = (title, "median", "least", "x", "of a copy", "Δ", "note")
    return _table(head, rows)


def _section(family: ModuleType, key: str, cases: list[dict]) -> list[str]:
    title, layout, text = family.SECTIONS[key]
    lines = [f"### {title}", "", text, ""]
    if layout == "grid":
        lines += [*_grid(cases), "", *_grid_details(cases), ""]
        reasons = {f"{n}: {r}" for case in cases for n, r in case["skipped"].items()}
        return lines + [f"- {reason}" for reason in sorted(reasons)] + [""] * bool(reasons)
    for case in cases:
        lines += [*_long(case), ""]
    return lines


def _family(results: dict, family: ModuleType) -> list[str]:
    lines = [f"## {family.TITLE}", ""]
    for key, (file, title, _) in family.PLOTS.items():
        if plots.points(results, family, key):
            lines += [f"![{title}: time over {key}](images/{file})", ""]
    for key, (_, layout, _) in family.SECTIONS.items():
        cases = [
            c for c in results["cases"] if c["section"] == key and c["name"].startswith(family.NAME + "/")
        ]
        if cases and layout != "plot":
            lines += _section(family, key, cases)
    return lines


def page(results: dict, families: Sequence[ModuleType]) -> str:
    """Return the whole of docs/benchmarks.md."""
    lines = ["# Benchmarks", "", "Written by `python -m benchmarks`; do not edit.", ""]
    if results.get("quick"):
        lines += ["**A quick run: a look, no figures to quote.**", ""]
    if (results["load_before"] or 0) > 0.5:
        lines += [
            f"**Other programs were running (load {results['load_before']}): the figures are noisy.**",
            "",
        ]
    lines += [METHOD, "", *_machine(results), "", *_targets(results)]
    for family in families:
        lines += _family(results, family)
    return "\n".join(lines).rstrip() + "\n"


def readme_block(results: dict, families: Sequence[ModuleType]) -> str:
    """Return the short table for the README: the first section of every family."""
    lines = []
    for family in families:
        key = next(iter(family.SECTIONS))
        cases = [
            c for c in results["cases"] if c["section"] == key and c["name"].startswith(family.NAME + "/")
        ]
        if cases:
            lines += ["", family.SUMMARY, "", *_grid(cases)]
    verdicts = [v for _, v in _verdicts(results)]
    met = sum(v.met is True for v in verdicts)
    lines += [
        "",
        (
            f"Measured on {results['cpu']}, SIMD {results['fastcv'].get('simd', 'not stated')}, "
            f"OpenCV {results['versions']['OpenCV']}; {met} of {len(verdicts)} promised figures met. "
            "All tables, also the rows we lose: [docs/benchmarks.md](docs/benchmarks.md)."
        ),
    ]
    return "\n".join(lines).strip()


def _dask(docs: Path) -> str:
    """Return the section on Dask: its table stands in docs/dask.md, where `benchmarks.dask_scale` writes it."""
    guide = docs / "dask.md"
    table = marks.dask_scale("cost").find(guide.read_text(encoding="utf-8") if guide.exists() else "")
    if table is None:
        return ""
    text = (
        "Time with Dask to time without, 8192 x 8192 in chunks of 4096 x 4096, in memory; the median of some rounds, with the "
        "least and the most of them. Promised: at most 1.25. By `python -m benchmarks.dask_scale`; workers and memory are in "
        "[Beyond one machine](dask.md#what-it-costs)."
    )
    return f"\n## Beyond one machine\n\n{text}\n\n{table}\n"


def _write_readme(path: Path, block: str) -> bool:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if marks.README.find(text) is None:
        print(f"{path.name} has no {marks.README.begin} ... {marks.README.end}: left alone")
        return False
    path.write_text(marks.README.replace(text, block), encoding="utf-8")
    return True


def write(results: dict, families: Sequence[ModuleType], root: Path) -> list[Path]:
    """Write the page, the plots and the README block below `root`; return what was written."""
    docs = root / "docs"
    (docs / "images").mkdir(parents=True, exist_ok=True)
    written = [docs / "benchmarks.md"]
    written[0].write_text(page(results, families) + _dask(docs), encoding="utf-8")
    for family in families:
        written += plots.draw(results, family, docs / "images")
    written += plots.draw_headline(results, families, docs / "images")
    if _write_readme(root / "README.md", readme_block(results, families)):
        written.append(root / "README.md")
    return written
