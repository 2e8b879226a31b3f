"""Log lines of the agent on standard error, as text or as one JSON object each."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone

import msgspec

__all__ = ["configure_logging"]


# uvicorn warns of every garbage request, which would let whoever sends them fill the log.
_QUIET = {"asyncio": logging.WARNING, "aiokafka": logging.WARNING, "uvicorn": logging.ERROR}


def configure_logging(level: str, style: str) -> None:
    """Send every record of that level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, quietest in _QUIET.items():
        logging.getLogger(name).setLevel(max(quietest, logging.getLevelName(level.upper())))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
