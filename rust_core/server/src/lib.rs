//! OTLP receivers (HTTP, gRPC, unix socket) and the OTLP client, on hyper and reqwest.

pub mod client;
pub mod grpc;
pub mod receive;
pub mod rpc;
pub mod runtime;
