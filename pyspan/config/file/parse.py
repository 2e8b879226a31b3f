"""A file's text into plain values: YAML by its core schema, or JSON; variables are put in before types are seen."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspan.config.file.scalar import resolve
from pyspan.config.file.substitution import substitute

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml import Node

__all__ = ["parse_json", "parse_yaml"]

CORE = "tag:yaml.org,2002:"
PLAIN_TAGS = {CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
# Aliases can make a small file huge, and one that holds itself endless.
MOST_VALUES, DEEPEST = 100_000, 64


def parse_yaml(text: str, environ: dict[str, str]) -> Any:
    """Read YAML; what stands in quotes stays text.

    Raises:
        ImportError: PyYAML is not installed.
        ValueError: it is no YAML, has a key twice or a tag of somebody's own, or a reference that is none.
    """
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # published without types
        """Composes nodes whose words nobody has given a type yet."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as in the base class

    try:
        node = yaml.compose(text, Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from None
    return None if node is None else _Reader(environ).value(node)


def parse_json(text: str, environ: dict[str, str]) -> Any:
    """Read JSON; its strings stay text.

    Raises:
        ValueError: it is no JSON, or has a key twice, or a reference that is none.
    """
    try:
        decoded = json.loads(text, object_pairs_hook=_unique)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from None
    return _filled(decoded, partial(substitute, environ=environ))


class _Reader:
    """One walk over the nodes of a document."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._count = 0

    def value(self, node: Node, depth: int = 0) -> Any:
        self._count += 1
        if depth > DEEPEST or self._count > MOST_VALUES:
            raise ValueError(f"it is deeper than {DEEPEST} or has more than {MOST_VALUES} values")
        if node.tag not in PLAIN_TAGS:
            raise ValueError(f"the tag {node.tag!r} in line {node.start_mark.line + 1} is none of YAML's core schema")
        if node.id == "scalar":
            return self._scalar(node)
        if node.id == "sequence":
            return [self.value(item, depth + 1) for item in node.value]
        return _unique([(_key(key), self.value(item, depth + 1)) for key, item in node.value])

    def _scalar(self, node: Node) -> Any:
        try:
            text = substitute(node.value, self._environ)
        except ValueError as error:
            raise ValueError(f"line {node.start_mark.line + 1}: {error}") from None
        return text if node.style else resolve(text)


def _key(node: Node) -> str:
    if node.id != "scalar":
        raise ValueError(f"the key in line {node.start_mark.line + 1} is no text")
    return str(node.value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for key, value in pairs:
        if key in unique:
            raise ValueError(f"the key {key!r} stands twice in one table")
        unique[key] = value
    return unique


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [_filled(item, fill) for item in value]
    return {key: _filled(item, fill) for key, item in value.items()} if isinstance(value, dict) else value
