"""Methods of other classes replaced, and put back."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patches"]


class Patches:
    """Replaces methods while it is on.

    Where somebody else has wrapped a replacement meanwhile, switching off leaves it in place: it then calls the
    original alone, and serves again when it is switched on anew.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._replaced: dict[tuple[type, str], tuple[Any, Any]] = {}

    def replace(self, owner: type, names: tuple[str, ...], replacement: Callable[..., Any]) -> None:
        """Have `replacement(original, *args, **kwargs)` called for these methods of `owner`."""
        for name in names:
            of = next(above for above in owner.__mro__ if name in vars(above))  # gevent puts classes of its own below
            if (of, name) not in self._replaced:
                ours = self._wrapped(getattr(of, name), replacement)
                self._replaced[of, name] = vars(of)[name], ours
                setattr(of, name, ours)

    def restore(self) -> None:
        """Put the originals back."""
        self.is_on = False
        for (owner, name), (original, ours) in list(self._replaced.items()):
            if vars(owner).get(name) is ours:
                setattr(owner, name, original)
                del self._replaced[owner, name]

    def _wrapped(self, original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def method(*args: Any, **kwargs: Any) -> Any:
            return replacement(original, *args, **kwargs) if self.is_on else original(*args, **kwargs)

        return method
