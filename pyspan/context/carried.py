"""The switch: the current context carried into threads and processes, or not."""

from __future__ import annotations

from pyspan.context.patches import Patches

__all__ = ["carry", "is_carried", "leave"]

_patches = Patches()


def carry() -> None:
    """Carry the context that is current at `start()` or `submit()` into what is started; a second call changes nothing.

    Where opentelemetry-instrumentation-threading is on, threads and thread pools are left to it.
    """
    from pyspan.context.processes import carry_into_processes
    from pyspan.context.threads import carry_into_threads

    carry_into_threads(_patches)
    carry_into_processes(_patches)
    _patches.is_on = True


def leave() -> None:
    """Leave threads and processes as Python starts them; what runs already keeps its context."""
    _patches.restore()


def is_carried() -> bool:
    """Return whether the switch is on."""
    return _patches.is_on
