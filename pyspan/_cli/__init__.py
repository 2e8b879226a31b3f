"""The command line of `pyspan`: `config`, `check` and `run`; exit codes 0, 1 (it can't trace), 2 (a wrong value)."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

from pyspan._command import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_OK, Parser, fail, installed_version, put
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

PROGRAM = "pyspan"
HELP = (["-h"], ["--help"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["run"] and words[1:2] not in HELP:
            _run(words[1:])
        flags = _parser().parse_args(words)
        code: int = flags.command(flags)
    except ConfigurationError as error:
        return fail(PROGRAM, str(error), EXIT_CONFIGURATION)
    return code


def _config(_: argparse.Namespace) -> int:
    from pyspan._cli.report import read

    report = read()
    printed = put(PROGRAM, report.text()) if report.settings else EXIT_OK
    return fail(PROGRAM, "\n".join(report.findings), EXIT_CONFIGURATION if report.has_wrong_value else printed)


def _check(_: argparse.Namespace) -> int:
    before = frozenset(sys.modules)
    from pyspan._cli.check import check

    findings = check(before)
    printed = put(PROGRAM, "\n".join(findings.passed)) if findings.passed else EXIT_OK
    said = "\n".join([*findings.obstacles, *findings.notes])
    return fail(PROGRAM, said, EXIT_FAILED if findings.obstacles else printed)


def _run(words: Sequence[str]) -> NoReturn:
    """Leave the words alone: argparse would take a `--` out of them, and more with it."""
    from pyspan._cli.run import run

    run(words[1:] if words[:1] == ["--"] else words)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Trace Python programs.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {installed_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    config = commands.add_parser("config", help="print the settings in force and where each comes from")
    config.set_defaults(command=_config)
    check = commands.add_parser("check", help="send one test span and say what stands in its way")
    check.set_defaults(command=_check)
    commands.add_parser(
        "run",
        help="run a program that is traced as the environment says",
        usage="pyspan run PROGRAM [ARGUMENT ...]\n       pyspan run -m MODULE [ARGUMENT ...]",
    )
    return parser
