"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable


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
