"""A running agent: pipelines and admin port in one task group, until a signal asks for the drain."""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from pyspan.agent.assemble import open_agent
from pyspan.agent.log import configure_logging
from pyspan.agent.report import start_text
from pyspan.agent.watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from pyspan.agent.config import AgentConfig
    from pyspan.agent.state import Agent

__all__ = ["run"]

logger = logging.getLogger("pyspan.agent")

EXIT_AT_ONCE = 1
STDOUT, STDERR = 1, 2


def run(config: AgentConfig) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP, then drain.

    Raises:
        ConfigurationError: the spool can't be used.
        StartError: an address is in use.
    """
    _fill_standard_streams()
    configure_logging(config.log_level, config.log_format)
    _raise_file_limit()
    anyio.run(_run, config)


async def _run(config: AgentConfig) -> None:
    with anyio.open_signal_receiver(*_ending_signals()) as signals, open_agent(config) as (agent, listener):
        _announce(agent)
        async with anyio.create_task_group() as tasks:
            shipped = anyio.Event()
            tasks.start_soon(_ship, agent, shipped)
            tasks.start_soon(Watch(agent).run)
            if listener is not None:
                tasks.start_soon(_serve_admin, agent, listener)
            await anext(signals)
            tasks.start_soon(_end_at_once, signals)
            await _drain(agent, shipped)
            tasks.cancel_scope.cancel()
        _say_what_remains(agent)


async def _ship(agent: Agent, shipped: anyio.Event) -> None:
    async with anyio.create_task_group() as tasks:
        for pipeline in agent.pipelines:
            tasks.start_soon(pipeline.run, name=pipeline.name)
    shipped.set()


async def _serve_admin(agent: Agent, listener: socket.socket) -> None:
    from pyspan.agent.admin import AdminServer  # an agent whose admin port is off needs no web server

    await AdminServer(agent).run_on(listener)


async def _drain(agent: Agent, shipped: anyio.Event) -> None:
    """Stop the intake, then give the pipelines what is left of the time; half of it at most is for the intake."""
    timeout = agent.config.shutdown_timeout
    logger.info("draining, for %g s at most; a second signal ends at once", timeout)
    agent.draining = True
    with anyio.move_on_after(timeout):
        if not await anyio.to_thread.run_sync(agent.receivers.stop, timeout / 2):
            logger.warning("some requests under way did not finish in time and are not acknowledged")
        for pipeline in agent.pipelines:
            pipeline.close()
        await shipped.wait()


async def _end_at_once(signals: AsyncIterator[signal.Signals]) -> None:
    number = await anext(signals)
    logger.warning("second signal (%s): ending at once; the spool keeps what is not exported", number.name)
    os._exit(EXIT_AT_ONCE)


def _announce(agent: Agent) -> None:
    text = start_text(agent.config, agent.bound)
    if agent.config.log_format == "json":
        logger.info(text)
        return
    try:
        os.write(STDOUT, f"{text}\n".encode())
    except OSError as error:
        logger.warning("standard output can't be written (%s); it was to say: %s", error.strerror, text)


def _say_what_remains(agent: Agent) -> None:
    for pipeline in agent.pipelines:
        left = pipeline.reader.lag_spans
        again = left - pipeline.ledger.entry().pending
        if left:
            repeated = f", {again} of them for another time" if again > 0 else ""
            logger.warning(
                "%s: %d spans stay in the spool and are sent after the restart%s", pipeline.name, left, repeated
            )
    logger.info("stopped after %.1f s", time.monotonic() - agent.started)


def _ending_signals() -> list[signal.Signals]:
    """Name the signals that ask for the drain; a SIGHUP that nohup had us ignore stays ignored."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if ignored else [signal.SIGHUP])]


def _fill_standard_streams() -> None:
    """Put the null device where a standard stream was closed: else the next file opened there gets what is printed."""
    while (file := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(file)


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets this user have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
