"""Settings as people may see them: without the user and the password that a URL carries, and without its query."""

from __future__ import annotations

import re

__all__ = ["REDACTED", "redact"]

# Up to the last @ of a word: a password that nobody percent-encoded may hold a slash.
USER_INFO = re.compile(r"(//|\b(?:otlp|otlp-grpc|kafka)=(?![A-Za-z]+://))[^\s?#'\"]*@")
QUERY = re.compile(r"(?<=[^\s'\"])\?[^\s#'\"]+")
VALUE = re.compile(r"=[^&]*|(?<=[?&])[^=&]+(?=&|$)")
REDACTED = "REDACTED"


def redact(text: str) -> str:
    """Put REDACTED in the place of every user, password and value of a query in the URLs of a text."""
    return QUERY.sub(_query, USER_INFO.sub(_user_info, text))


def _user_info(match: re.Match[str]) -> str:
    return f"{match[1]}{REDACTED}:{REDACTED}@" if ":" in match[0] else f"{match[1]}{REDACTED}@"


def _query(match: re.Match[str]) -> str:
    return VALUE.sub(lambda value: f"={REDACTED}" if value[0].startswith("=") else REDACTED, match[0])
