//! Where received payloads go.

use super::refusal::Refusal;

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The protobuf encoding of `ExportTraceServiceRequest`.
    Protobuf,
    /// OTLP's JSON encoding of the same.
    Json,
}

/// Takes whole, decompressed payloads. Called from several threads at once.
pub trait Intake: Send + Sync + 'static {
    /// Validates and stores `payload` and returns the number of its spans; once it returns, the data is acknowledged.
    ///
    /// # Errors
    /// When it is not taken; nothing of it is stored then.
    fn accept(&self, payload: &[u8], format: Format) -> Result<u64, Refusal>;

    /// Whether `accept` may wait for a disk, so that other connections need another thread meanwhile.
    fn may_block(&self) -> bool {
        false
    }
}
