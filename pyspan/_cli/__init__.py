"""The command line of `pyspan`: `config`, `check` and `run`; exit codes 0, 1 (it can't trace), 2 (a wrong value)."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pyspan._command import EXIT_CONFIGURATION, EXIT_FAILED, EXIT_OK, Parser, fail, installed_version
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

PROGRAM = "pyspan"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command; return the exit code."""
    try:
        flags = _parser().parse_args(arguments)
        code: int = flags.command(flags)
    except ConfigurationError as error:
        return fail(PROGRAM, str(error), EXIT_CONFIGURATION)
    return code


def _config(_: argparse.Namespace) -> int:
    from pyspan._cli.report import read

    report = read()
    sys.stdout.write(f"{report.text()}\n" if report.settings else "")
    sys.stdout.flush()
    return fail(PROGRAM, "\n".join(report.findings), EXIT_CONFIGURATION if report.has_wrong_value else EXIT_OK)


def _check(_: argparse.Namespace) -> int:
    from pyspan._cli.check import check

    findings = check()
    sys.stdout.write("".join(f"{line}\n" for line in findings.passed))
    sys.stdout.flush()
    said = "\n".join([*findings.obstacles, *findings.notes])
    return fail(PROGRAM, said, EXIT_FAILED if findings.obstacles else EXIT_OK)


def _run(flags: argparse.Namespace) -> int:
    from pyspan._cli.run import run

    program = flags.program[1:] if flags.program[:1] == ["--"] else flags.program
    run(["-m", *flags.module] if flags.module else program)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Trace Python programs.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {installed_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    config = commands.add_parser("config", help="print the settings in force and where each comes from")
    config.set_defaults(command=_config)
    check = commands.add_parser("check", help="send one test span and say what stands in its way")
    check.set_defaults(command=_check)
    _add_run(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a program that is traced as the environment says",
        usage="pyspan run [-m] PROGRAM [ARGUMENT ...]",
    )
    run.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, help="a module instead of a file, and its arguments"
    )
    run.add_argument("program", nargs=argparse.REMAINDER, help="a Python file, and its arguments")
    run.set_defaults(command=_run)
