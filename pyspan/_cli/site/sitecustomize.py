"""What an interpreter under `pyspan run` imports before its program: the `sitecustomize` of others, then tracing."""

import sys
from pathlib import Path

ours = sys.modules.pop(__name__)
sys.path.remove(str(Path(__file__).parent))
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401  # the one that ours hides
except ModuleNotFoundError:
    sys.modules[__name__] = ours  # the import under way looks for it
before = frozenset(sys.modules)
try:
    from pyspan._cli import start
except ModuleNotFoundError as error:  # a program that ours has started, with another interpreter
    sys.stderr.write(f"pyspan: run: {sys.executable} is not traced: {error}\n")
else:
    start.start(before)
