"""The role of a resource detector."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan.sdk.resources._resource import Resource

__all__ = ["ResourceDetector"]


class ResourceDetector(abc.ABC):
    """Finds out attributes of where the process runs; `raise_on_error` lets its errors through."""

    def __init__(self, raise_on_error: bool = False) -> None:
        self.raise_on_error = raise_on_error

    @abc.abstractmethod
    def detect(self) -> Resource:
        """Return what was found, built by `Resource(...)`: `Resource.create` would call the detectors again."""

    def is_process_dependent(self) -> bool:
        """Return whether the answer differs in a forked child, which then asks again."""
        return False
