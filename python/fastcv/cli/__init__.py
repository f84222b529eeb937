"""The command-line program ``fastcv``: one module a command, nothing imported before it is needed.

A command's module holds two functions: ``parser()``, which returns its ``argparse.ArgumentParser``, and
``run(args)``, which does the work and returns the exit code. To add a command, write the module and name it below.
Exit codes: 0 done, 1 something could not be done (and is named), 2 the command was not understood, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "blur": "blur images with a box of any size",
    "demo": "all of it on a real photo: pictures and timing tables in a folder",
    "denoise": "remove noise and keep edges (total variation)",
    "info": "show version, SIMD targets and threads",
    "locate": "find points from the distances between them",
    "preprocess": "turn images into the input of a model, as one .npy file",
}

EXAMPLE = "example: fastcv blur photo.jpg -o blurred.jpg --ksize 8"


class CommandError(Exception):
    """What the user asked for cannot be done. Ends the program with one line on stderr."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    try:
        code = _main(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse ends --help and errors this way
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        print("fastcv: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # fastcv ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(argv: list[str]) -> int:
    parser = _parser()
    # Everything behind the command belongs to the command, which has a parser of its own.
    args = parser.parse_args(argv[:1])
    if args.command is None:
        parser.print_help()
        return 2
    command = importlib.import_module(f"fastcv.cli.{args.command}")
    try:
        # Intermixed: options may stand before, between and behind the paths.
        return int(command.run(command.parser().parse_intermixed_args(argv[1:])))
    except CommandError as error:
        print(f"fastcv {args.command}: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        raise
    except OSError as error:  # a path that the system will not even look at
        print(f"fastcv {args.command}: {error}", file=sys.stderr)
        return 1


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
