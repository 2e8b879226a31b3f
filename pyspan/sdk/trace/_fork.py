"""What has to be done anew in a forked child: one hook for all, so that nothing is kept alive by it."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, TypeVar

from pyspan.config import uwsgi

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_forked_child", "notice_fork"]

T = TypeVar("T")


def in_forked_child(owner: T, renew: Callable[[T], object]) -> None:
    """Call `renew(owner)` in every forked child in which `owner` is still alive."""
    uwsgi.after_fork(notice_fork)
    _renewals[owner] = renew


def notice_fork() -> None:
    """Do the renewals that a fork without Python's hooks left undone, as uWSGI forks in C; any number of times."""
    if os.getpid() != _known.process:
        _renew_all()


class _Known:
    process = os.getpid()


_known = _Known()
_renewals: weakref.WeakKeyDictionary[object, Callable[..., object]] = weakref.WeakKeyDictionary()


def _renew_all() -> None:
    _known.process = os.getpid()
    for owner, renew in list(_renewals.items()):
        renew(owner)


os.register_at_fork(after_in_child=_renew_all)
