"""A provider out of a declarative configuration file: the part of OpenTelemetry's format that is about tracing."""

from __future__ import annotations

from pyspan.sdk._file.provider import read_file

__all__ = ["read_file"]
