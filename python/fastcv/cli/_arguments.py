"""The parser of a command, and arguments that several commands take."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from typing import NoReturn

import fastcv
from fastcv.cli import CommandError
from fastcv.cli._report import DOCUMENT


class Parser(argparse.ArgumentParser):
    """A command's parser: it ends its help with examples and the fields of --json, and raises what it complains about."""

    def __init__(
        self,
        command: str,
        usage: str,
        description: str,
        examples: tuple[str, ...],
        fields: Mapping[str, str],
    ) -> None:
        lines = [f"{'example:' if i == 0 else '':9}{example}" for i, example in enumerate(examples)]
        lines += ["", f"--json prints one document: {', '.join(DOCUMENT)}.", "Each of its results holds:"]
        for name, text in fields.items():
            lines += textwrap.wrap(f"  {name:19}{text}", 79, subsequent_indent=" " * 21)
        super().__init__(
            prog=f"fastcv {command}",
            usage=f"fastcv {command} {usage}".rstrip(),
            description=description,
            epilog="\n".join(lines),
            formatter_class=_Formatter,
            allow_abbrev=False,  # an option added later must not change what a script means
        )
        self.add_argument("--json", action="store_true", help="print one JSON document instead of lines")

    def add_threads(self) -> None:
        """--threads N."""
        self.add_argument(
            "--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)"
        )

    def error(self, message: str) -> NoReturn:
        """Raise, so that --json has an answer even then."""
        raise CommandError(message, hint=f"usage: {self.usage}\nmore:  {self.prog} --help")


class _Formatter(argparse.HelpFormatter):
    """Wraps the description, and leaves the examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def number_or_pair(example: str) -> Callable[[str], int | tuple[int, int]]:
    """Reads 8, or 9x5; `example` says what the two are, as in ``WIDTHxHEIGHT as in 9x5``."""

    def read(text: str) -> int | tuple[int, int]:
        try:
            numbers = [int(part) for part in text.lower().split("x")]
        except ValueError:
            numbers = []
        if len(numbers) == 1:
            return numbers[0]
        if len(numbers) == 2:
            return (numbers[0], numbers[1])
        raise argparse.ArgumentTypeError(f"expected a number, or {example}, got {text!r}")

    return read


def one_a_channel(text: str) -> float | tuple[float, ...]:
    """Reads 7, or 7,8,9."""
    try:
        numbers = tuple(_number(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a number, or one a channel as in 9,9,9, got {text!r}"
        ) from None
    return numbers[0] if len(numbers) == 1 else numbers


def _number(text: str) -> int | float:
    try:
        return int(text)  # stays an int: integer images take no others
    except ValueError:
        return float(text)


def in_words_of_the_command(error: Exception, function: str, names: Mapping[str, str] | None = None) -> str:
    """A function's complaint about its arguments, with the command's options in their place."""
    words = str(error).removeprefix(f"{function}: ")
    for name, option in {"num_threads": "--threads", **(names or {})}.items():
        words = words.replace(name, option)
    return words


def usable_threads(asked: int | None) -> int:
    """How many threads `asked` really comes to on this machine."""
    if asked is None:
        return fastcv.get_num_threads()
    if asked < 1:
        raise CommandError(f"--threads must be at least 1, got {asked}")
    fastcv.set_num_threads(asked)
    try:
        return fastcv.get_num_threads()
    finally:
        fastcv.set_num_threads(0)
