"""`python -m pyspan` is the command `pyspan`."""

from __future__ import annotations

import sys

from pyspan._cli import main

if __name__ == "__main__":
    sys.exit(main())
