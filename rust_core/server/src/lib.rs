//! OTLP receivers (HTTP, gRPC, unix socket) and the OTLP client, on hyper and reqwest.
