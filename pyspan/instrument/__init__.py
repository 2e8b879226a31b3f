"""Tracing of servers, of clients and of logs, without a generic package between: each module by itself.

`asgi` and `wsgi` have a `Middleware`, `httpx` a hook for clients, `logs` the trace on log records.
"""
