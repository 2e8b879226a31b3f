"""PEM files named by settings, read with errors that name the setting."""

from __future__ import annotations

from pathlib import Path

from pyspan.config.environ import PLACE, problem

__all__ = ["read_pem"]


def read_pem(path: str, key: str, place: str = PLACE) -> bytes:
    """Return the contents of a PEM file.

    Raises:
        ConfigurationError: the file cannot be read or holds no PEM block.
    """
    try:
        contents = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file name can hold
        reason = getattr(error, "strerror", None) or error
        raise problem(key, path, f"{reason}; name a readable PEM file", place) from error
    if b"-----BEGIN " not in contents:
        raise problem(key, path, "it holds no PEM block (-----BEGIN ...); convert it, for instance by openssl", place)
    return contents
