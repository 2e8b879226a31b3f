"""Every public name of the SDK's tracing is here, with its arguments in their order and with their defaults."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import version
from typing import Any, NamedTuple

import opentelemetry.sdk as their_sdk
import pytest

import pyspan.sdk as our_sdk

MODULES = [
    *("trace", "trace.export", "trace.export.in_memory_span_exporter", "trace.id_generator", "trace.sampling"),
    *("trace._sampling_experimental", "resources", "util", "util.instrumentation"),
]
# Native, so nobody's to make: `Span(...)` raises TypeError, as the SDK's does.
NATIVE = {"Span", "Tracer"}
# The SDK's own, though its name has no underscore.
INTERNAL = {"create_tracer_metrics"}
PLAIN = (bool, int, float, str, type(None))


class Argument(NamedTuple):
    """What a caller sees of a parameter."""

    name: str
    by_position: bool
    default: object


def both(module: str) -> tuple[Any, Any]:
    theirs, ours = (importlib.import_module(f"{sdk.__name__}.{module}") for sdk in (their_sdk, our_sdk))
    return theirs, ours


def public(module: str) -> dict[str, Any]:
    """Return the classes, functions and constants that the SDK's module defines."""
    theirs, _ = both(module)
    names = {name: value for name, value in vars(theirs).items() if not name.startswith(("_", "OTEL_"))}
    return {name: value for name, value in names.items() if is_of(theirs.__name__, value) and name not in INTERNAL}


def is_of(module: str, value: Any) -> bool:
    if isinstance(value, (int, float)):
        return True
    home = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    return f"{home.__module__}.".startswith(f"{module}.")


def arguments(function: Any) -> list[Argument] | None:
    """Return the arguments; None where a wrapper hides them. A default that is an object counts as none."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters):
        return None
    return [
        Argument(
            parameter.name,
            parameter.kind is not parameter.KEYWORD_ONLY,
            parameter.default if parameter.default is parameter.empty or isinstance(parameter.default, PLAIN) else None,
        )
        for parameter in parameters
        if parameter.name != "self"
    ]


def fields_of(module: str, name: str) -> set[str]:
    """Return what each object has of its own, though the class shows a function as its default."""
    return set(getattr(getattr(both(module)[0], name), "__dataclass_fields__", ()))


CLASSES = [(module, name) for module in MODULES for name, value in public(module).items() if inspect.isclass(value)]
METHODS = [
    (module, name, method)
    for module, name in CLASSES
    for method, value in inspect.getmembers(getattr(both(module)[0], name))
    if not method.startswith("_") and inspect.isfunction(value) and method not in fields_of(module, name)
]


def test_every_environment_variable_of_the_sdk_has_its_constant() -> None:
    theirs, ours = (
        {name: v for name, v in vars(each).items() if name.isupper()} for each in both("environment_variables")
    )
    assert ours == theirs


def test_the_version_is_that_of_this_distribution() -> None:
    _, ours = both("version")
    assert ours.__version__ == version("pyspan-tracing")


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_here(module: str) -> None:
    _, ours = both(module)
    assert [name for name in public(module) if not hasattr(ours, name)] == []


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_public_attribute_of_a_class_is_here(module: str, name: str) -> None:
    theirs, ours = (getattr(each, name) for each in both(module))
    wanted = {attribute for attribute in dir(theirs) if not attribute.startswith("_")}
    assert wanted - set(dir(ours)) == set()


@pytest.mark.parametrize(("module", "name"), [each for each in CLASSES if each[1] not in NATIVE])
def test_a_class_takes_the_sdk_s_arguments(module: str, name: str) -> None:
    theirs, ours = (getattr(each, name) for each in both(module))
    assert_takes(theirs, ours)


@pytest.mark.parametrize(("module", "name", "method"), METHODS)
def test_a_method_takes_the_sdk_s_arguments(module: str, name: str, method: str) -> None:
    theirs, ours = (getattr(getattr(each, name), method) for each in both(module))
    assert_takes(theirs, ours)


def assert_takes(theirs: Any, ours: Any) -> None:
    """Hold ours to the SDK's arguments; further ones of ours come after them, or by keyword, and have defaults."""
    wanted, found = arguments(theirs), arguments(ours)
    if wanted is None or found is None:
        return
    by_position = [argument for argument in found if argument.by_position]
    positions = [argument for argument in wanted if argument.by_position]
    assert by_position[: len(positions)] == positions
    assert {argument for argument in wanted if not argument.by_position} <= set(found)
    assert all(argument.default is not inspect.Parameter.empty for argument in set(found) - set(wanted))
