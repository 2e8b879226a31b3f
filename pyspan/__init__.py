"""Python tracing with a Rust hot path."""
