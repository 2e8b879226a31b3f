"""`make bench`: the core, the tracer and the agent, each beside its peers; fails when a goal is missed."""

import os
import subprocess
import sys
from pathlib import Path

from benches import ddtraced, figures
from benches.chart import chart

BENCHMARK = ["--benchmark-enable", "--benchmark-only", "--benchmark-disable-gc", "--benchmark-columns=min"]
RUNS = (
    ["cargo", "bench", "--quiet", "-p", "pyspan-core"],
    [sys.executable, "-m", "pytest", "benches", "-q", "-p", "no:cacheprovider", *BENCHMARK],
    [sys.executable, "-m", "benches.agent.run"],
)


def main() -> int:
    """Run them one after the other and print what they measured beside the goals; 1 when a run or a goal failed."""
    root, path = Path(__file__).resolve().parent.parent, figures.KEPT
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    environment = {**os.environ, figures.ROWS_FILE: str(path)}
    broken = [words for words in RUNS if subprocess.run(words, cwd=root, env=environment, check=False).returncode]
    rows = figures.measured(path)
    print("\n" + "\n".join([figures.measured_where(), "", *figures.table(rows), "", *chart(rows)]))
    if not ddtraced.installed():
        print(ddtraced.MISSING)
    for words in broken:
        print(f"failed: {' '.join(words)}")
    return 1 if broken or figures.missed(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
