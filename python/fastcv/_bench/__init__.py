"""Measuring beside other libraries: the harness, and the same jobs as their users write them.

Shared by ``fastcv bench`` and the repository's ``benchmarks/``. Nothing here is imported by the library itself.
"""
