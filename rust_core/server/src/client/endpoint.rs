//! Where a client sends to: the URL, the protocol and what is under it.

use std::path::PathBuf;

use reqwest::Url;

use super::SettingError;
use crate::grpc;

/// The protocols of OTLP that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/HTTP with protobuf bodies.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

impl Protocol {
    /// Reads the name that `OTEL_EXPORTER_OTLP_PROTOCOL` has for it.
    ///
    /// # Errors
    /// When the name is another one.
    pub fn parse(name: &str) -> Result<Self, SettingError> {
        match name {
            "http/protobuf" => Ok(Self::Http),
            "grpc" => Ok(Self::Grpc),
            other => Err(SettingError(format!("OTLP protocol {other:?}: expected \"http/protobuf\" or \"grpc\""))),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Tls,
    Unix(PathBuf),
}

#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) protocol: Protocol,
    pub(super) transport: Transport,
}

impl Endpoint {
    pub(super) fn parse(text: &str, protocol: Protocol) -> Result<Self, SettingError> {
        let fail = |why: &str| SettingError(format!("OTLP endpoint {text:?}: {why}"));
        let given = Url::parse(text).map_err(|error| fail(&error.to_string()))?;
        let transport = match given.scheme() {
            "http" => Transport::Tcp,
            "https" => Transport::Tls,
            "unix" => Transport::Unix(PathBuf::from(given.path())),
            _ => return Err(fail("expected http://, https:// or unix://")),
        };
        let mut url = match transport {
            Transport::Unix(_) => Url::parse("http://localhost/v1/traces").map_err(|error| fail(&error.to_string()))?,
            _ => given,
        };
        if protocol == Protocol::Grpc {
            url.set_path(grpc::EXPORT_PATH);
        }
        Ok(Self { url, protocol, transport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_each_kind_of_endpoint_is_whole() {
        let grpc = Endpoint::parse("http://collector:4317", Protocol::Grpc).unwrap();
        let export = "http://collector:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        assert_eq!((grpc.url.as_str(), grpc.transport), (export, Transport::Tcp));
        let unix = Endpoint::parse("unix:///run/a.sock", Protocol::Http).unwrap();
        let path = Transport::Unix("/run/a.sock".into());
        assert_eq!((unix.url.as_str(), unix.transport), ("http://localhost/v1/traces", path));
    }

    #[test]
    fn an_endpoint_without_a_scheme_is_refused_with_its_value() {
        let error = Endpoint::parse("localhost:4317", Protocol::Grpc).unwrap_err();
        assert_eq!(error.0, "OTLP endpoint \"localhost:4317\": expected http://, https:// or unix://");
    }
}
