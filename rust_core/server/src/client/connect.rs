//! The connection pool of a client, and when it must be replaced.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Certificate, Client, Identity, redirect};

use super::endpoint::{Endpoint, Protocol, Transport};
use super::{SettingError, Tls};

/// Unacknowledged bytes for this long mean that the peer is gone, though nothing was said.
const PEER_GONE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    used: Arc<AtomicBool>,
}

impl Connection {
    pub(super) fn new(endpoint: &Endpoint, tls: &Tls) -> Result<Self, SettingError> {
        let mut builder =
            Client::builder().redirect(redirect::Policy::none()).referer(false).tcp_user_timeout(PEER_GONE);
        if endpoint.protocol == Protocol::Grpc {
            builder = builder.http2_prior_knowledge();
        }
        builder = match &endpoint.transport {
            Transport::Tls => secure(builder, tls)?,
            // no certificates: reading the platform's takes milliseconds and plain text needs none
            Transport::Tcp => builder.tls_certs_only([]),
            Transport::Unix(path) => builder.tls_certs_only([]).no_proxy().unix_socket(path.as_path()),
        };
        let client = builder.build().map_err(|error| SettingError(describe(error)))?;
        Ok(Self { client, used: Arc::default() })
    }

    pub(super) fn was_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

/// Names the cryptography for `https://`: an application's own choice stays, ours is the default where there is none.
///
/// Not left to the first connection: a fork in the middle of it would leave the child waiting for the parent's thread.
pub(super) fn name_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Says an error with its causes, without repeating what a cause already says, and without the URL and its secrets.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = inner.source();
    }
    text
}

fn secure(mut builder: reqwest::ClientBuilder, tls: &Tls) -> Result<reqwest::ClientBuilder, SettingError> {
    let fail = |what: &str, error| SettingError(format!("{what}: {}", describe(error)));
    if let Some(pem) = &tls.certificate {
        let roots = Certificate::from_pem_bundle(pem).map_err(|error| fail("certificate", error))?;
        if roots.is_empty() {
            return Err(SettingError("certificate: no PEM certificate in it".into()));
        }
        builder = builder.tls_certs_only(roots);
    }
    match (&tls.client_certificate, &tls.client_key) {
        (None, None) => Ok(builder),
        (Some(certificate), Some(key)) => {
            let pem = [key.as_slice(), b"\n", certificate.as_slice()].concat();
            let identity = Identity::from_pem(&pem).map_err(|error| fail("client certificate or key", error))?;
            Ok(builder.identity(identity))
        }
        _ => Err(SettingError("client certificate and client key: both are needed, one is missing".into())),
    }
}
