"""Free loopback ports, as the real peers draw them too: no two tests meet."""

from tools.components.ports import free_port

__all__ = ["free_port"]
