"""Opens everything an agent is made of, in order, and closes it in reverse."""

from __future__ import annotations

import contextlib
import logging
import stat
from typing import TYPE_CHECKING

from pyspan._core import Receivers, Spool
from pyspan.agent.dead_letters import DeadLetters
from pyspan.agent.ledger import Ledger
from pyspan.agent.listen import StartError, bind
from pyspan.agent.pipeline import STUCK_FACTOR, Pipeline, window
from pyspan.agent.state import Agent
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from pyspan.agent.config import AgentConfig
    from pyspan.agent.exports import Export

__all__ = ["open_agent"]

logger = logging.getLogger("pyspan.agent")

OTHERS_MAY_LOOK = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH


@contextlib.contextmanager
def open_agent(config: AgentConfig) -> Iterator[tuple[Agent, socket.socket | None]]:
    """Open the spool and its readers, and last the receivers; the admin socket is bound and does not listen yet.

    Raises:
        ConfigurationError: the spool can't be used, or another agent uses it.
        StartError: an address can't be bound, or the disk refuses.
    """
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(bind("admin", config.admin)) if config.admin else None
        with _spool_errors(config):
            spool = _open_spool(config)
            stack.callback(_close_spool, spool)
            pipelines = [_open_pipeline(export, spool, config) for export in config.export]
            for pipeline in pipelines:
                stack.callback(pipeline.ledger.close)
            _release_removed(spool, config)
        agent = Agent(config, spool, _receivers(spool, config), pipelines)
        agent.bound = _start_receivers(agent, admin)
        yield agent, admin


@contextlib.contextmanager
def _spool_errors(config: AgentConfig) -> Iterator[None]:
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{error} (stop it, or give this agent a folder of its own by --spool)") from None
    except OSError as error:
        raise StartError(f"spool = {config.spool}: {error} (make room or mend it, or choose another folder)") from error


def _open_spool(config: AgentConfig) -> Spool:
    spool = Spool(
        config.spool,
        segment_bytes=config.spool_segment_bytes,
        max_bytes=config.spool_max_bytes,
        fsync=config.spool_fsync,
        fsync_interval=config.spool_fsync_interval,
    )
    if (mode := stat.S_IMODE(config.spool.stat().st_mode)) & OTHERS_MAY_LOOK:
        logger.warning(
            "spool = %s: mode %o lets others look into it (chmod 700, unless that is wanted)", config.spool, mode
        )
    return spool


def _close_spool(spool: Spool) -> None:
    try:
        spool.close()
    except OSError as error:
        logger.error("the spool was not synced at the end: %s", error)  # noqa: TRY400


def _open_pipeline(export: Export, spool: Spool, config: AgentConfig) -> Pipeline:
    _ledger_file(config, export.name).parent.mkdir(mode=0o700, exist_ok=True)
    reader = spool.reader(export.name, from_end=_came_back(export, spool, config))
    _removed_ledger(config, export.name).unlink(missing_ok=True)
    dead_letters = DeadLetters(config.spool / "dead-letter", export.name, config.dead_letter_max_bytes)
    ledger = Ledger(_ledger_file(config, export.name), reader, lambda: spool.stats()["accepted_spans"])
    ledger.start(crash_bound=STUCK_FACTOR * window(config) * config.batch_spans)
    return Pipeline(export, reader, ledger=ledger, dead_letters=dead_letters, config=config)


def _ledger_file(config: AgentConfig, exporter: str) -> Path:
    """Name the file of an exporter's ledger."""
    return config.spool / "ledger" / f"{exporter}.ledger"


def _removed_ledger(config: AgentConfig, exporter: str) -> Path:
    """Name the file that the ledger of an exporter becomes once it is no longer configured."""
    return config.spool / "ledger" / f"{exporter}.removed"


def _came_back(export: Export, spool: Spool, config: AgentConfig) -> bool:
    """Tell whether an exporter was removed before: what the spool still holds it has had, or was given up then."""
    came_back = _removed_ledger(config, export.name).exists() and export.name not in spool.reader_names()
    if came_back:
        logger.warning("%s was removed before: it starts with what is received from now on", export.name)
    return came_back


def _release_removed(spool: Spool, config: AgentConfig) -> None:
    """Let go of the offsets and the space of exporters that are no longer configured; their ledgers are kept aside.

    The ledger goes first: where a crash comes between, the offset that is left is dropped at the next start.
    """
    for name in set(spool.reader_names()) - {export.name for export in config.export}:
        pending = spool.reader(name).lag_spans
        with contextlib.suppress(FileNotFoundError):
            _ledger_file(config, name).replace(_removed_ledger(config, name))
        spool.remove_reader(name)
        logger.warning(
            "%s is no longer configured: its offset is dropped, %d spans that it had not exported are given up",
            name,
            pending,
        )


def _receivers(spool: Spool, config: AgentConfig) -> Receivers:
    return Receivers(
        spool,
        otlp_http=str(config.otlp_http) if config.otlp_http else None,
        otlp_grpc=str(config.otlp_grpc) if config.otlp_grpc else None,
        socket=str(config.socket) if config.socket else None,
        max_body_bytes=config.max_body_bytes,
        max_connections=config.max_connections,
        threads=config.receiver_threads,
    )


def _start_receivers(agent: Agent, admin: socket.socket | None) -> dict[str, str]:
    try:
        bound = agent.receivers.start()
    except OSError as error:
        raise StartError(f"{_flag_of(agent.config, str(error))}: {error.strerror or error}") from error
    if admin is not None:
        host, port = admin.getsockname()[:2]
        bound["admin"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return bound


def _flag_of(config: AgentConfig, message: str) -> str:
    """Name the flag whose address a message names."""
    receivers = {"--otlp-http": config.otlp_http, "--otlp-grpc": config.otlp_grpc, "--socket": config.socket}
    return next((flag for flag, address in receivers.items() if address and str(address) in message), "receivers")
