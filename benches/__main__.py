"""`make bench`: the core, the tracer beside opentelemetry-sdk, the agent beside rotel, as tables with the ratios."""

import subprocess
import sys
from pathlib import Path

BENCHMARK = ["--benchmark-enable", "--benchmark-only", "--benchmark-disable-gc", "--benchmark-columns=min"]
RUNS = (
    ["cargo", "bench", "--quiet", "-p", "pyspan-core"],
    [sys.executable, "-m", "pytest", "benches", "-q", "-p", "no:cacheprovider", *BENCHMARK],
    [sys.executable, "-m", "benches.agent.run"],
)


def main() -> int:
    """Run them one after the other; the worst exit code is ours."""
    root = Path(__file__).resolve().parent.parent
    return max(subprocess.run(command, cwd=root, check=False).returncode for command in RUNS)


if __name__ == "__main__":
    sys.exit(main())
