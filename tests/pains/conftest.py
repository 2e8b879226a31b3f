"""What the tests of pains share with those of a real agent process."""

from tests.agent.conftest import agent, make_agent, sink

__all__ = ["agent", "make_agent", "sink"]
