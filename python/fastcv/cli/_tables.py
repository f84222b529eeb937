"""Tables of times in a terminal and in text."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass
class Table:
    """Times side by side. A row whose other cells are empty is a heading."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]
    bold: set[int] = field(default_factory=set)  # rows that stand out


def show(table: Table) -> None:
    """Print it; in colours where rich is installed and a terminal shows them."""
    try:
        from rich.console import Console
    except ImportError:
        print(as_text(table))
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    head, *rows = _lines(table)
    console.print(table.title, style="bold")
    console.print("\n" + head, style="dim")
    for i, line in enumerate(rows):
        heading = not any(table.rows[i][1:])
        console.print(line, style="cyan" if heading else "bold" if i in table.bold else None)
    console.print("", *table.notes, sep="\n", style="dim")


def as_text(table: Table) -> str:
    """The table in plain letters."""
    return "\n".join([table.title, "", *_lines(table), "", *table.notes])


def _lines(table: Table) -> list[str]:
    """Head and rows in columns; headings do not widen the first."""
    measured = [row for row in table.rows if any(row[1:])]
    widths = [max(map(len, column)) for column in zip(table.columns, *measured, strict=True)]
    return [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (table.columns, *table.rows)
    ]


def machine_is_busy() -> list[str]:
    """A note when others are at work: whoever waits for a busy processor's turn looks slow."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return []
    if load < 0.5:
        return []
    return [
        f"The machine was busy with other work (load {load:.1f}): least to be trusted with several threads."
    ]
