"""Arguments of samplers, checked where a sampler is made: at run time there is nobody to tell."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar

from pyspan.config.environ import problem

if TYPE_CHECKING:
    from typing import TypeGuard

    from pyspan.sdk.trace._sampler import Sampler

__all__ = ["CODE", "checked", "having", "name", "names", "number", "share"]

T = TypeVar("T")

CODE = "the arguments"
# More a second than any process makes spans; so the arithmetic stays exact enough.
MOST = 1e9


def share(argument: str, value: Any) -> float:
    """Return a share of traces, as it was given.

    Raises:
        ConfigurationError: it is no number from 0 to 1.
    """
    return number(argument, value, 0.0, 1.0)


def number(argument: str, value: Any, lowest: float, highest: float = MOST) -> float:
    """Return a number from `lowest` to `highest`, as it was given: numpy's are welcome.

    Raises:
        ConfigurationError: it is none.
    """
    if _is_number(value) and lowest <= value <= highest:
        return value
    raise problem(argument, value, f"give a number from {lowest:g} to {highest:g}", CODE)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)


def checked(sampler: Sampler, argument: str = "sampler") -> Sampler:
    """Return a sampler.

    Raises:
        ConfigurationError: it is none.
    """
    return having(argument, sampler, "should_sample", "a Sampler")


def having(argument: str, value: T, method: str, role: str) -> T:
    """Return an object that plays a role, known by its method.

    Raises:
        ConfigurationError: it has no such method, or is a class.
    """
    if callable(getattr(value, method, None)) and not isinstance(value, type):
        return value
    raise problem(argument, value, f"give {role}", CODE)


def names(argument: str, values: Any) -> list[str]:
    """Return names; a text is refused, as its letters would be the names.

    Raises:
        ConfigurationError: what is given is no list of names.
    """
    try:
        if not isinstance(values, str):
            return [name(argument, value) for value in values]
    except TypeError:
        pass
    raise problem(argument, values, "give a list of names", CODE)


def name(argument: str, value: object) -> str:
    """Return a name.

    Raises:
        ConfigurationError: it is no text, or an empty one.
    """
    if isinstance(value, str) and value:
        return value
    raise problem(argument, value, "give a name as text", CODE)
