"""The current context carried into threads, timers and the tasks of thread pools."""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api

from pyspan.context.attach import NO_CONTEXT, Attached, call_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan.context.patches import Patches

__all__ = ["carry_into_threads"]

# Their threads serve all requests, not the one in which they happen to start.
OWN_THREADS = "pyspan-"


def carry_into_threads(patches: Patches) -> None:
    """Patch `threading.Thread` and `concurrent.futures.ThreadPoolExecutor`."""
    patches.replace(threading.Thread, ("start",), _start)
    patches.replace(ThreadPoolExecutor, ("submit",), _submit)


def _start(original: Callable[..., None], thread: threading.Thread) -> None:
    context = context_api.get_current()
    if not context or thread.name.startswith(OWN_THREADS) or _is_carried_by_package(thread):
        original(thread)
        return
    # On the thread itself, since a subclass may have a `run` of its own.
    run, members = thread.run, vars(thread)
    before = members.get("run")

    def carried() -> None:
        restore()
        call_within(context, run)

    def restore() -> None:
        if before is None:
            members.pop("run", None)
        else:
            members["run"] = before

    members["run"] = carried
    try:
        original(thread)
    except BaseException:
        restore()
        raise


def _submit(original: Callable[..., Any], pool: ThreadPoolExecutor, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    if _package_is_on() or _is_of_interpreters(pool):
        return original(pool, function, *args, **kwargs)
    carried = functools.partial(call_within, context_api.get_current(), function)
    with Attached(NO_CONTEXT):  # a thread that the pool starts now serves others later
        return original(pool, carried, *args, **kwargs)


def _is_carried_by_package(thread: threading.Thread) -> bool:
    """Return whether opentelemetry-instrumentation-threading does it: it knows the `run` of these two classes alone."""
    if not _package_is_on():
        return False
    running = next(owner for owner in type(thread).__mro__ if "run" in vars(owner))
    return running in {threading.Thread, threading.Timer}


def _package_is_on() -> bool:
    package = sys.modules.get("opentelemetry.instrumentation.threading")
    return package is not None and bool(package.ThreadingInstrumentor().is_instrumented_by_opentelemetry)


def _is_of_interpreters(pool: ThreadPoolExecutor) -> bool:
    """Return whether its tasks run in interpreters of their own, which pyspan is not loaded into."""
    module = sys.modules.get("concurrent.futures.interpreter")
    return module is not None and isinstance(pool, module.InterpreterPoolExecutor)
