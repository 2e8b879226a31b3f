"""The declarative configuration file of OpenTelemetry (format 1.1), read with the path of every fault."""

from __future__ import annotations

from pyspan.config.file.document import Document
from pyspan.config.file.table import Table

__all__ = ["Document", "Table"]
