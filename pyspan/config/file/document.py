"""A whole file: found, parsed, read table by table, refused with all its faults at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspan.config.address import type_name
from pyspan.config.environ import PLACE, problem
from pyspan.config.file.parse import parse_json, parse_yaml
from pyspan.config.file.table import HIDDEN, Faults, Table
from pyspan.config.setting import Setting
from pyspan.config.suggestion import nearest
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Document"]

FORMAT = re.compile(r"1\.\d+(-.+)?")
TRACING = (
    "attribute_limits",
    "disabled",
    "file_format",
    "log_level",
    "propagator",
    "resource",
    "tracer_provider",
)
OTHERS = ("distribution", "instrumentation/development", "logger_provider", "meter_provider")
EXTRA = "PyYAML is not installed; pip install 'pyspan-tracing[config]', or write JSON into a file named .json"


class Document:
    """The file that `variable` names; variables in its values come from `environ`.

    Raises:
        ConfigurationError: it cannot be read, is neither YAML nor JSON, or is of another format.
    """

    def __init__(self, path: str, environ: Mapping[str, str], variable: str = "OTEL_CONFIG_FILE") -> None:
        self.path = path
        self.faults = Faults(path)
        self._written = _parse(path, _read(path, variable), dict(environ), variable)
        self.root = Table(self._written, "", self.faults)
        self._check_format()

    def check(self) -> None:
        """Raise what was found.

        Raises:
            ConfigurationError: a line for each key or value that cannot be used, with its path.
        """
        self._check_names()
        for table in self.faults.tables[1:]:
            table.check_unknown()
        if self.faults.lines:
            raise ConfigurationError("\n".join(self.faults.lines))

    def settings(self) -> tuple[Setting, ...]:
        """Return each value on tracing with its path, as it stands in the file after variables were put in."""
        tracing = {key: value for key, value in self._written.items() if key in TRACING}
        own = (self._written.get("distribution") or {}).get("pyspan")
        tracing |= {"distribution": {"pyspan": own}} if own else {}
        return tuple(Setting(path, value, f"{self.path}:{path}") for path, value in _leaves(tracing, ""))

    def _check_format(self) -> None:
        written = self.root.ask("file_format")
        if not FORMAT.fullmatch(str(written)):
            self.faults.add("file_format", written, 'pyspan reads format 1.1; write file_format: "1.1"')

    def _check_names(self) -> None:
        """Leave sections of others in peace, as the schema has it, but not a slip of the keyboard."""
        for key in self.root.keys:
            meant = nearest(key, [*TRACING, *OTHERS], "none")
            if key not in (*TRACING, *OTHERS) and meant != "none":
                self.faults.add(key, HIDDEN, f"it is unknown; {meant}")


def _read(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise problem(variable, path, f"{reason}; name a readable file of YAML or JSON", PLACE) from None


def _parse(path: str, text: str, environ: dict[str, str], variable: str) -> dict[str, Any]:
    parse = parse_json if path.lower().endswith(".json") else parse_yaml
    try:
        value = parse(text, environ)
    except ImportError:
        raise problem(variable, path, EXTRA, PLACE) from None
    except ValueError as error:
        raise problem(variable, path, str(error), PLACE) from None
    if not isinstance(value, dict):
        raise problem(variable, path, f"{type_name(value)} where a table is needed; begin with file_format", PLACE)
    return value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Name a pair of `name` and `value`, as headers and attributes are written, by its name: that tells a secret."""
    if isinstance(value, dict) and {"name", "value"} <= set(value):
        yield f"{path}.{value['name']}", value["value"]
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]")
    else:
        yield path, value
