"""The stage that sends again what failed for now."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from pyspan.errors import MalformedError, PermanentError, RefusedError, RetryableError

if TYPE_CHECKING:
    from pyspan._core import Batch
    from pyspan.config import RetrySettings
    from pyspan.pipeline.exporter import Stage
    from pyspan.pipeline.stats import Stats

__all__ = ["Retrying"]

# A receiver that asks for more is taken to be mistaken: nobody plans to be away for longer and says so.
LONGEST_RETRY_AFTER = 600.0
# A batch that fails so often while others pass is at fault itself.
MOST_TRIES = 5


class Retrying:
    """Repeats an export until it is taken or refused for good; whoever sets a deadline cancels it.

    Where delivery never gives up, a receiver that refuses everything is asked again as well: the data is kept until
    somebody has put the settings right.
    """

    def __init__(
        self,
        exporter: Stage,
        settings: RetrySettings,
        stats: Stats,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._exporter = exporter
        self._settings = settings
        self._stats = stats
        self._jitter = jitter

    async def export(self, batch: Batch) -> None:
        """Deliver the batch.

        Raises:
            PermanentError: the receiver refused the batch for good, or it cannot be read.
            RetryableError: it has failed `MOST_TRIES` times while others passed.
        """
        attempt, taken = 0, self._stats.batches
        while (pause := await self._try(batch, attempt, taken)) is not None:
            await anyio.sleep(pause)
            attempt += 1
            self._stats.retried += len(batch)

    async def _try(self, batch: Batch, attempt: int, taken: int) -> float | None:
        """Return the pause before the next attempt, None after a success; `taken` requests were taken at the start."""
        begun = time.monotonic()
        try:
            await self._exporter.export(batch)
        except RetryableError as error:
            self._stats.fail(error.status, str(error))
            if attempt + 1 >= MOST_TRIES and self._stats.batches > taken:
                raise
            return self._pause(attempt, error.retry_after)
        except PermanentError as error:
            self._stats.fail(error.status, str(error))
            if self._settings.give_up_after is not None or not isinstance(error, RefusedError):
                raise
            return self._pause(attempt, None)
        except anyio.get_cancelled_exc_class():  # the time for the batch is up, or for all, and the receiver silent
            waited = time.monotonic() - begun
            self._stats.fail("timeout", f"no answer in the {waited:.1f} s that were left for it")
            raise
        except MalformedError as error:
            self._stats.fail("malformed", str(error))
            raise PermanentError(f"the batch cannot be read: {error}", status="malformed") from error
        except Exception as error:  # noqa: BLE001 - a fault in an exporter must neither end the worker nor lose the batch
            self._stats.fail("unexpected", f"the exporter failed unexpectedly: {error!r}")
            return self._pause(attempt, None)
        self._stats.deliver(len(batch))
        return None

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        longest = min(self._settings.longest_pause, self._settings.first_pause * 2.0 ** min(attempt, 30))
        return max(self._jitter() * longest, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
