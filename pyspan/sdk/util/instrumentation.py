"""Who made a span: the instrumentation scope, and its older form `InstrumentationInfo`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from opentelemetry.attributes import BoundedAttributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.util.types import Attributes

__all__ = ["InstrumentationInfo", "InstrumentationScope", "_scope_name_matches_glob"]

DEPRECATED = "You should use InstrumentationScope. Deprecated since version 1.11.1."


class InstrumentationScope:
    """Name, version, schema and attributes of the code that makes spans."""

    __slots__ = ("_attributes", "_name", "_schema_url", "_version")

    def __init__(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> None:
        self._name = name
        self._version = version
        self._schema_url = schema_url or ""
        self._attributes = BoundedAttributes(attributes=attributes, immutable=True)

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        return self._version

    @property
    def schema_url(self) -> str | None:
        return self._schema_url

    @property
    def attributes(self) -> Attributes:
        return self._attributes

    def to_json(self, indent: int | None = 4) -> str:
        """Return the scope as a JSON object."""
        import json

        fields = {
            "name": self._name,
            "version": self._version,
            "schema_url": self._schema_url,
            "attributes": dict(self._attributes) or None,
        }
        return json.dumps(fields, indent=indent)

    def __hash__(self) -> int:
        return hash((self._name, self._version, self._schema_url))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InstrumentationScope):
            return NotImplemented
        return self._key() == other._key() and self._attributes == other._attributes

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, InstrumentationScope):
            return NotImplemented
        return self._key() < other._key()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name}, {self._version}, {self._schema_url}, {self._attributes})"

    def _key(self) -> tuple[str, str, str]:
        return self._name, self._version or "", self._schema_url


class InstrumentationInfo:
    """What the scope was called before 1.11: name, version and schema."""

    __slots__ = ("_name", "_schema_url", "_version")

    def __init__(self, name: str, version: str | None = None, schema_url: str | None = None) -> None:
        warnings.warn(DEPRECATED, DeprecationWarning, stacklevel=2)
        self._name, self._version, self._schema_url = name, version, schema_url or ""

    @classmethod
    def _of(cls, scope: InstrumentationScope | None) -> InstrumentationInfo | None:
        """Build it from a scope without the warning, which is for those who build it by hand; a span may have none."""
        if scope is None:
            return None
        info = cls.__new__(cls)
        info._name, info._version, info._schema_url = scope.name, scope.version, scope.schema_url or ""
        return info

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str | None:
        return self._version

    @property
    def schema_url(self) -> str | None:
        return self._schema_url

    def __hash__(self) -> int:
        return hash((self._name, self._version, self._schema_url))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, InstrumentationInfo):
            return NotImplemented
        return self._key() < other._key()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name}, {self._version}, {self._schema_url})"

    def _key(self) -> tuple[str, str, str]:
        return self._name, self._version or "", self._schema_url


def _scope_name_matches_glob(glob_pattern: str) -> Callable[[InstrumentationScope], bool]:
    """Return a rule for tracer configurators: it holds for scopes whose name matches the pattern."""
    from fnmatch import fnmatchcase

    return lambda scope: fnmatchcase(scope.name, glob_pattern)
