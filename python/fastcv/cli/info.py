"""``fastcv info``: what this build is, and what it uses on this machine."""

from __future__ import annotations

import argparse

import fastcv


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    return argparse.ArgumentParser(
        prog="fastcv info",
        description="Show the version, the SIMD targets (compiled, detected, active), and the threads and why.",
        epilog="example: fastcv info",
    )


def run(args: argparse.Namespace) -> int:
    """Print it."""
    fastcv.show_config()
    return 0
