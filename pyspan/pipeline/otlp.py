"""The OTLP exporter: HTTP and gRPC, over the native client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pyspan._core import OtlpClient
from pyspan.config import read_pem
from pyspan.config.redaction import redact
from pyspan.pipeline.otlp_replies import error_of

if TYPE_CHECKING:
    from pyspan._core import Batch, OtlpReply
    from pyspan.config import OtlpSettings
    from pyspan.pipeline.stats import Stats

__all__ = ["OtlpExporter"]

NO_OTLP = "the reply is no OTLP response"  # so begins what the native client says of another server's success


class OtlpExporter:
    """Sends batches to one OTLP receiver; compression and I/O run on native threads.

    Raises:
        ConfigurationError: a certificate file cannot be read.
    """

    def __init__(self, settings: OtlpSettings, stats: Stats) -> None:
        self._endpoint = redact(settings.endpoint)
        self._origins = settings.origins
        self._timeout = settings.timeout
        self._stats = stats
        self._client = OtlpClient(
            settings.endpoint,
            protocol=settings.protocol,
            headers=dict(settings.headers),
            compression=settings.compression,
            certificate=_pem(settings.certificate, "CERTIFICATE"),
            client_certificate=_pem(settings.client_certificate, "CLIENT_CERTIFICATE"),
            client_key=_pem(settings.client_key, "CLIENT_KEY"),
        )

    async def export(self, batch: Batch) -> None:
        """Send the batch; spans that a partial success rejects are counted and not sent again (OTLP spec).

        A success that says something else, a warning or what is no OTLP at all, is counted as `odd_reply` and logged.
        """
        reply = await self._reply(batch)
        error = error_of(reply, self._endpoint, self._origins)
        if error is not None:
            raise error
        self._stats.odd = reply.message.startswith(NO_OTLP)
        if reply.rejected_spans:
            self._stats.reject(min(reply.rejected_spans, len(batch)), redact(reply.message))
        elif reply.message:
            self._stats.fail("odd_reply", f"{self._endpoint} took a batch and said: {redact(reply.message)}")

    async def aclose(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _reply(self, batch: Batch) -> OtlpReply:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[OtlpReply] = loop.create_future()

        def done(reply: OtlpReply) -> None:  # on a native thread
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, arrived, reply)

        call = self._client.submit(batch, self._timeout, done)
        try:
            return await arrived
        finally:
            call.cancel()


def _settle(arrived: asyncio.Future[OtlpReply], reply: OtlpReply) -> None:
    if not arrived.done():
        arrived.set_result(reply)


def _pem(path: str | None, name: str) -> bytes | None:
    return read_pem(path, f"OTEL_EXPORTER_OTLP_{name}") if path else None
