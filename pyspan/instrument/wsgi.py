"""`Middleware` for WSGI applications: one server span a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pyspan.instrument._middleware import ServerMiddleware

__all__ = ["Middleware"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Middleware(ServerMiddleware[Application]):
    """Traces each request of a WSGI application; for Flask `app.wsgi_app = Middleware(app.wsgi_app)`.

    The span ends when the server has taken the last part of the body, or closes it; where the body is a list, a tuple,
    a file that the server sends by itself or a whole response of Werkzeug, when the application returns. What goes
    through the `write` of `start_response` is not counted. For the arguments see docs/guides/middleware.md.

    Raises:
        ConfigurationError: an argument or variable cannot be used.
    """

    __slots__ = ()

    kind = "wsgi"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = self._spans.wsgi(environ, start_response)
        if request is None:
            return self.app(environ, start_response)
        try:
            body = self.app(environ, request)
        except BaseException as error:
            request.fail(error)
            raise
        return request.body(body)
