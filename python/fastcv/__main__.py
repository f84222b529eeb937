"""``python -m fastcv``: the command-line program."""

import sys

from fastcv.cli import main

if __name__ == "__main__":
    sys.exit(main())
