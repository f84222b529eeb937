"""One file after the other, with a bar and the time left where somebody watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastcv.cli._paths import Job, reason
from fastcv.cli._report import Report


def for_each(jobs: list[Job], work: Callable[[Job], tuple[str, dict[str, Any]]], report: Report) -> int:
    """Do `work` for every job and report the line and the facts it returns. Who fails is named at the end.

    Returns the exit code.
    """
    with bar([size(job.source) for job in jobs]) as advance:
        for job in jobs:
            try:
                job.target.parent.mkdir(parents=True, exist_ok=True)
                line, facts = work(job)
                for text in facts.get("notes", ()):
                    note(job.source, text)
                report.done({"input": job.source, "output": job.target, **facts}, line)
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - one broken file must not stop the others
                report.fail(job.source, reason(error))
            advance()
    return report.failures()


def note(path: Path | str, text: str) -> None:
    """Something the user should know about a file; not an error."""
    print(f"{path}: {text}", file=sys.stderr)


def size(path: Path) -> int:
    """The file's bytes: a measure of the work it makes."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


@contextlib.contextmanager
def bar(weights: list[int], unit: str = "files") -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal, there is more than one step, and rich is installed.

    Yields a function to be called after each step; `weights` tell how much work each step is.
    """
    if len(weights) < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        yield lambda: None
        return
    steps = iter(weights)
    with Progress(
        TextColumn("{task.fields[done]} of {task.fields[count]} {task.fields[unit]}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # lines appear above the bar; a pipe gets them as they are
        speed_estimate_period=3600,  # a step may take long
    ) as progress:
        task = progress.add_task("", total=sum(weights) + len(weights), done=0, count=len(weights), unit=unit)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            progress.update(task, advance=next(steps) + 1, done=done)

        yield advance
