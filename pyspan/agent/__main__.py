"""`python -m pyspan.agent` is `pyspan-agent`."""

from __future__ import annotations

import sys

from pyspan.agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
