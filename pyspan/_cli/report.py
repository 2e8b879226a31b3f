"""`pyspan config`: the settings in force, one line each, and what is wrong with the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan._cli.logged import logged
from pyspan._command import columns
from pyspan.config.environ import warned
from pyspan.config.examine import examine
from pyspan.errors import ConfigurationError
from pyspan.sdk._in_force import in_force
from pyspan.sdk._settings import Settings

if TYPE_CHECKING:
    from pyspan.config.setting import Setting

__all__ = ["Report", "read"]


@dataclass(frozen=True, slots=True)
class Report:
    """The settings in the order in which people think of them, and a line for each finding.

    `has_wrong_value` where a variable cannot be used: another value holds instead of it, or nothing is traced at all.
    """

    settings: tuple[Setting, ...]
    findings: tuple[str, ...]
    has_wrong_value: bool

    def text(self) -> str:
        """Return the settings in columns: name, value, source; nothing where an error leaves none in force."""
        return columns([(setting.name, setting.shown or "-", setting.source) for setting in self.settings])


def read() -> Report:
    """Read the environment as `pyspan.configure()` does; nothing is started, nobody is connected to."""
    settings: tuple[Setting, ...] = ()
    errors: list[str] = []
    with logged("pyspan.config") as warnings:
        try:
            settings = in_force(Settings())
        except ConfigurationError as error:
            errors.append(str(error))
        notes = examine(os.environ)
    return Report(settings, (*errors, *warnings, *notes), has_wrong_value=bool(errors or warned))
