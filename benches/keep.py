"""Put what the last `make bench` measured into docs/benchmarks.md: `python -m benches.keep`."""

from __future__ import annotations

import sys
from pathlib import Path

from benches.chart import chart
from benches.figures import KEPT, measured, measured_where, table

__all__ = ["TEXT", "with_figures"]

TEXT = KEPT.parent.parent / "docs" / "benchmarks.md"
START, END = "<!-- figures: python -m benches.keep -->\n", "<!-- end of figures -->\n"


def with_figures(text: str, rows: Path) -> str:
    """Return the text with the table and the chart of these rows, and where they were measured, between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    found = measured(rows)
    drawn = "\n".join([measured_where(), "", *table(found), "", "```text", *chart(found), "```"])
    return f"{before}{START}{drawn}\n{END}{after}"


def main() -> int:
    """Write it; 1 where nothing was measured."""
    if not KEPT.exists():
        print(f"nothing to keep: {KEPT} is not there (`make bench` writes it)", file=sys.stderr)
        return 1
    TEXT.write_text(with_figures(TEXT.read_text(), KEPT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
