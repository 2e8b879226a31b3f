//! The spans that are open, known weakly and only where they are to be exported before they end.

use crate::api;
use crate::recorder::Recorder;
use crate::span::Span;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyspan_core::clock::now_ns;
use pyspan_core::fork;

/// From how many on those that have ended are looked for; then again each time the list has doubled.
const TIDY_AT: usize = 1024;
/// So many open spans are known; a reference takes about 100 bytes.
const MOST: usize = 100_000;

/// A weak list of the spans that have started, from which those that have ended are removed now and then.
pub struct OpenSpans {
    after_ns: u64,
    /// Called with the first span of each process.
    pub on_first: Py<PyAny>,
    generation: Option<u32>,
    known: Vec<Known>,
    tidy_at: usize,
}

struct Known {
    span: Py<PyWeakrefReference>,
    due_ns: u64,
}

impl OpenSpans {
    pub const fn new(after_ns: u64, on_first: Py<PyAny>) -> Self {
        Self { after_ns, on_first, generation: None, known: Vec::new(), tidy_at: TIDY_AT }
    }

    /// Adds a span, unless there are too many; returns true where it is time to tidy.
    fn add(&mut self, span: &Py<PyWeakrefReference>, start_ns: u64, py: Python<'_>) -> bool {
        if self.known.len() < MOST {
            self.known.push(Known { span: span.clone_ref(py), due_ns: start_ns.saturating_add(self.after_ns) });
        }
        self.known.len() >= self.tidy_at
    }

    /// Puts back what is left of the list that was taken out, before what came meanwhile.
    fn put_back(&mut self, mut left: Vec<Known>) {
        left.append(&mut self.known);
        self.known = left;
        self.tidy_at = (self.known.len() * 2).clamp(TIDY_AT, MOST);
    }

    /// Begins anew in a forked child; returns what is to be called, and what is to be dropped, without a borrow.
    fn notice_process(&mut self, py: Python<'_>) -> Option<(Py<PyAny>, Vec<Known>)> {
        if self.generation == Some(fork::generation()) {
            return None;
        }
        self.generation = Some(fork::generation());
        Some((self.on_first.clone_ref(py), std::mem::take(&mut self.known)))
    }
}

/// Takes note of a span that has just started.
#[cold]
pub fn note(recorder: &Recorder, span: &Bound<'_, Span>) -> PyResult<()> {
    try_note(recorder, span).or_else(|error| {
        api::log_exception(span.py(), &recorder.api.logger, "an open span could not be taken note of", error)
    })
}

fn try_note(recorder: &Recorder, span: &Bound<'_, Span>) -> PyResult<()> {
    let py = span.py();
    let weak = PyWeakrefReference::new(span.as_any())?.unbind();
    let start_ns = span.get().state(py).start_ns;
    let (first, untidy) = {
        let mut state = recorder.state.borrow_mut(py);
        let Some(open) = &mut state.open else { return Ok(()) };
        (open.notice_process(py), open.add(&weak, start_ns, py))
    };
    if untidy {
        sweep(recorder, py, Wanted::None);
    }
    first.map_or(Ok(()), |(on_first, _)| on_first.call0(py).map(drop))
}

/// Which open spans a sweep is to return.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    None,
    /// Those that have been open for long enough, and for twice as long as the last time: a day makes a dozen.
    Due,
    All,
}

/// Removes what has ended and returns the sampled spans that are wanted. References are let go of without a borrow:
/// the last one of a span may be ours.
pub fn sweep(recorder: &Recorder, py: Python<'_>, wanted: Wanted) -> Vec<Py<Span>> {
    let taken = recorder.state.borrow_mut(py).open.as_mut().map(|open| std::mem::take(&mut open.known));
    let now = now_ns();
    let (mut left, mut chosen) = (Vec::new(), Vec::new());
    for mut known in taken.unwrap_or_default() {
        let Some(span) = known.open_span(py) else { continue };
        if wanted == Wanted::All || (wanted == Wanted::Due && known.due_ns <= now) {
            known.due_ns = now.saturating_add(now.saturating_sub(span.get().state(py).start_ns));
            chosen.push(span.unbind());
        }
        left.push(known);
    }
    if let Some(open) = recorder.state.borrow_mut(py).open.as_mut() {
        open.put_back(left);
    }
    chosen
}

impl Known {
    /// Returns the span while it is to be exported once it ends.
    fn open_span<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Span>> {
        let span = self.span.bind(py).upgrade()?.cast_into_exact::<Span>().ok()?;
        let is_open = span.get().state(py).is_open();
        (is_open && span.get().is_sampled(py)).then_some(span)
    }
}
