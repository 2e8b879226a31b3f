//! A chunk: encoded spans, by scope, on their way to becoming a batch.

use crate::otlp::batch::Batch;
use crate::otlp::frame::{Section, frame_request};
use crate::otlp::wire::{LEN, put_varint, tag};
use crate::scope::Scope;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Chunk {
    sections: Vec<Section>,
    pub(super) spans: usize,
    pub(super) bytes: usize,
}

impl Chunk {
    #[inline]
    pub(super) fn push(&mut self, scope: &Arc<Scope>, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let spans = self.section(scope);
        spans.reserve(len + 11);
        spans.push(tag(2, LEN));
        put_varint(spans, len as u64);
        write(spans);
        self.spans += 1;
        self.bytes += len;
    }

    /// Finds the buffer of `scope`, newest first: neighbours in time are mostly of one scope.
    #[inline]
    fn section(&mut self, scope: &Arc<Scope>) -> &mut Vec<u8> {
        let known = self.sections.iter().rposition(|section| Arc::ptr_eq(&section.scope, scope));
        let position = known.unwrap_or_else(|| {
            self.sections.push(Section { scope: scope.clone(), spans: Vec::new() });
            self.sections.len() - 1
        });
        &mut self.sections[position].spans
    }

    pub(super) fn frame(&self) -> Batch {
        Batch { data: frame_request(&self.sections), spans: self.spans }
    }

    /// Empties the chunk and keeps the buffers; scopes that were not used since the last time are let go.
    pub(super) fn clear(&mut self) {
        self.sections.retain(|section| !section.spans.is_empty());
        for section in &mut self.sections {
            section.spans.clear();
        }
        self.spans = 0;
        self.bytes = 0;
    }
}
