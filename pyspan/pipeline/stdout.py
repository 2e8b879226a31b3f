"""The exporter to standard output: one line of OTLP/JSON a batch, for whoever collects what a container prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pyspan.errors import RetryableError

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["StdoutExporter"]


class StdoutExporter:
    """Writes whole lines to the application's own standard output, as `print` does, and waits for its reader as that.

    /dev/stdout is no way there: it cannot be opened where it is a socket or belongs to another user, and a file that is
    opened again has a position of its own, so that what the application prints would overwrite the spans.
    """

    async def export(self, batch: Batch) -> None:
        """Write the batch.

        Raises:
            RetryableError: standard output is closed, or its reader is gone.
        """
        try:
            _write(batch.to_json() + b"\n")
        except (OSError, ValueError) as error:  # a closed stream raises ValueError
            raise RetryableError(f"standard output cannot be written: {error}", status="stdout") from error

    async def aclose(self) -> None:
        """Leave the stream open: it belongs to the application."""


def _write(line: bytes) -> None:
    if sys.stdout is None:  # Python's own sign for one that was closed before it started
        raise ValueError("it is closed")
    sys.stdout.flush()
    buffer = getattr(
        sys.stdout, "buffer", None
    )  # bytes pass whatever the encoding is; a replaced stream has text alone
    if buffer is None:
        sys.stdout.write(line.decode())
        sys.stdout.flush()
        return
    buffer.write(line)
    buffer.flush()
