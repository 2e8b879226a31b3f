"""The command line of `pyspan-agent`: flags, `--check`, and the exit codes 0, 1 (can't run) and 2 (configuration)."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pyspan._command import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_OK, Parser, fail, installed_version, put
from pyspan.config.redaction import redact
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pyspan.agent.config import Loaded

__all__ = ["main"]

PROGRAM = "pyspan-agent"
_PACKAGES = ("msgspec", "prometheus_client", "starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent, or with `--check` only look; return the exit code."""
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        return fail(
            PROGRAM, f"the agent needs {', '.join(missing)}: pip install 'pyspan-tracing[agent]'", EXIT_CONFIGURATION
        )
    try:
        flags = _parse(sys.argv[1:] if arguments is None else arguments)
        loaded = _load(flags)
    except ConfigurationError as error:
        return fail(PROGRAM, str(error), EXIT_CONFIGURATION)
    if flags.check:
        from pyspan.agent.report import configuration_text

        return put(PROGRAM, configuration_text(loaded))
    return _run(loaded)


def _run(loaded: Loaded) -> int:
    from pyspan.agent.listen import StartError
    from pyspan.agent.run import run  # what --check and --help never need

    try:
        run(loaded.config)
    except ConfigurationError as error:
        return fail(PROGRAM, str(error), EXIT_CONFIGURATION)
    except StartError as error:
        return fail(PROGRAM, str(error), EXIT_FAILED)
    return EXIT_OK


def _load(flags: argparse.Namespace) -> Loaded:
    from pyspan.agent.check import check  # needs the extra, whose absence is reported first
    from pyspan.agent.config import load

    path = flags.config or os.environ.get("PYSPAN_AGENT_CONFIG")
    loaded = load(vars(flags), os.environ, Path(path) if path else None)
    check(loaded)
    return loaded


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    from pyspan.agent.config import SETTINGS
    from pyspan.config.suggestion import nearest

    parser = _parser()
    flags, unknown = parser.parse_known_args(_joined(arguments))
    if unknown:
        known = [f"--{setting.key}" for setting in SETTINGS] + ["--config", "--check", "--help", "--version"]
        word = redact(unknown[0]) if unknown[0].startswith("-") else unknown[0]
        close = nearest(unknown[0].partition("=")[0], known, "see --help")
        raise ConfigurationError(f"{word}: unknown flag ({close})")
    return flags


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write `--flag -5s` as `--flag=-5s`: argparse takes a value with a hyphen for another flag."""
    from pyspan.agent.config import SETTINGS

    taking = {f"--{setting.key}" for setting in SETTINGS} | {"--config"}
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in taking and not argument.startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> Parser:
    from pyspan.agent.config import SETTINGS

    parser = Parser(
        prog="pyspan-agent",
        description="Receive OTLP traces, keep them in a spool on disk, export them to any number of destinations.",
        epilog="Every flag is also a key of the TOML file and a variable PYSPAN_AGENT_<KEY>; flags win.",
        allow_abbrev=False,
    )
    for setting in SETTINGS:
        default = setting.default() if callable(setting.default) else setting.default
        action = "append" if setting.key == "export" else "store"
        limits = f"; {setting.limits[0]} to {setting.limits[1]}" if setting.limits else ""
        text = f"{setting.help} (default {default}{limits})".replace("%", "%%")
        parser.add_argument(f"--{setting.key}", metavar=setting.metavar, action=action, help=text)
    parser.add_argument("--config", metavar="FILE", help="TOML file with the same keys")
    parser.add_argument("--check", action="store_true", help="validate everything, print what is in force, don't start")
    parser.add_argument("--version", action="version", version=f"pyspan-agent {installed_version()}")
    return parser
