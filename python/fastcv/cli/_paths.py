"""IN... -o OUT: which files are meant, and where each one's result goes.

IN may be a file, a folder (all files of the kind in it and below, written to OUT in the same structure), or a pattern
that no shell has expanded. A result is written to a temporary file beside its target and then takes its place in one
step, so that no half file is ever seen.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastcv.cli import CommandError
from fastcv.cli._arguments import Parser
from fastcv.cli._report import Report


@dataclass(frozen=True)
class Kind:
    """Files of one kind."""

    plural: str  # "images"
    reads: Callable[[Path], bool]  # by its name; decides what is taken of a folder
    check: Callable[[Path], object]  # refuses a name that cannot be written


@dataclass(frozen=True)
class Job:
    """One file to read, one to write, and what else is written beside it."""

    source: Path
    target: Path
    beside: tuple[Path, ...] = ()


@dataclass
class _Found:
    """What the words on the command line stand for: files, and where each lies below OUT."""

    files: list[tuple[Path, Path]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    folders: bool = False


def add_paths(parser: Parser, metavar: str, plural: str) -> None:
    """IN... -o OUT [--force]."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar=metavar,
        help=f"{plural} to read: files, folders, patterns like 'a/*' (or exactly: {metavar} OUT, without -o)",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file to write, or a folder (made if it is missing)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")


def nothing_beside(target: Path) -> tuple[Path, ...]:
    """Of a result that is one file."""
    return ()


def plan(
    paths: list[str],
    output: str | None,
    force: bool,
    kind: Kind,
    report: Report,
    beside: Callable[[Path], tuple[Path, ...]] = nothing_beside,
) -> list[Job]:
    """Who is written where. Refuses, before anything is done, what could not end well.

    What is not there is reported as failed, unless it is all there is. `beside` names the files that are written next
    to a target.
    """
    if output is None:
        if len(paths) != 2:
            raise CommandError(
                f"{len(paths)} path{'s' * (len(paths) != 1)} and no -o: say -o OUT (or exactly IN OUT)"
            )
        paths, output = paths[:1], paths[1]
    target = Path(output)
    found = find(paths, kind, target)
    if not found.files:
        raise CommandError("\n".join(f"{word}: {why}" for word, why in found.lost), 1)
    called_folder = target.is_dir() or output.endswith(("/", os.sep))
    to_folder = called_folder or found.folders or len(found.files) + len(found.lost) > 1
    if to_folder:
        if target.exists() and not target.is_dir():
            raise CommandError(f"the results need a folder, and {target} is a file")
        if kind.reads(target) and not called_folder:
            raise CommandError(
                f"the results need a folder, and {target} is a file's name: say {target}{os.sep} if you mean it"
            )
        jobs = [Job(source, target / below, beside(target / below)) for source, below in found.files]
    else:
        kind.check(target)  # of several, one odd name must not stop the others
        jobs = [Job(found.files[0][0], target, beside(target))]
    _check_targets(jobs, force)
    for word, why in found.lost:
        report.fail(word, why)
    try:
        (target if to_folder else target.parent).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{target}: {reason(error)}", 1) from None
    return jobs


def _check_targets(jobs: list[Job], force: bool) -> None:
    owners: dict[Path, Path] = {}
    for job in jobs:
        for path in (job.target, *job.beside):
            if path in owners:
                raise CommandError(f"{owners[path]} and {job.source} would both be written to {path}")
            owners[path] = job.source
            if path.is_dir():
                raise CommandError(f"{path} is a folder")
    check_free(list(owners), force)


def check_free(paths: list[Path], force: bool) -> None:
    """Refuse to replace files unasked."""
    taken = [path for path in paths if path.exists()]
    if taken and not force:
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        raise CommandError(f"{taken[0]}{more} exists: say --force to replace it")


# ---- what the words stand for --------------------------------------------------------------


def find(words: list[str], kind: Kind, target: Path | None = None) -> _Found:
    """The files that files, folders and patterns stand for, each once; of a folder, not what lies in `target`."""
    found = _Found()
    for word in words:
        path = Path(word)
        if os.path.isdir(path):
            found.folders = True
            files = [(file, file.relative_to(path)) for file in _below(path, kind, target, found)]
            if not files:
                found.lost.append((word, f"no {kind.plural} in this folder"))
        elif glob.has_magic(word) and not os.path.lexists(path):
            matches = [Path(match) for match in sorted(glob.glob(word, recursive=True))]
            files = [(match, Path(match.name)) for match in matches if not match.is_dir()]
            if not files:
                found.lost.append((word, "no file matches"))
        else:
            files = [(path, Path(path.name))]
            try:
                path.stat()
            except (OSError, ValueError) as error:
                files = []
                found.lost.append((word, reason(error)))
        found.files += files
    found.files = list(dict.fromkeys(found.files))
    return found


def _below(folder: Path, kind: Kind, target: Path | None, found: _Found) -> Iterator[Path]:
    """The folder's files of the kind, nothing hidden, in the order of their names."""
    results = target.resolve() if target else None
    if results == folder.resolve():
        results = None  # in place

    def unreadable(error: OSError) -> None:
        found.lost.append((str(error.filename), reason(error)))

    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (results is None or Path(here, name).resolve() != results)
        )
        for name in sorted(names):
            if not name.startswith(".") and kind.reads(Path(name)):
                yield Path(here, name)


# ---- writing -------------------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """A binary file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    target = Path(os.path.realpath(path))  # through a link, not over it
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(temporary, flags, 0o666)  # with the permissions of any new file
        with os.fdopen(handle, "w+b") as file:
            yield file
        if target.exists():
            with contextlib.suppress(OSError):
                os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def reason(error: BaseException) -> str:
    """An error as one line for people."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image that Pillow can read"
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error).partition("\n")[0] or type(error).__name__
