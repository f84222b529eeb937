"""What the documents show works: their Python is run, their links and pictures exist.

A ```python block runs in its document's namespace, from top to bottom; an exception fails. A line `<!-- needs: cv2 -->`
above a block skips it where that module is not installed.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    page
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
    if not page.name.startswith(("setup", "."))
]
BLOCK = re.compile(
    r"^(?:<!-- needs: (?P<needs>[\w., ]+) -->\n+)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if BLOCK.search(page.read_text("utf-8"))], ids=name)
def test_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL")
    import fastcv

    monkeypatch.chdir(tmp_path)
    text = page.read_text("utf-8")
    namespace: dict[str, object] = {"__name__": "example"}
    try:
        for block in BLOCK.finditer(text):
            needed = (block["needs"] or "").replace(",", " ").split()
            if any(importlib.util.find_spec(module) is None for module in needed):
                continue
            # As many empty lines as stand above it: a failure then names the document's own line.
            above = "\n" * text[: block.start("code")].count("\n")
            exec(compile(above + block["code"], str(page), "exec"), namespace)  # noqa: S102 - our own text
    finally:
        fastcv.set_num_threads(0)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_pictures(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, target


def test_the_reference_has_every_public_name() -> None:
    import fastcv

    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    named = set(re.findall(r"fastcv\.(\w+)", text))
    assert set(fastcv.__all__) - {"__version__"} <= named


def test_readme_is_at_most_two_screens() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = re.compile(r"<!-- benchmarks:begin -->\n.*?<!-- benchmarks:end -->\n", re.DOTALL)
    assert len(table.findall(text)) == 1
    assert table.sub("", text).count("\n") <= 100
