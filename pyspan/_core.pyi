"""Types of the native extension, class by class as in rust_core/python/src."""

from typing import final

VERSION: str

@final
class Batch:
    """One encoded ExportTraceServiceRequest on its way to an exporter; immutable."""

    def __len__(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def nbytes(self) -> int: ...
