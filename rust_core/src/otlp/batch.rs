//! A batch: one encoded `ExportTraceServiceRequest` on its way to an exporter.

use super::malformed::Malformed;
use super::slice::{self, Limits, Records};
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

    /// Returns the spans in pieces that keep to `limits`.
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn split_to(&self, limits: Limits) -> Result<Vec<Self>, Malformed> {
        if self.data.len() <= limits.bytes && self.spans <= limits.spans {
            return Ok(vec![self.clone()]);
        }
        Ok(slice::pieces(&self.data, &walk(&self.data)?, limits))
    }

    /// Returns some of the requests by trace, see [`slice::records`].
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn records(&self, done: usize, limit: usize, budget: usize) -> Result<Records, Malformed> {
        Ok(slice::records(&self.data, &walk(&self.data)?, done, limit, budget))
    }

    /// Returns the spans at `places` as a batch, without those places that there are not.
    ///
    /// # Errors
    /// As [`Batch::parse`].
    pub fn pick(&self, mut places: Vec<u32>) -> Result<Self, Malformed> {
        let index = walk(&self.data)?;
        places.retain(|&at| (at as usize) < index.spans.len());
        places.sort_unstable();
        Ok(slice::pick(&self.data, &index, &places))
    }

    /// Adds the spans of `other`: concatenated protobuf messages are their merge.
    pub fn append(&mut self, other: &Self) {
        self.data.extend_from_slice(&other.data);
        self.spans += other.spans;
    }
}
