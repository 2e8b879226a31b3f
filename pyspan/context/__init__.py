"""The current context where Python does not carry it: over the steps of generators, into threads and processes."""
