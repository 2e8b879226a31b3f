"""The backend of all tests of pains, and the agent process of some."""

from tests.agent.conftest import agent, make_agent, sink

__all__ = ["agent", "make_agent", "sink"]
