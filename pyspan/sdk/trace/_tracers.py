"""The tracers of a provider by their scope."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import Tracer
    from pyspan.sdk.util.instrumentation import InstrumentationScope

__all__ = ["Tracers"]

# Instrumented libraries number in the tens; names made anew for each request must not be kept for ever.
KEPT = 1_000


class Tracers:
    """Gives the same tracer for the same scope as long as somebody holds it, and keeps 1,000 by itself."""

    def __init__(self) -> None:
        self._all: weakref.WeakValueDictionary[InstrumentationScope, Tracer] = weakref.WeakValueDictionary()
        self._latest: OrderedDict[InstrumentationScope, Tracer] = OrderedDict()
        self.renew_lock()

    def renew_lock(self) -> None:
        """Do without what another thread held when the process forked."""
        self._lock = threading.RLock()  # what makes a tracer, and what the collector runs, may ask for another one

    def find(self, scope: InstrumentationScope, make: Callable[[InstrumentationScope], Tracer]) -> Tracer:
        """Return the tracer of a scope, made now if need be."""
        dropped = None  # freed after the lock is given back
        with self._lock:
            tracer = self._latest.get(scope)  # to note each use would cost as much again
            if tracer is not None:
                return tracer
            tracer = self._all.get(scope)
            if tracer is None:
                tracer = self._all[scope] = make(scope)
            self._latest[scope] = tracer
            if len(self._latest) > KEPT:
                dropped = self._latest.popitem(last=False)
        del dropped
        return tracer

    def each(self) -> list[tuple[InstrumentationScope, Tracer]]:
        """Return all that are alive."""
        with self._lock:
            return list(self._all.items())
