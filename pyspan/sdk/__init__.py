"""The drop-in for `opentelemetry.sdk`: a port of what traces is one changed import prefix."""
