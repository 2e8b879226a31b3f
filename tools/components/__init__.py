"""Real peers that tests and the demo start: Kafka, the Collector, Jaeger, Chromium. Standard library only."""

from tools.components._cache import MissingToolchainError
from tools.components._process import Process
from tools.components.ports import free_port, port_open

__all__ = ["MissingToolchainError", "Process", "free_port", "port_open"]
