"""The version of pyspan, where the SDK has its own."""

from __future__ import annotations

from pyspan._core import VERSION

__all__ = ["__version__"]

__version__ = VERSION
