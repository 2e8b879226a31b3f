"""The sidecar `pyspan-agent`: OTLP in, a spool on disk, any number of exporters out."""
