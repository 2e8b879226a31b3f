//! What a receiver counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::refusal::{REASONS, Refusal};

/// The counters of one receiver.
#[derive(Debug, Default)]
pub struct Stats {
    requests: AtomicU64,
    accepted_spans: AtomicU64,
    accepted_bytes: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    connections: AtomicU64,
    refused_connections: AtomicU64,
    dismissed_connections: AtomicU64,
    broken_connections: AtomicU64,
}

impl Stats {
    pub(super) fn request(&self) {
        add(&self.requests, 1);
    }

    pub(super) fn accepted(&self, spans: u64, bytes: usize) {
        add(&self.accepted_spans, spans);
        add(&self.accepted_bytes, bytes as u64);
    }

    pub(super) fn refused(&self, refusal: &Refusal) {
        add(&self.refused[refusal.index()], 1);
    }

    pub(super) fn connection(&self) {
        add(&self.connections, 1);
    }

    pub(super) fn refused_connection(&self) {
        add(&self.refused_connections, 1);
    }

    pub(super) fn dismissed_connection(&self) {
        add(&self.dismissed_connections, 1);
    }

    pub(super) fn broken_connection(&self) {
        add(&self.broken_connections, 1);
    }

    /// Returns names and values; `accepted_bytes` counts payloads as decompressed.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(String, u64)> {
        let read = |name: &str, counter: &AtomicU64| (name.to_owned(), counter.load(Ordering::Relaxed));
        let mut all = vec![
            read("requests", &self.requests),
            read("accepted_spans", &self.accepted_spans),
            read("accepted_bytes", &self.accepted_bytes),
            read("connections", &self.connections),
            read("refused_connections", &self.refused_connections),
            read("dismissed_connections", &self.dismissed_connections),
            read("broken_connections", &self.broken_connections),
        ];
        all.extend(
            REASONS.iter().zip(&self.refused).map(|(reason, counter)| read(&format!("refused.{reason}"), counter)),
        );
        all
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
