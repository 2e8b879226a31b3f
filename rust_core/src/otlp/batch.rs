//! A batch: one encoded `ExportTraceServiceRequest` on its way to an exporter.

/// An encoded `ExportTraceServiceRequest` and how many spans it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The protobuf bytes.
    pub data: Vec<u8>,
    /// The number of spans in `data`.
    pub spans: usize,
}
