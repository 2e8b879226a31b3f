"""The drop-in for `opentelemetry.sdk`: a port is one changed import prefix."""
