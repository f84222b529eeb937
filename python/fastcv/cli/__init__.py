"""The command-line program ``fastcv``: one module a command, nothing imported before it is needed.

A command's module holds ``FIELDS`` (what stands in each result of its JSON), ``parser()``, which returns its `Parser`, and
``run(args, report)``, which does the work, tells the `Report`, and returns the exit code. To add a command, write the
module and name it below.
Exit codes: 0 done, 1 something could not be done (and is named), 2 the command was not understood, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastcv.cli._report import Report

COMMANDS = {
    "bench": "fastcv beside what else is installed, on your machine and your image",
    "blur": "blur images with a box of any size",
    "demo": "all of it on a real photo: pictures and timing tables in a folder",
    "denoise": "remove noise and keep edges (total variation)",
    "info": "show version, SIMD targets and threads",
    "locate": "find points from the distances between them",
    "preprocess": "turn images into the input of a model, as one .npy file",
}

EXAMPLE = "example: fastcv blur photo.jpg -o blurred.jpg --ksize 8"


class CommandError(Exception):
    """What the user asked for cannot be done. Ends the program with a line on stderr; a `hint` is for people only."""

    def __init__(self, message: str, code: int = 2, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    if argv is None:
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
                signal.signal(number, _terminate)
    try:
        code = _main(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse ends --help this way
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        print("fastcv: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # fastcv ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _terminate(number: int, frame: FrameType | None) -> None:
    """Who is asked to end tidies up first, as after Ctrl-C."""
    raise SystemExit(128 + number)


def _main(argv: list[str]) -> int:
    parser = _parser()
    # Everything behind the command belongs to the command, which has a parser of its own.
    name = parser.parse_args(argv[:1]).command
    if name is None:
        parser.print_help()
        return 2
    from fastcv.cli._report import Report

    words = argv[1:]
    report = Report(name, as_json="--json" in words)  # even what cannot be parsed gets its document
    return report.finish(_run(importlib.import_module(f"fastcv.cli.{name}"), words, report))


def _run(command: ModuleType, words: list[str], report: Report) -> int:
    """The command's exit code; what ended it early stands in the report."""
    hint = ""
    try:
        # Intermixed: options may stand before, between and behind the paths.
        return int(command.run(command.parser().parse_intermixed_args(words), report))
    except CommandError as error:
        report.error, code, hint = str(error), error.code, error.hint
    except BrokenPipeError:
        raise
    except OSError as error:  # a path that the system will not even look at
        report.error, code = str(error), 1
    except KeyboardInterrupt:
        report.failures()
        report.error, code = f"stopped; {len(report.results)} done", 130
    print(f"fastcv {report.command}: {report.error}", *filter(None, [hint]), sep="\n", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="fastcv",
        usage="fastcv <command> IN... -o OUT [options]",
        description="Vision jobs near the limit of the processor.",
        epilog=f"commands:\n{listing}\n\n{EXAMPLE}\nmore:    fastcv <command> --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", choices=tuple(COMMANDS), metavar="command", help="what to do, see below"
    )
    parser.add_argument("--version", action="version", version=_version())
    return parser


def _version() -> str:
    import fastcv

    return f"fastcv {fastcv.__version__}"
