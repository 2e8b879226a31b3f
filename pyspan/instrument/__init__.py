"""Tracing of servers, of clients and of logs, without a generic package between: each module by itself.

`asgi` and `wsgi` have a `Middleware`; `httpx`, `requests` and `aiohttp` are hooks for clients; `logs` puts the trace on
log records.
"""
