"""Async workers that take batches from a source and ship them by an exporter.

Read `source` and `exporter` (the two roles), `worker`, then the stages `bisect` and `retry`; `background`
runs it all for an application. Nothing is imported here, so that starting a worker is the first thing that costs.
"""
