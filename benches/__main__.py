"""`make bench`: every benchmark beside its peer, then one table with the ratios."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the benchmarks of the core in Rust, then those in Python, which print the table."""
    root = Path(__file__).resolve().parent.parent
    cargo = subprocess.run(["cargo", "bench", "--quiet", "-p", "pyspan-core"], cwd=root, check=False)
    command = [sys.executable, "-m", "pytest", "benches", "-q", "-p", "no:cacheprovider"]
    command += ["--benchmark-enable", "--benchmark-only", "--benchmark-disable-gc", "--benchmark-columns=min"]
    return subprocess.run([*command, *sys.argv[1:]], cwd=root, check=False).returncode or cargo.returncode


if __name__ == "__main__":
    sys.exit(main())
