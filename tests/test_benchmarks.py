"""The benchmark harness measures, judges and reports; no time is asserted."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not part of this tree", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from benchmarks import box_blur, marks, plots, report, run

from fastcv._bench import images, machine
from fastcv._bench.harness import Case, Contestant, Settings, Target, measure
from fastcv._bench.results import Spread, judge, paired, ratio

TINY = Settings(rounds=3, chunk_seconds=1e-5, contestant_seconds=0.01, least_rounds=1)


def _build():
    source, out = np.arange(12, dtype=np.uint8), np.zeros(12, np.uint8)

    def copy():
        np.copyto(out, source)
        return out

    def refuse():
        raise RuntimeError("cannot")

    contestants = [
        Contestant("fastcv", copy, expected=lambda: source),
        Contestant("np.copyto", partial(np.copyto, out, source), view=None),
        Contestant("peer", copy, expected=lambda: source + np.uint8(2), point=("size", "peer", 3)),
        Contestant("broken", refuse),
    ]
    return contestants, {"absent": "not installed"}


def _case() -> Case:
    targets = [Target("peer", "fastcv", at_least=2.0), Target("fastcv", "peer", at_most=1e9)]
    return Case("toy/main", "main", "12", _build, "k", targets)


def _record(**seconds):
    contestants = [{"name": name, "seconds": times} for name, times in seconds.items()]
    return {"contestants": contestants}


def test_a_case_becomes_plain_data():
    result = measure(_case(), TINY)
    names = {c["name"]: c for c in result["contestants"]}
    assert set(names) == {"fastcv", "np.copyto", "peer"}
    assert result["skipped"] == {"absent": "not installed", "broken": "RuntimeError: cannot"}
    assert names["fastcv"]["difference"] == 0
    assert names["peer"]["difference"] == 2
    assert names["np.copyto"]["difference"] is None
    assert all(len(c["seconds"]) == TINY.rounds for c in names.values())


def test_ratios_of_medians_and_within_rounds():
    case = _record(a=[2.0, 4.0, 60.0], b=[1.0, 4.0, None])
    assert ratio(case, "a", "b") == pytest.approx(4.0 / 2.5)
    assert paired(case, "a", "b").median == pytest.approx(1.5)
    assert Spread.of([None, 3.0]) == Spread(3.0, 3.0, 3.0, 3.0, 1)
    assert math.isnan(Spread.of([]).median)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("a", "b", at_least=2.0), True),
        (Target("a", "b", at_least=2.1), False),
        (Target(("b", "a"), "b", at_most=1.5), False),
        (Target(("b", "a"), "b", at_least=1.0), True),
        (Target("a", "b", at_most=1.0, difference=True), True),
        (Target("a", "nobody", at_least=1.0), None),
    ],
)
def test_targets(target, met):
    assert judge(_record(a=[2.0], b=[1.0]), vars(target)).met is met


def test_the_report_is_written_between_the_marks(tmp_path):
    family = SimpleNamespace(
        NAME="toy",
        TITLE="toy",
        SUMMARY="A toy.",
        PLOTS={},
        SECTIONS={"main": ("Main", "grid", "Times faster.")},
    )
    results = machine.describe()
    failure = report.failed(_case(), ValueError("no"))
    results |= {"quick": True, "fastcv": {}, "cases": [measure(_case(), TINY), failure]}
    (tmp_path / "README.md").write_text(f"before\n{marks.README.begin}\nold\n{marks.README.end}\nafter\n")
    written = report.write(results, [family], tmp_path)
    readme = (tmp_path / "README.md").read_text()
    assert len(written) == 2
    assert "old" not in readme
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")
    assert "≥ 2.00x" in (tmp_path / "docs" / "benchmarks.md").read_text()


def test_the_table_of_dask_is_found_where_it_is_written(tmp_path):
    table = marks.dask_scale("cost")
    (tmp_path / "docs").mkdir()
    guide = tmp_path / "docs" / "dask.md"
    guide.write_text(table.replace(f"a page\n{table.begin}\nold\n{table.end}\ngoes on\n", "| new |"))
    assert guide.read_text() == f"a page\n{table.begin}\n\n| new |\n\n{table.end}\ngoes on\n"
    results = machine.describe() | {"quick": True, "fastcv": {}, "cases": []}
    report.write(results, [], tmp_path)
    assert (tmp_path / "docs" / "benchmarks.md").read_text().endswith("\n\n| new |\n")
    with pytest.raises(ValueError, match="has no <!-- dask_scale memory"):
        marks.dask_scale("memory").replace(guide.read_text(), "| new |")


def test_without_marks_the_readme_stays(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    results = machine.describe() | {"quick": True, "fastcv": {}, "cases": []}
    report.write(results, [], tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_every_case_has_its_own_name_and_a_section():
    for quick in (False, True):
        for family in run.FAMILIES:
            cases = family.cases(quick)
            assert len({case.name for case in cases}) == len(cases)
            assert {case.section for case in cases} <= set(family.SECTIONS)
            assert all(case.name.startswith(family.NAME + "/") for case in cases)
    assert run.select(False, ["overhead"])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_have_the_size_asked_for(dtype, channels):
    image = images.image(37, 1301, channels, dtype)
    assert image.shape == (37, 1301, channels)
    assert image.dtype == dtype
    aligned = images.aligned_like(image, copy=True)
    assert aligned.ctypes.data % 64 == 0
    np.testing.assert_array_equal(aligned, image)


def test_a_real_case_runs():
    pytest.importorskip("fastcv")
    case = next(c for c in box_blur.cases() if c.name == "box_blur/filter2d")
    ours = next(c for c in measure(case, TINY)["contestants"] if c["name"] == "fastcv")
    assert len(ours["seconds"]) == TINY.rounds


def test_the_bars_in_front_name_cases_that_exist():
    known = {case.name for case in run.select(False, None)}
    named = [bar for family in run.FAMILIES for bar in getattr(family, "HEADLINE", ())]
    assert {name for name, *_ in named} <= known
    record = _record(fastcv=[0.5], peer=[1.0]) | {"name": "toy/main"}
    family = SimpleNamespace(HEADLINE=[("toy/main", "peer", "a job", "Peer"), ("toy/none", "peer", "", "")])
    assert plots.headline({"cases": [record]}, [family]) == [("a job", "Peer", 2.0)]


def test_the_bars_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    family = SimpleNamespace(HEADLINE=[("toy/main", "peer", "a job", "Peer")])
    record = _record(fastcv=[0.5], peer=[1.0]) | {"name": "toy/main"}
    assert plots.draw_headline({"cases": [record]}, [family], tmp_path) == [tmp_path / "speed.png"]
    assert plots.draw_headline({"cases": []}, [family], tmp_path) == []
