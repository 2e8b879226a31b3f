"""`make bench`: the core, the tracer beside opentelemetry-sdk, the agent beside rotel; fails when a goal is missed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benches.figures import ROWS_FILE, measured, missed, table

BENCHMARK = ["--benchmark-enable", "--benchmark-only", "--benchmark-disable-gc", "--benchmark-columns=min"]
RUNS = (
    ["cargo", "bench", "--quiet", "-p", "pyspan-core"],
    [sys.executable, "-m", "pytest", "benches", "-q", "-p", "no:cacheprovider", *BENCHMARK],
    [sys.executable, "-m", "benches.agent.run"],
)


def main() -> int:
    """Run them one after the other and print what they measured beside the goals; 1 when a run or a goal failed."""
    root = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        environment = {**os.environ, ROWS_FILE: str(path)}
        broken = [words for words in RUNS if subprocess.run(words, cwd=root, env=environment, check=False).returncode]
        rows = measured(path)
    print("\n" + "\n".join(table(rows)))
    for words in broken:
        print(f"failed: {' '.join(words)}")
    return 1 if broken or missed(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
