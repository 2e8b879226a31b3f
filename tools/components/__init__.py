"""Real peers that tests and the demo start: Kafka, the OpenTelemetry Collector, Zipkin. Standard library only."""
