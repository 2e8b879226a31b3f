//! A chunk: encoded spans, by scope, on their way to becoming a batch.

use crate::otlp::batch::Batch;
use crate::otlp::buffers;
use crate::otlp::frame::{Section, frame_request};
use crate::otlp::wire::{LEN, put_varint, tag};
use crate::scope::Scope;
use std::sync::Arc;

/// Encoded spans by scope, of one batch.
#[derive(Debug, Default)]
pub struct Chunk {
    sections: Vec<Section>,
    pub(super) spans: usize,
    pub(super) bytes: usize,
}

impl Chunk {
    #[inline]
    pub(super) fn push(&mut self, scope: &Arc<Scope>, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let spans = self.section(scope).spans();
        spans.reserve(len + 11);
        spans.push(tag(2, LEN));
        put_varint(spans, len as u64);
        write(spans);
        self.spans += 1;
        self.bytes += len;
    }

    /// Finds the section of `scope`, newest first: neighbours in time are mostly of one scope.
    #[inline]
    fn section(&mut self, scope: &Arc<Scope>) -> &mut Section {
        let known = self.sections.iter().rposition(|section| Arc::ptr_eq(&section.scope, scope));
        let position = known.unwrap_or_else(|| self.open(scope));
        &mut self.sections[position]
    }

    /// Opens a section; the first one becomes the batch, so it takes a buffer that an earlier batch has left.
    #[cold]
    fn open(&mut self, scope: &Arc<Scope>) -> usize {
        let buffer = if self.sections.is_empty() { buffers::take(0) } else { Vec::new() };
        self.sections.push(Section::open(scope, buffer));
        self.sections.len() - 1
    }

    /// Makes one encoded `ExportTraceServiceRequest` of the chunk.
    #[must_use]
    pub fn frame(self) -> Batch {
        Batch { data: frame_request(self.sections), spans: self.spans }
    }
}
