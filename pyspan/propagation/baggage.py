"""W3C Baggage: the header `baggage`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry.baggage import get_all, set_baggage
from opentelemetry.context import get_current
from opentelemetry.propagators import textmap

from pyspan._core import format_baggage, parse_baggage

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["W3CBaggagePropagator"]

logger = logging.getLogger(__name__)

HEADER = "baggage"


class W3CBaggagePropagator(textmap.TextMapPropagator):
    """Carries baggage along; what breaks the rules or goes beyond 180 members or 8,192 bytes is left out."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        """Return `context` (by default the current one) with the baggage of the header in it."""
        context = get_current() if context is None else context
        try:
            lines = getter.get(carrier, HEADER)
            members = parse_baggage(",".join(lines)) if lines else []
        except Exception:  # the carrier and its getter are anybody's code
            logger.debug("the baggage could not be read", exc_info=True)
            return context
        for name, value in members:
            context = set_baggage(name, value, context=context)
        return context

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = textmap.default_setter,
    ) -> None:
        """Set the header to the baggage in `context` (by default the current one), if there is some."""
        members = get_all(context=context)
        header = format_baggage([(_text(name), _text(value)) for name, value in members.items()]) if members else ""
        if header:
            setter.set(carrier, HEADER, header)

    @property
    def fields(self) -> set[str]:
        """The header that `inject` sets."""
        return {HEADER}


def _text(value: object) -> str:
    """Return a value as text that UTF-8 can hold."""
    return str(value).encode("utf-8", "replace").decode()
