//! A batch: one encoded `ExportTraceServiceRequest` on its way to an exporter.

use super::malformed::Malformed;
use super::slice::{self, Limits};
use super::walk::{count, walk};

/// An encoded `ExportTraceServiceRequest` and how many spans it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The protobuf bytes.
    pub data: Vec<u8>,
    /// The number of spans in `data`.
    pub spans: usize,
}

impl Batch {
    /// Returns the batch that `data` is, if it is an `ExportTraceServiceRequest` from end to end.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(data: Vec<u8>) -> Result<Self, Malformed> {
        let spans = count(&data)?;
        Ok(Self { data, spans })
    }

    /// Returns the first and the second half of the spans, or `None` when there is but one.
    ///
    /// # Errors
    /// As [`Batch::parse`], for a batch whose `data` was made elsewhere.
    pub fn split(&self) -> Result<Option<(Self, Self)>, Malformed> {
        Ok(slice::halves(&self.data, &walk(&self.data)?))
    }

    /// Returns the spans in pieces that keep to `limits`; a single span may be larger.
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn split_to(&self, limits: Limits) -> Result<Vec<Self>, Malformed> {
        if self.data.len() <= limits.bytes && self.spans <= limits.spans {
            return Ok(vec![self.clone()]);
        }
        Ok(slice::pieces(&self.data, &walk(&self.data)?, limits))
    }

    /// Returns a batch for each trace, in the order in which the traces appear.
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn by_trace(&self) -> Result<Vec<([u8; 16], Self)>, Malformed> {
        Ok(slice::by_trace(&self.data, &walk(&self.data)?))
    }

    /// Adds the spans of `other`: concatenated protobuf messages are their merge.
    pub fn append(&mut self, other: &Self) {
        self.data.extend_from_slice(&other.data);
        self.spans += other.spans;
    }
}
