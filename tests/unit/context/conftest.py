"""What `configure()` changes, as an application finds it."""

from tests.unit.sdk.conftest import unconfigured

__all__ = ["unconfigured"]
