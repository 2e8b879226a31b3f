//! What lies where in a walked request.

/// A stretch of the body, from `start` to before `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Extent {
    /// Returns the bytes of `body` it stands for.
    #[must_use]
    pub fn of(self, body: &[u8]) -> &[u8] {
        &body[self.start as usize..self.end as usize]
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A stretch of one of the index's vectors, from `start` to before `end`.
pub type Run = std::ops::Range<u32>;

/// Where a span lies and what is read of it in passing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanEntry {
    /// The trace it belongs to; never zeros.
    pub trace_id: [u8; 16],
    /// Its own id; never zeros.
    pub span_id: [u8; 8],
    /// The parent's id, zeros for a root.
    pub parent_id: [u8; 8],
    /// Start in nanoseconds since 1970.
    pub start_ns: u64,
    /// End in nanoseconds since 1970.
    pub end_ns: u64,
    /// The status code as sent: 0 unset, 1 ok, 2 error.
    pub status: u32,
    /// The entry in `scopes` it belongs to.
    pub scope: u32,
    /// The whole field in its `ScopeSpans`, tag and length included.
    pub field: Extent,
    /// The `Span` message alone.
    pub body: Extent,
}

/// A `ScopeSpans`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeEntry {
    /// The entry in `resources` it belongs to.
    pub resource: u32,
    /// The last `InstrumentationScope` message in it; empty when there is none.
    pub scope: Extent,
    /// Its schema URL.
    pub schema_url: Extent,
    /// Everything but the spans, unknown fields included, in `pieces`.
    pub pieces: Run,
    /// Its spans, in `spans`.
    pub spans: Run,
}

/// A `ResourceSpans`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceEntry {
    /// The last `Resource` message in it; empty when there is none.
    pub resource: Extent,
    /// Its schema URL.
    pub schema_url: Extent,
    /// Everything but the `ScopeSpans`, unknown fields included, in `pieces`.
    pub pieces: Run,
}

/// What lies where in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The spans in the order of the body.
    pub spans: Vec<SpanEntry>,
    /// The `ScopeSpans` in the order of the body.
    pub scopes: Vec<ScopeEntry>,
    /// The `ResourceSpans` in the order of the body.
    pub resources: Vec<ResourceEntry>,
    /// Whole fields that are not spans, for the entries above to point at.
    pub pieces: Vec<Extent>,
    /// Unknown fields of the request itself, in `pieces`.
    pub unknown: Run,
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the walk refuses larger bodies at its door")]
pub(super) fn extent(start: usize, end: usize) -> Extent {
    Extent { start: start as u32, end: end as u32 }
}
