"""What the native half of the middlewares leaves to Python: what is rare, what frameworks differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from pyspan.sdk.trace._readable import exception_description

__all__ = ["error_type", "fail", "finish", "is_generic_server", "route_of"]

GENERIC = "opentelemetry.instrumentation."
OF_DOCUMENTS = {"exception.message": "error.msg", "exception.stacktrace": "error.stack"}


def fail(span: Span, error: BaseException, *, documents: bool) -> None:
    """Put on the span what has left the application or the client; a request that was cancelled is no error."""
    span.set_attribute("error.type", error_type(error))
    if isinstance(error, Exception):
        span.record_exception(error, escaped=True)
        span.set_status(Status(StatusCode.ERROR, exception_description(error)))
        if documents:
            span.set_attributes({"error": True, **_recorded(span)})


def _recorded(span: Any) -> dict[str, Any]:
    """Return the exception that was recorded last by the documents' keys.

    It is read back from its event, where secrets are redacted as in what exceptions say.
    """
    events = (event for event in reversed(getattr(span, "events", ())) if event.name == "exception")
    attributes = getattr(next(events, None), "attributes", None) or {}
    return {key: attributes[name] for name, key in OF_DOCUMENTS.items() if name in attributes}


def error_type(error: BaseException) -> str:
    """Return the name of an exception's class, with its module."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def is_generic_server(span: Any) -> bool:
    """Return True for a server's span that a package for OpenTelemetry has started over another SDK."""
    scope = getattr(span, "instrumentation_scope", None)
    if getattr(span, "kind", None) is not SpanKind.SERVER or not span.is_recording():
        return False
    return str(getattr(scope, "name", "")).startswith(GENERIC)


def finish(
    span: Span, attributes: dict[str, Any], known: str, name: str | None, is_error: bool, end_ns: int | None
) -> None:
    """End a span of another SDK; one that somebody has renamed keeps its name."""
    span.set_attributes(attributes)
    if name is not None and getattr(span, "name", known) == known:
        span.update_name(name)
    if is_error:
        span.set_status(Status(StatusCode.ERROR))
    span.end(end_ns)


def route_of(connection: Mapping[str, Any]) -> str | None:
    """Return the template of the path as a framework has left it in an ASGI scope or a WSGI environment."""
    if "route" in connection or "router" in connection:
        return _starlette_route(connection)
    return getattr(connection.get("bottle.route"), "rule", None)


def _starlette_route(scope: Mapping[str, Any]) -> str | None:
    root: str = scope.get("root_path", "")
    top: str = scope.get("app_root_path", root)
    mounts, routes = _mounts(getattr(scope.get("router"), "routes", ()), root[len(top) :])
    route = scope.get("route")
    if _is_mount(route):
        return f"{top}{mounts}" or None
    path = _fastapi_path(scope) or getattr(route, "path_format", None) or _matching(routes, scope)
    return None if path is None else f"{top}{mounts}{path}"


def _mounts(routes: Iterable[Any], path: str) -> tuple[str, Iterable[Any]]:
    """Return the templates of the mounts that `path` has gone through, and the routes below them."""
    template = ""
    while path:
        mount = next((route for route in routes if _is_mount(route) and _below(route, path) is not None), None)
        if mount is None:
            return template + path, ()
        template += mount.path_format.removesuffix("/{path}")
        path, routes = _below(mount, path) or "", mount.routes
    return template, routes


def _is_mount(route: Any) -> bool:
    return all(hasattr(route, name) for name in ("app", "routes", "path_regex"))


def _below(mount: Any, path: str) -> str | None:
    match = mount.path_regex.match(f"{path}/")
    return None if match is None else f"/{match['path']}".rstrip("/")


def _fastapi_path(scope: Mapping[str, Any]) -> str | None:
    """Return the path of a route in an included router, which lacks the router's prefix by itself.

    After an error the scope no longer names it.
    """
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None:
        return getattr(context, "path_format", None)
    routers = [route for route in getattr(scope.get("app"), "routes", ()) if hasattr(route, "effective_route_contexts")]
    contexts = (context for router in routers for context in router.effective_route_contexts())
    route = scope.get("route")
    return _matching((known for known in contexts if route in {known.original_route, *routers, None}), scope)


def _matching(routes: Iterable[Any], scope: Mapping[str, Any]) -> str | None:
    """Return the template of the first route that fits, for a Starlette that does not leave it in the scope."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    for route in routes:
        methods = getattr(route, "methods", None)
        fits = not methods or scope.get("method") in methods
        if fits and not _is_mount(route) and hasattr(route, "path_regex") and route.path_regex.match(path):
            return str(route.path_format)
    return None
