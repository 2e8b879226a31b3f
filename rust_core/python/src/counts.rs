//! What a recorder counts of its spans.

use crate::decode;
use crate::span::Parent;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyspan_core::fork;
use pyspan_core::unended::Unended;

/// Values of `otel.span.parent.origin`.
const ORIGINS: [&str; 3] = ["none", "local", "remote"];
/// Values of `otel.span.sampling_result`.
const RESULTS: [&str; 3] = ["DROP", "RECORD_ONLY", "RECORD_AND_SAMPLE"];
const DROP: usize = 0;
const RECORD_ONLY: usize = 1;
const RECORD_AND_SAMPLE: usize = 2;

/// What is counted of a span that starts: where its parent is, and what the sampler said.
#[derive(Clone, Copy)]
pub struct Start {
    origin: usize,
    result: usize,
}

impl Start {
    #[inline]
    pub fn new(parent: Option<&Parent>, recording: bool, sampled: bool) -> Self {
        let origin = parent.map_or(0, |parent| 1 + usize::from(parent.context.remote));
        Self { origin, result: if recording { result(sampled) } else { DROP } }
    }
}

#[inline]
const fn result(sampled: bool) -> usize {
    if sampled { RECORD_AND_SAMPLE } else { RECORD_ONLY }
}

/// A recording span that was dropped without an end.
pub struct Lost<'a> {
    /// The encoded scope of its tracer.
    pub scope: &'a [u8],
    pub name: &'a str,
    pub age_ns: u64,
    pub sampled: bool,
}

/// Counts of this process: a forked child begins anew with its first span.
#[derive(Default)]
pub struct Counts {
    generation: u32,
    starts: [[u64; 3]; 3],
    /// By [`result`], as all that follows.
    ended: [u64; 3],
    unended: [u64; 3],
    /// Spans of the parent process that ended, or were dropped, in this forked child.
    left_to_parent: u64,
    by_origin: Unended,
}

impl Counts {
    pub fn new() -> Self {
        Self { generation: fork::generation(), ..Self::default() }
    }

    #[inline]
    pub fn start(&mut self, start: Start) {
        self.notice_fork();
        self.starts[start.origin][start.result] += 1;
    }

    /// Counts the end of a span of this process, whose start has noticed the fork.
    #[inline]
    pub const fn end(&mut self, sampled: bool) {
        self.ended[result(sampled)] += 1;
    }

    pub fn lose(&mut self, lost: &Lost<'_>) {
        self.notice_fork();
        self.unended[result(lost.sampled)] += 1;
        self.by_origin.add(scope_name(lost.scope), lost.name, lost.age_ns);
    }

    pub fn leave_to_parent(&mut self) {
        self.notice_fork();
        self.left_to_parent += 1;
    }

    #[inline]
    fn notice_fork(&mut self) {
        if self.generation != fork::generation() {
            *self = Self::new();
        }
    }

    fn with_result(&self, result: usize) -> u64 {
        self.starts.iter().map(|results| results[result]).sum()
    }

    fn live(&self, result: usize) -> u64 {
        self.with_result(result).saturating_sub(self.ended[result] + self.unended[result])
    }

    /// Returns the totals as plain numbers, to be made objects of.
    pub fn totals(&mut self) -> Totals {
        self.notice_fork();
        Totals {
            starts: self.starts,
            live: [0, self.live(RECORD_ONLY), self.live(RECORD_AND_SAMPLE)],
            ended: self.ended.iter().sum(),
            unended: self.unended.iter().sum(),
            left_to_parent: self.left_to_parent,
        }
    }

    /// Returns scope, name, count and longest time in seconds of spans that were dropped without an end.
    pub fn unended(&mut self) -> Vec<(String, String, u64, f64)> {
        self.notice_fork();
        let report = self.by_origin.report().into_iter();
        report.map(|(origin, lost)| (origin.scope, origin.name, lost.spans, seconds(lost.longest_ns))).collect()
    }
}

/// A copy of [`Counts`], apart from the recorder's state.
pub struct Totals {
    starts: [[u64; 3]; 3],
    live: [u64; 3],
    ended: u64,
    unended: u64,
    left_to_parent: u64,
}

impl Totals {
    pub fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let [unsampled, record_only, sampled] =
            [DROP, RECORD_ONLY, RECORD_AND_SAMPLE].map(|result| self.starts.iter().map(|row| row[result]).sum::<u64>());
        let dict = PyDict::new(py);
        dict.set_item("started", record_only + sampled)?;
        dict.set_item("sampled", sampled)?;
        dict.set_item("record_only", record_only)?;
        dict.set_item("unsampled", unsampled)?;
        dict.set_item("ended", self.ended)?;
        dict.set_item("live", self.live.iter().sum::<u64>())?;
        dict.set_item("unended", self.unended)?;
        dict.set_item("left_to_parent", self.left_to_parent)?;
        Ok(dict)
    }

    /// Returns the origin of the parent, what the sampler said, and how many spans started so, where any did.
    pub fn starts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut rows = Vec::new();
        for (origin, counts) in ORIGINS.into_iter().zip(self.starts) {
            rows.extend(RESULTS.into_iter().zip(counts).map(|(result, count)| (origin, result, count)));
        }
        rows.retain(|(.., count)| *count > 0);
        rows
    }

    /// Returns what the sampler said, and how many spans of which it was said are open.
    pub fn live(&self) -> Vec<(&'static str, u64)> {
        RESULTS.into_iter().zip(self.live).skip(RECORD_ONLY).collect()
    }
}

fn scope_name(encoded: &[u8]) -> &str {
    let name = decode::fields(encoded).find_map(|(number, field)| match field {
        decode::Field::Bytes(name) if number == 1 => std::str::from_utf8(name).ok(),
        _ => None,
    });
    name.unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "exact for times below a hundred days")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
