"""The Kafka exporter: one record a trace, acknowledged by all replicas, over aiokafka."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

import anyio

from pyspan.errors import ConfigurationError, PermanentError, PyspanError, RefusedError, RetryableError

try:
    from aiokafka import AIOKafkaProducer
    from aiokafka import errors as kafka_errors
except ImportError as error:
    raise ConfigurationError(
        f"the Kafka exporter needs aiokafka ({error}); run: pip install 'pyspan-tracing[kafka]'"
    ) from error

from pyspan.pipeline.kafka_batches import pack
from pyspan.pipeline.kafka_delivery import Delivery, Sent

if TYPE_CHECKING:
    import ssl

    from pyspan._core import Batch
    from pyspan.config import KafkaSettings

__all__ = ["KafkaExporter"]

# Batches that failed and come again are known by identity; those that never come again are forgotten beyond this many.
MOST_UNFINISHED = 64
STOP_TIMEOUT = 5.0
REQUEST_TIMEOUT_MS = 10_000
# aiokafka logs each failed try; by its own 100 ms a broker that is away fills the application's log.
RETRY_BACKOFF_MS = 500

REFUSALS = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.InvalidTopicError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.UnsupportedSaslMechanismError,
)


class KafkaExporter:
    """Sends the traces of a batch to a topic and waits for the acknowledgement of all in-sync replicas.

    The producer is idempotent, connects on the first batch, and is made anew when the broker has fenced it off.

    Raises:
        ConfigurationError: aiokafka or its compression library is not installed, or a certificate cannot be read.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._ssl = settings.security.ssl_context()
        self._limit = settings.max_record_bytes
        self._producer: AIOKafkaProducer | None = None
        self._starting = anyio.Lock()
        self._unfinished: OrderedDict[int, Delivery] = OrderedDict()

    async def export(self, batch: Batch) -> None:
        """Send the batch; one that comes again after a RetryableError goes on where it was.

        Raises:
            RetryableError: no acknowledgement in time, or the brokers are away.
            RefusedError: unknown topic, or not allowed.
            PermanentError: single spans are above the record limit; the others have arrived.
        """
        delivery = self._unfinished.pop(id(batch), None) or Delivery(batch, self._limit)
        try:
            await self._deliver(delivery)
        except PyspanError:
            self._remember(delivery)
            raise
        refused = delivery.refused()
        if refused is not None:
            raise PermanentError(
                f"{len(refused)} spans are each above the Kafka record limit of {self._limit} bytes",
                status="kafka_size",
                batch=refused,
            )

    async def aclose(self) -> None:
        """Close the connections; what was not acknowledged is given up after a few seconds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _deliver(self, delivery: Delivery) -> None:
        producer = await self._started()
        while delivery.advance():
            try:
                await self._send(producer, delivery)
                await self._wait(delivery)
                error = delivery.settle()
            except (kafka_errors.KafkaError, OSError) as failure:
                error = failure
            self._limit = min(self._limit, delivery.limit)
            if error is not None:
                await self._replace(producer, error)
                raise self._translate(error) from error

    async def _send(self, producer: AIOKafkaProducer, delivery: Delivery) -> None:
        topic = self._settings.topic
        partitions = sorted(await producer.partitions_for(topic))
        packed = pack(producer, delivery.take(), partitions, delivery.limit)
        try:
            while packed:
                acknowledged = await producer.send_batch(packed[0].builder, topic, partition=packed[0].partition)
                acknowledged.add_done_callback(_retrieve)
                delivery.sent.append(Sent(packed.pop(0).records, acknowledged))
        finally:
            delivery.todo += [record for rest in packed for record in rest.records]

    async def _wait(self, delivery: Delivery) -> None:
        timeout = self._settings.delivery_timeout
        if not delivery.sent:
            return
        _, pending = await asyncio.wait([sent.acknowledged for sent in delivery.sent], timeout=timeout)
        if pending:
            raise RetryableError(f"{self._name()} did not acknowledge within {timeout} s", status="kafka_timeout")

    def _remember(self, delivery: Delivery) -> None:
        self._unfinished[id(delivery.batch)] = delivery
        if len(self._unfinished) > MOST_UNFINISHED:
            self._unfinished.popitem(last=False)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start()
            return self._producer

    async def _start(self) -> AIOKafkaProducer:
        producer = _producer(self._settings, self._ssl)
        try:
            with anyio.fail_after(self._settings.delivery_timeout):
                await producer.start()
        except BaseException as error:
            await _stop(producer)
            if isinstance(error, kafka_errors.KafkaError | OSError):  # TimeoutError is one
                raise self._translate(error) from error
            raise
        return producer

    async def _replace(self, producer: AIOKafkaProducer, error: Exception) -> None:
        """Let go of a producer that will not work again, such as one that was fenced off."""
        passing = isinstance(error, (*REFUSALS, OSError, kafka_errors.KafkaTimeoutError))
        if not passing and not getattr(error, "retriable", False) and self._producer is producer:
            self._producer = None
            await _stop(producer)

    def _translate(self, error: Exception) -> PyspanError:
        status = f"kafka_{type(error).__name__}"
        if isinstance(error, kafka_errors.UnknownTopicOrPartitionError):
            return RefusedError(f"{self._name()} has no such topic (create it)", status=status)
        if isinstance(error, REFUSALS):
            check = f"check {self._settings.origin} and the ACLs"
            return RefusedError(f"{self._name()} refused us: {error!r} ({check})", status=status)
        # aiokafka takes a broker that refuses name and password for one that is away.
        check = f" (check {self._settings.origin})" if isinstance(error, kafka_errors.KafkaConnectionError) else ""
        return RetryableError(f"{self._name()} failed: {error!r}{check}", status=status)

    def _name(self) -> str:
        return f"Kafka topic {self._settings.topic} at {','.join(self._settings.brokers)}"


def _producer(settings: KafkaSettings, context: ssl.SSLContext | None) -> AIOKafkaProducer:
    try:
        return AIOKafkaProducer(
            bootstrap_servers=list(settings.brokers),
            client_id="pyspan",
            acks="all",
            enable_idempotence=True,
            compression_type=None if settings.compression == "none" else settings.compression,
            max_batch_size=2 * settings.max_record_bytes,
            max_request_size=2 * settings.max_record_bytes,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            security_protocol=settings.security.security_protocol,
            ssl_context=context,
            sasl_mechanism=settings.security.sasl_mechanism,
            sasl_plain_username=settings.security.sasl_username,
            sasl_plain_password=settings.security.sasl_password,
        )
    except RuntimeError as error:  # aiokafka's word for a missing compression library
        raise ConfigurationError(f"{error}; run: pip install 'pyspan-tracing[kafka]'") from error


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop by a deadline and also while cancelled: aiokafka would flush to brokers that are away for ever."""
    with anyio.move_on_after(STOP_TIMEOUT, shield=True):
        await producer.stop()


def _retrieve(acknowledged: asyncio.Future[object]) -> None:
    """Keep asyncio from complaining about an error that nobody waited for any more."""
    if not acknowledged.cancelled():
        acknowledged.exception()
