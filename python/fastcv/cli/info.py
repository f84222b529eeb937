"""``fastcv info``: what this build is, and what it uses on this machine."""

from __future__ import annotations

import argparse

import fastcv
from fastcv.cli._arguments import Parser
from fastcv.cli._report import Report

FIELDS = {
    "version": "fastcv's version",
    "compiler": "which built it",
    "simd": "targets: compiled, detected, active",
    "threads": "how many a call may use",
    "threads_reason": "and why",
    "affinity_cpus": "processors this process may run on, or 0",
    "cgroup_cpus": "the quota, or 0",
    "thread_backend": "what starts the threads",
    "fork_safe": "whether a child of a process that used threads may use threads",
}


def parser() -> Parser:
    """The command's options."""
    return Parser(
        "info",
        "[--json]",
        "Show the version, the SIMD targets (compiled, detected, active), and the threads and why.",
        ("fastcv info", "fastcv info --json"),
        FIELDS,
    )


def run(args: argparse.Namespace, report: Report) -> int:
    """Print it."""
    if report.as_json:
        report.done(fastcv.show_config("dicts") or {})
    else:
        fastcv.show_config()
    return 0
