"""Warnings of several families."""

from __future__ import annotations

__all__ = ["ConvergenceWarning"]


class ConvergenceWarning(UserWarning):
    """A result that does not keep what was asked of it, and was still returned."""
