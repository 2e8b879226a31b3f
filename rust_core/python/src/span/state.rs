//! What a span object holds.

use crate::current::Attached;
use crate::encode;
use crate::trace_state::SharedTraceState;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyspan_core::context::SpanContext;
use pyspan_core::fork;
use pyspan_core::span::{Body, Header, StatusCode};
use std::cell::RefCell;

/// How a span behaves as a context manager.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are the API's four separate arguments")]
pub struct Options {
    pub record_exception: bool,
    pub set_status_on_exception: bool,
    pub end_on_exit: bool,
    /// Made by `start_as_current_span`: starts and becomes current when it is entered.
    pub current: bool,
}

/// What was asked for when the span was made.
#[derive(Default)]
pub struct Request<'py> {
    pub context: Option<Bound<'py, PyAny>>,
    pub attributes: Option<Bound<'py, PyAny>>,
    pub links: Option<Bound<'py, PyAny>>,
    pub start_time: Option<Bound<'py, PyAny>>,
}

impl Request<'_> {
    pub const fn is_empty(&self) -> bool {
        self.context.is_none() && self.attributes.is_none() && self.links.is_none() && self.start_time.is_none()
    }
}

/// A [`Request`] kept until the span is entered.
#[derive(Default)]
pub struct Pending {
    pub context: Option<Py<PyAny>>,
    pub attributes: Option<Py<PyAny>>,
    pub links: Option<Py<PyAny>>,
    pub start_time: Option<Py<PyAny>>,
}

impl Pending {
    /// Takes what was kept; a span that was asked for nothing is the rule.
    #[inline]
    pub fn take<'py>(&mut self, py: Python<'py>) -> Request<'py> {
        let is_empty =
            self.context.is_none() && self.attributes.is_none() && self.links.is_none() && self.start_time.is_none();
        if is_empty { Request::default() } else { std::mem::take(self).into_request(py) }
    }

    pub fn keep(request: Request<'_>) -> Self {
        Self {
            context: request.context.map(Bound::unbind),
            attributes: request.attributes.map(Bound::unbind),
            links: request.links.map(Bound::unbind),
            start_time: request.start_time.map(Bound::unbind),
        }
    }

    fn into_request(self, py: Python<'_>) -> Request<'_> {
        let bind = |kept: Option<Py<PyAny>>| kept.map(|kept| kept.into_bound(py));
        Request {
            context: bind(self.context),
            attributes: bind(self.attributes),
            links: bind(self.links),
            start_time: bind(self.start_time),
        }
    }

    pub fn request<'py>(&self, py: Python<'py>) -> Request<'py> {
        let bind = |kept: &Option<Py<PyAny>>| kept.as_ref().map(|kept| kept.bind(py).clone());
        Request {
            context: bind(&self.context),
            attributes: bind(&self.attributes),
            links: bind(&self.links),
            start_time: bind(&self.start_time),
        }
    }
}

/// The parent of a span, as far as its children need it.
#[derive(Clone)]
pub struct Parent {
    pub context: SpanContext,
    pub trace_state: SharedTraceState,
    /// True when the caller left it to us whether to sample.
    pub deferred: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Unstarted,
    Live,
    Ended,
}

#[expect(clippy::struct_field_names, reason = "trace state is the W3C's word")]
pub struct State {
    pub phase: Phase,
    pub recording: bool,
    /// The process that started it, as [`fork::generation`] counts them.
    pub generation: u32,
    pub status: StatusCode,
    pub name: Py<PyString>,
    pub context: Option<SpanContext>,
    pub trace_state: SharedTraceState,
    pub parent: Option<Parent>,
    pub start_ns: u64,
    pub end_ns: u64,
    pub status_message: Option<Box<str>>,
    pub body: Option<Box<Body>>,
    /// What the span is to start with, held in place: a box for it would cost as much as an attribute.
    pub pending: Pending,
    pub attached: Option<Attached>,
    /// Who was current before a span, or None, where that stays current in a context that nobody could reset.
    pub before: Option<Py<PyAny>>,
    /// The API's `SpanContext`, built when somebody asks.
    pub api_context: Option<Py<PyAny>>,
}

impl State {
    pub const fn new(name: Py<PyString>) -> Self {
        Self {
            phase: Phase::Unstarted,
            recording: false,
            generation: 0,
            status: StatusCode::Unset,
            name,
            context: None,
            trace_state: None,
            parent: None,
            start_ns: 0,
            end_ns: 0,
            status_message: None,
            body: None,
            pending: Pending { context: None, attributes: None, links: None, start_time: None },
            attached: None,
            before: None,
            api_context: None,
        }
    }

    /// True while the span takes attributes, events and links; only one built by hand does so before it is started.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recording && self.phase != Phase::Ended
    }

    /// True for a span of this process that records, has started and has not ended.
    pub fn is_open(&self) -> bool {
        self.recording && self.phase == Phase::Live && !self.is_of_parent()
    }

    /// True in a forked child, for a span of its parent: the parent exports it.
    #[inline]
    pub fn is_of_parent(&self) -> bool {
        self.generation != fork::generation()
    }

    #[inline]
    pub fn body(&mut self) -> &mut Body {
        self.body.get_or_insert_with(take_body)
    }

    /// Returns the span as the core frames it, or `None` while it has no identity.
    #[inline]
    pub fn header<'a>(&'a self, py: Python<'a>, kind: u8) -> Option<Header<'a>> {
        Some(Header {
            context: self.context?,
            trace_state: self.trace_state.as_ref().map_or("", |state| state.header(py)),
            parent: self.parent.as_ref().map(|parent| (parent.context.span_id, parent.context.remote)),
            name: encode::plain_text(self.name.bind(py)),
            kind,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            status: self.status,
            status_message: self.status_message.as_deref().unwrap_or_default(),
        })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            return_body(body);
        }
    }
}

/// So many bodies a thread keeps for its next spans, each of at most so many bytes.
const POOL_SIZE: usize = 64;
const POOLED_BYTES: usize = 8192;

thread_local! {
    #[expect(clippy::vec_box, reason = "a box moves between span and pool without copying what it holds")]
    static POOL: RefCell<Vec<Box<Body>>> = const { RefCell::new(Vec::new()) };
}

#[inline]
fn take_body() -> Box<Body> {
    POOL.with_borrow_mut(Vec::pop).unwrap_or_default()
}

#[inline]
fn return_body(mut body: Box<Body>) {
    if body.capacity() > POOLED_BYTES {
        return;
    }
    body.clear();
    // The pool is gone when a thread ends while it still drops spans: then the body goes too.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOL_SIZE {
            pool.push(body);
        }
    });
}
