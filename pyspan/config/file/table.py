"""A table of a file, whose keys are asked for one by one: what nobody asked for is unknown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pyspan.config.address import type_name
from pyspan.config.environ import MOST, problem
from pyspan.config.setting import Setting
from pyspan.config.suggestion import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["HIDDEN", "Faults", "Table"]


HIDDEN = "..."


class Faults:
    """What is wrong with a file, collected: people mend all of it at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: list[str] = []
        self.tables: list[Table] = []

    def add(self, path: str, value: object, fix: str) -> None:
        shown = Setting(path, value).shown if isinstance(value, str) and value != HIDDEN else value
        self.lines.append(str(problem(path, shown, fix, self.file)))


class Table:
    """The table at `path`. Each question returns None where the key is missing, null, or holds something else.

    The last is a fault, which the document raises when all has been read.
    """

    def __init__(self, value: Mapping[str, Any], path: str, faults: Faults) -> None:
        self.path = path
        self.faults = faults
        self._value = value
        self._asked: set[str] = set()
        faults.tables.append(self)

    @property
    def keys(self) -> list[str]:
        return list(self._value)

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def fault(self, key: str, fix: str) -> None:
        """Note that the value of a key cannot be used; what is in tables and lists, such as headers, is not shown."""
        value = self._value.get(key)
        self.faults.add(self.at(key), HIDDEN if isinstance(value, (dict, list)) else value, fix)

    def ask(self, key: str) -> Any:
        """Return a value of any type."""
        self._asked.add(key)
        return self._value.get(key)

    def text(self, key: str) -> str | None:
        value = self.ask(key)
        if value is None or isinstance(value, str):
            return value
        self.fault(key, f"{type_name(value)} where text is needed; put it in quotes")
        return None

    def flag(self, key: str) -> bool | None:
        value = self.ask(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, "give true or false")
        return None

    def count(self, key: str, lowest: int = 0) -> int | None:
        value = self.ask(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= MOST:
            return value
        self.fault(key, f"give a whole number from {lowest} to {MOST}")
        return None

    def share(self, key: str) -> float | None:
        return self.number(key, lambda number: 0 <= number <= 1, "a number from 0 to 1")

    def number(self, key: str, fits: Callable[[float], bool], accepted: str) -> float | None:
        value = self.ask(key)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and fits(value):
            return float(value)
        self.fault(key, f"give {accepted}")
        return None

    def choice(self, key: str, words: Sequence[str]) -> str | None:
        value = self.ask(key)
        if value is None or (isinstance(value, str) and value in words):
            return value
        self.fault(key, f"give one of {', '.join(words)}")
        return None

    def choices(self, key: str, words: Sequence[str]) -> list[str]:
        """Return the words of a list."""
        items = self.texts(key)
        if not set(items) <= set(words):
            self.fault(key, f"give some of {', '.join(words)}")
        return items

    def table(self, key: str) -> Table | None:
        """Return the table under a key; one that is named and left empty is there all the same."""
        value = self.ask(key)
        if key not in self._value:
            return None
        return self._as_table(value, self.at(key))

    def tables(self, key: str) -> list[Table]:
        """Return the tables of a list."""
        made = (self._as_table(item, f"{self.at(key)}[{number}]") for number, item in enumerate(self._items(key)))
        return [table for table in made if table is not None]

    def texts(self, key: str) -> list[str]:
        """Return the texts of a list."""
        items = self._items(key)
        wrong = [item for item in items if not isinstance(item, str)]
        if wrong:
            self.fault(key, "give a list of texts")
        return [] if wrong else items

    def one(self, known: Sequence[str], others: Sequence[str] = ()) -> tuple[str, Table] | None:
        """Return the only key of this table, which names a kind, and the table under it; `others` are allowed too."""
        self._asked |= set(self._value)
        if len(self._value) != 1:
            self.faults.add(self.path, self.keys, f"give one of {', '.join(known)}")
            return None
        (kind,) = self._value
        names = list(dict.fromkeys([*known, *others]))
        if kind not in names:
            self.faults.add(self.path, kind, nearest(kind, names))
            return None
        table = self.table(kind)
        return None if table is None else (kind, table)

    def rest(self) -> dict[str, Any]:
        """Return the whole table, as somebody else's code gets it."""
        self._asked |= set(self._value)
        return dict(self._value)

    def need(self, key: str) -> None:
        """Note that a key is missing."""
        if self._value.get(key) is None:
            self.faults.add(self.path or key, self.keys, f"the key {key} is missing; add it")

    def check_unknown(self) -> None:
        """Note the keys that nobody asked for."""
        for key in self._value:
            if key not in self._asked:
                # Its value may be a secret whose key nobody knows for one.
                self.faults.add(self.at(key), HIDDEN, f"it is unknown; {nearest(key, sorted(self._asked))}")

    def _items(self, key: str) -> list[Any]:
        value = self.ask(key)
        if isinstance(value, list):
            return value
        if value is not None:
            self.fault(key, f"{type_name(value)} where a list is needed; begin its items with a hyphen")
        return []

    def _as_table(self, value: object, path: str) -> Table | None:
        if value is None or isinstance(value, dict):
            return Table(value or {}, path, self.faults)
        shown = HIDDEN if isinstance(value, (str, list)) else value
        self.faults.add(path, shown, f"{type_name(value)} where a table is needed")
        return None
