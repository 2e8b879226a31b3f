"""What the middlewares for ASGI and WSGI make of errors and of each other, alike."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from pyspan.instrument import asgi, wsgi
from tests.instrument.servers import Ask, asks
from tests.instrument.test_asgi import hello
from tests.instrument.test_wsgi import hello as hello_too
from tests.instrument.traced import Answer, Traced, environ, http_scope, serve


class OutOfStockError(Exception):
    pass


@pytest.fixture(params=asks)
def ask(request: pytest.FixtureRequest) -> Ask:
    return asks[request.param]


@pytest.mark.parametrize(
    ("status", "code"), [(404, StatusCode.UNSET), (500, StatusCode.ERROR), (503, StatusCode.ERROR)]
)
def test_errors_are_those_of_the_server(ask: Ask, status: int, code: StatusCode) -> None:
    traced = Traced()
    ask(status=status, tracer_provider=traced.provider)
    assert traced.only.status.status_code is code
    assert traced.attributes()["http.response.status_code"] == status
    assert traced.attributes().get("error.type") == (str(status) if status >= 500 else None)


def test_what_the_application_raises_is_recorded_and_raised_again(ask: Ask) -> None:
    def fail() -> None:
        raise OutOfStockError("no more")

    traced = Traced()
    with pytest.raises(OutOfStockError):
        ask(inside=fail, tracer_provider=traced.provider)
    assert traced.only.status.status_code is StatusCode.ERROR
    assert traced.only.status.description == "OutOfStockError: no more"
    assert traced.attributes()["error.type"] == f"{__name__}.OutOfStockError"
    assert [event.name for event in traced.only.events] == ["exception"]
    assert "http.response.status_code" not in traced.attributes()
    assert not trace.get_current_span().get_span_context().is_valid


def test_two_middlewares_make_one_span() -> None:
    traced = Traced()
    provider = traced.provider
    inner = asgi.Middleware(hello, tracer_provider=provider)
    serve(asgi.Middleware(inner, tracer_provider=provider), http_scope())
    inner_too = wsgi.Middleware(hello_too, tracer_provider=provider)
    Answer(wsgi.Middleware(inner_too, tracer_provider=provider), environ()).read()
    assert traced.names == ["GET", "GET"]
