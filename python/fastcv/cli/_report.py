"""What a command says: lines for people, or one JSON document for machines."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# What every document holds. What stands in "results" is named by the command's own FIELDS.
DOCUMENT = {
    "command": "the command's name",
    "version": "fastcv's version",
    "exit_code": "0 done, 1 something could not be done, 2 not understood, 130 Ctrl-C",
    "error": "why the command ended early, or null",
    "results": "one entry for each that was done, see below",
    "failed": "one entry for each that was not: input, reason",
}


class Report:
    """Collects what was done and what was not. With `as_json` nothing is printed until `finish`."""

    def __init__(self, command: str, as_json: bool = False) -> None:
        self.command = command
        self.as_json = as_json
        self.error: str | None = None
        self.results: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []

    def say(self, *lines: str) -> None:
        """Tell people something, on stdout."""
        if not self.as_json:
            for line in lines:
                print(_printable(line), flush=True)

    def done(self, facts: Mapping[str, Any], line: str = "") -> None:
        """Something is finished; `line` says so to people."""
        self.results.append(dict(facts))
        if line:
            self.say(line)

    def fail(self, source: str | Path, why: str) -> None:
        """Something could not be done; it is named at the end."""
        self.failed.append({"input": str(source), "reason": why})

    def failures(self, count: int | None = None) -> int:
        """Name on stderr what could not be done, of `count` (default: all so far); the exit code that says so."""
        if not self.failed:
            return 0
        count = count or len(self.failed) + len(self.results)
        print(f"{len(self.failed)} of {count} not done:", file=sys.stderr)
        for entry in self.failed:
            print(f"  {entry['input']}: {entry['reason']}", file=sys.stderr)
        return 1

    def finish(self, code: int) -> int:
        """Print the document, if one was asked for; returns the exit code."""
        if self.as_json:
            import fastcv

            values = (self.command, fastcv.__version__, code, self.error, self.results, self.failed)
            document = dict(zip(DOCUMENT, values, strict=True))
            print(json.dumps(plain(document), indent=1, allow_nan=False))
        return code


def plain(value: Any) -> Any:
    """The value as JSON has it; numbers that JSON has not (nan, infinity) become null."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _printable(line: str) -> str:
    """The line with what the terminal's encoding has no letters for written out: names of files hold anything."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
