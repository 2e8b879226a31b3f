//! `Receivers`: the OTLP listeners of the agent in front of a spool.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyspan_server::receive::{self, Intake, Limits, Settings, SpoolIntake};

use crate::spool::Spool;

/// OTLP over HTTP, gRPC and a unix socket; served by threads of their own from start to stop.
#[pyclass(frozen, module = "pyspan._core")]
pub struct Receivers {
    settings: Settings,
    intake: Arc<dyn Intake>,
    running: Mutex<Option<Arc<receive::Receivers>>>,
}

#[pymethods]
impl Receivers {
    #[new]
    #[pyo3(signature = (spool, *, otlp_http, otlp_grpc, socket, max_body_bytes, max_connections, threads))]
    fn new(
        spool: &Spool,
        otlp_http: Option<String>,
        otlp_grpc: Option<String>,
        socket: Option<PathBuf>,
        max_body_bytes: usize,
        max_connections: u32,
        threads: usize,
    ) -> Self {
        let limits = Limits { body_bytes: max_body_bytes, connections: max_connections, ..Limits::default() };
        let intake = Arc::new(SpoolIntake::new(Arc::clone(spool.inner())));
        let settings = Settings { otlp_http, otlp_grpc, socket, threads, limits };
        Self { settings, intake, running: Mutex::new(None) }
    }

    fn start(&self, py: Python<'_>) -> PyResult<BTreeMap<&'static str, String>> {
        py.detach(|| {
            let mut running = self.running.lock();
            if running.is_some() {
                return Err(PyRuntimeError::new_err("the receivers were started before"));
            }
            let started = receive::Receivers::start(&self.settings, &self.intake).map_err(|error| os_error(&error))?;
            let bound = started.addresses().map(|(name, address)| (name, address.to_owned())).collect();
            *running = Some(Arc::new(started));
            Ok(bound)
        })
    }

    fn stop(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout)
            .map_err(|error| PyValueError::new_err(format!("timeout {timeout}: {error}")))?;
        Ok(py.detach(|| self.running().is_none_or(|running| running.stop(timeout))))
    }

    fn stats(&self, py: Python<'_>) -> BTreeMap<String, u64> {
        py.detach(|| self.running().map(|running| counts(&running))).unwrap_or_default()
    }
}

impl Receivers {
    /// Without the lock held, so that counts can be read while the receivers stop.
    fn running(&self) -> Option<Arc<receive::Receivers>> {
        self.running.lock().clone()
    }
}

fn counts(running: &receive::Receivers) -> BTreeMap<String, u64> {
    let of = |name, stats: &receive::Stats| {
        stats.snapshot().into_iter().map(move |(counter, count)| (format!("{name}.{counter}"), count))
    };
    running.stats().flat_map(|(name, stats)| of(name, stats)).collect()
}

fn os_error(error: &io::Error) -> PyErr {
    match errno(error.kind()) {
        Some(number) => PyOSError::new_err((number, error.to_string())),
        None => PyOSError::new_err(error.to_string()),
    }
}

/// The message names the address, for which it had to leave the number behind.
fn errno(kind: io::ErrorKind) -> Option<i32> {
    match kind {
        io::ErrorKind::AddrInUse => Some(libc::EADDRINUSE),
        io::ErrorKind::AddrNotAvailable => Some(libc::EADDRNOTAVAIL),
        io::ErrorKind::PermissionDenied => Some(libc::EACCES),
        io::ErrorKind::NotFound => Some(libc::ENOENT),
        io::ErrorKind::AlreadyExists => Some(libc::EEXIST),
        _ => None,
    }
}
