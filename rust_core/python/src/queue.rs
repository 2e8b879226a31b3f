//! `SpanQueue`: the bounded queue between recorders and a worker.

use crate::batch::Batch;
use crate::cell::GilCell;
use crate::recorder;
use crate::span::Span;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyspan_core::queue::{Pushed, Queue, Settings};
use std::time::{Duration, Instant};

/// How often a thread that waits for room looks whether there is some: the worker takes a batch in about this time.
const LOOK_FOR_ROOM: Duration = Duration::from_micros(500);

/// A bounded queue of encoded spans; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan._core")]
pub struct SpanQueue {
    pub inner: GilCell<Queue>,
    block_timeout: Option<Duration>,
    on_first_span: GilCell<Option<Py<PyAny>>>,
}

#[pymethods]
impl SpanQueue {
    #[new]
    #[pyo3(signature = (*, max_spans, max_bytes, batch_spans, batch_bytes, block_timeout=None))]
    fn new(
        max_spans: usize,
        max_bytes: usize,
        batch_spans: usize,
        batch_bytes: usize,
        block_timeout: Option<f64>,
    ) -> PyResult<Self> {
        let settings = Settings { max_spans, max_bytes, batch_spans: batch_spans.min(max_spans), batch_bytes };
        if [max_spans, max_bytes, batch_spans, batch_bytes].contains(&0) {
            return Err(PyValueError::new_err(format!("queue limits must be positive, got {settings:?}")));
        }
        let block_timeout = block_timeout.map(Duration::try_from_secs_f64).transpose();
        let block_timeout = block_timeout.map_err(|error| PyValueError::new_err(format!("block_timeout: {error}")))?;
        let inner = GilCell::new(Queue::new(settings)?);
        Ok(Self { inner, block_timeout, on_first_span: GilCell::new(None) })
    }

    fn fileno(&self, py: Python<'_>) -> i32 {
        self.inner.borrow_mut(py).fileno()
    }

    fn wake(&self, py: Python<'_>) {
        self.inner.borrow_mut(py).wake();
    }

    fn clear_wakeup(&self, py: Python<'_>) {
        self.inner.borrow_mut(py).clear_wakeup();
    }

    #[pyo3(signature = (partial=false))]
    fn take(&self, py: Python<'_>, partial: bool) -> Option<Batch> {
        // Letting other threads run meanwhile would take longer: where there is one scope, a frame is its head.
        self.inner.borrow_mut(py).take(partial).map(|chunk| Batch::from(chunk.frame()))
    }

    fn ready(&self, py: Python<'_>) -> bool {
        self.inner.borrow_mut(py).ready()
    }

    fn push(&self, span: &Bound<'_, Span>) -> PyResult<bool> {
        recorder::push(span, self)
    }

    #[pyo3(signature = (span, bare=false))]
    fn push_open(&self, span: &Bound<'_, Span>, bare: bool) -> bool {
        recorder::push_open(span, self, bare)
    }

    fn on_first_span(&self, py: Python<'_>, callback: Py<PyAny>) {
        let replaced = self.on_first_span.borrow_mut(py).replace(callback);
        drop(replaced);
    }

    fn ask_again(&self, py: Python<'_>) {
        self.inner.borrow_mut(py).ask_again();
    }

    fn close(&self, py: Python<'_>) {
        self.inner.borrow_mut(py).close();
    }

    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.inner.borrow_mut(py).counts();
        let dict = PyDict::new(py);
        dict.set_item("queued_spans", counts.queued_spans)?;
        dict.set_item("queued_bytes", counts.queued_bytes)?;
        dict.set_item("accepted", counts.accepted)?;
        dict.set_item("taken", counts.taken)?;
        dict.set_item("dropped_queue_full", counts.dropped_queue_full)?;
        dict.set_item("dropped_too_large", counts.dropped_too_large)?;
        dict.set_item("dropped_after_shutdown", counts.dropped_after_shutdown)?;
        dict.set_item("left_to_parent", counts.left_to_parent)?;
        Ok(dict)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.on_first_span.try_borrow_for_gc().as_deref().map_or(Ok(()), |callback| visit.call(callback))
    }

    fn __clear__(&self) {
        let callback = self.on_first_span.try_borrow_mut_for_gc().and_then(|mut callback| callback.take());
        drop(callback);
    }
}

impl SpanQueue {
    /// Puts a span in by the queue's policy: `push` tries once; true when it is in. No cell may be borrowed: the lock of
    /// the interpreter is released while waiting, and the worker's start is Python.
    #[inline]
    pub fn put(&self, py: Python<'_>, push: impl Fn() -> Pushed) -> PyResult<bool> {
        Ok(match push() {
            Pushed::Queued => true,
            Pushed::First => self.start_worker(py),
            Pushed::Closed | Pushed::TooLarge => false,
            Pushed::Full(len) => return self.put_when_there_is_room(py, len, &push),
        })
    }

    /// As [`Self::put`] without waiting: a full queue drops the span at once.
    pub fn put_now(&self, py: Python<'_>, push: impl Fn() -> Pushed) -> bool {
        match push() {
            Pushed::Queued => true,
            Pushed::First => self.start_worker(py),
            Pushed::Closed | Pushed::TooLarge => false,
            Pushed::Full(_) => {
                self.inner.borrow_mut(py).count_full();
                false
            }
        }
    }

    #[cold]
    fn put_when_there_is_room(&self, py: Python<'_>, len: usize, push: &dyn Fn() -> Pushed) -> PyResult<bool> {
        let since = Instant::now();
        let waited = loop {
            match self.wait_for_room(py, len, since) {
                Ok(true) => {}
                waited => break waited,
            }
            match push() {
                Pushed::Full(_) => {}
                pushed => return Ok(matches!(pushed, Pushed::Queued | Pushed::First)),
            }
        };
        self.inner.borrow_mut(py).count_full();
        waited
    }

    /// Waits until there is room or the time for it, counted from `since`, is over; false when it is. It looks now and
    /// then, also for signals: a lock to wait on would be one more to hold across forks.
    fn wait_for_room(&self, py: Python<'_>, len: usize, since: Instant) -> PyResult<bool> {
        loop {
            let left = self.block_timeout.unwrap_or_default().saturating_sub(since.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if self.inner.borrow_mut(py).make_room(len) {
                return Ok(true);
            }
            py.detach(|| std::thread::sleep(left.min(LOOK_FOR_ROOM)));
            py.check_signals()?;
        }
    }

    #[cold]
    fn start_worker(&self, py: Python<'_>) -> bool {
        let callback = self.on_first_span.borrow(py).as_ref().map(|callback| callback.clone_ref(py));
        if let Some(Err(error)) = callback.map(|callback| callback.call0(py)) {
            error.write_unraisable(py, None);
        }
        true
    }
}
