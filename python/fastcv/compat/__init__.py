"""Other libraries' functions, with their names, arguments and defaults: change one import, keep the calls.

Each module names what differs from the original, as measured by ``tests/test_compat.py`` beside it. An argument that cannot be
honoured is refused, never ignored. Nothing is imported before it is used.
"""
