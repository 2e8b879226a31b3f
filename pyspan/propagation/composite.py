"""Several formats at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.propagators import composite

from pyspan._core import Propagator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.propagators.textmap import TextMapPropagator

__all__ = ["CompositePropagator"]


class CompositePropagator(Propagator, composite.CompositePropagator):
    """Injects by each propagator in order; of the callers that they extract the first valid one stays.

    With the API's own class the last one stays. Native formats run in one go; a format given twice counts once.
    """

    def __new__(cls, propagators: Sequence[TextMapPropagator]) -> CompositePropagator:
        return super().__new__(cls, propagators)
