"""Text that a program keeps up to date between two marks in a page that people write."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["README", "Marks", "dask_scale"]


class Marks(NamedTuple):
    """Two comments, which a reader does not see."""

    begin: str
    end: str

    def find(self, page: str) -> str | None:
        """Return what stands between the marks; None where they are not."""
        _, begin, rest = page.partition(self.begin)
        text, end, _ = rest.partition(self.end)
        return text.strip() if begin and end else None

    def replace(self, page: str, text: str) -> str:
        """Return the page with another text between the marks."""
        if self.find(page) is None:
            raise ValueError(f"the page has no {self.begin} ... {self.end}")
        before, _, rest = page.partition(self.begin)
        return f"{before}{self.begin}\n\n{text}\n\n{self.end}{rest.partition(self.end)[2]}"


README = Marks("<!-- benchmarks:begin -->", "<!-- benchmarks:end -->")


def dask_scale(what: str) -> Marks:
    """Return the marks of one of the tables of `benchmarks.dask_scale`, in docs/dask.md."""
    return Marks(f"<!-- dask_scale {what}: begin -->", f"<!-- dask_scale {what}: end -->")
