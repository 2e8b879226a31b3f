//! `OtlpClient`: sends batches to an OTLP receiver and reports what came of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyspan_core::otlp::batch;
use pyspan_core::otlp::compress::Algorithm;
use pyspan_server::client::{self, Protocol, Reply, SettingError, Settings, Tls};
use pyspan_server::runtime::{self, AbortHandle};

use crate::batch::Batch;
use crate::callback;

/// How long a blocking export may leave a signal such as Ctrl-C waiting.
const SIGNAL_CHECK: Duration = Duration::from_millis(100);

/// A client of one OTLP endpoint; usable from any thread and in forked children.
#[pyclass(frozen, module = "pyspan._core")]
pub struct OtlpClient {
    inner: Arc<client::OtlpClient>,
}

#[pymethods]
impl OtlpClient {
    #[new]
    #[pyo3(signature = (endpoint, *, protocol, headers, compression, certificate=None, client_certificate=None, client_key=None))]
    fn new(
        endpoint: String,
        protocol: &str,
        headers: BTreeMap<String, String>,
        compression: &str,
        certificate: Option<Vec<u8>>,
        client_certificate: Option<Vec<u8>>,
        client_key: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let settings = Settings {
            endpoint,
            protocol: Protocol::parse(protocol).map_err(value_error)?,
            headers: headers.into_iter().collect(),
            compression: algorithm(compression)?,
            tls: Tls { certificate, client_certificate, client_key },
        };
        let inner = client::OtlpClient::new(settings).map_err(value_error)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    fn submit(&self, batch: &Bound<'_, Batch>, timeout: f64, done: Py<PyAny>) -> PyResult<OtlpCall> {
        let timeout = duration(timeout)?;
        let (client, payload) = (Arc::clone(&self.inner), payload(batch));
        let task = runtime::shared().spawn(async move {
            let reply = client.export(payload, timeout).await;
            callback::call(&done, OtlpReply(reply));
        });
        Ok(OtlpCall(task.abort_handle()))
    }

    fn export(&self, py: Python<'_>, batch: &Bound<'_, Batch>, timeout: f64) -> PyResult<OtlpReply> {
        let timeout = duration(timeout)?;
        let (client, payload) = (Arc::clone(&self.inner), payload(batch));
        let (sender, receiver) = sync_channel(1);
        let task = runtime::shared().spawn(async move {
            // the other end is gone only when a signal ended the wait
            let _ = sender.send(client.export(payload, timeout).await);
        });
        wait(py, receiver).inspect_err(|_| task.abort()).map(OtlpReply)
    }

    fn close(&self) {
        self.inner.close();
    }

    fn __repr__(&self) -> String {
        format!("OtlpClient({:?})", self.inner.url())
    }
}

/// An export under way.
#[pyclass(frozen, module = "pyspan._core")]
pub struct OtlpCall(AbortHandle);

#[pymethods]
impl OtlpCall {
    fn cancel(&self) {
        self.0.abort();
    }
}

/// What came of one export.
#[pyclass(frozen, module = "pyspan._core")]
pub struct OtlpReply(Reply);

#[pymethods]
impl OtlpReply {
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.as_str()
    }

    #[getter]
    fn code(&self) -> u32 {
        self.0.code
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn retry_after(&self) -> Option<f64> {
        self.0.retry_after.map(|delay| delay.as_secs_f64())
    }

    #[getter]
    fn rejected_spans(&self) -> u64 {
        self.0.rejected_spans
    }

    #[getter]
    fn sent_bytes(&self) -> usize {
        self.0.sent_bytes
    }

    fn __repr__(&self) -> String {
        let Reply { kind, code, message, retry_after, rejected_spans, sent_bytes } = &self.0;
        format!(
            "OtlpReply(kind={:?}, code={code}, message={message:?}, retry_after={retry_after:?}, \
             rejected_spans={rejected_spans}, sent_bytes={sent_bytes})",
            kind.as_str()
        )
    }
}

/// Lends a batch to the client without a copy.
struct Lent(Arc<batch::Batch>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0.data
    }
}

fn payload(batch: &Bound<'_, Batch>) -> Bytes {
    Bytes::from_owner(Lent(Arc::clone(batch.get().inner())))
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
fn wait(py: Python<'_>, receiver: Receiver<Reply>) -> PyResult<Reply> {
    py.detach(move || {
        loop {
            match receiver.recv_timeout(SIGNAL_CHECK) {
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals())?,
                Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("the export was dropped")),
            }
        }
    })
}

fn algorithm(name: &str) -> PyResult<Algorithm> {
    let expected = || PyValueError::new_err(format!("compression {name:?}: expected \"none\", \"gzip\" or \"zstd\""));
    Algorithm::named(name).ok_or_else(expected)
}

fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(format!("timeout {seconds}: {error}")))
}

fn value_error(error: SettingError) -> PyErr {
    PyValueError::new_err(error.0)
}
