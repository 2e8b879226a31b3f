//! The intake of the agent: validates a request in one pass and appends it to the spool as it came.

use std::sync::Arc;
use std::time::Duration;

use pyspan_core::otlp::json;
use pyspan_core::otlp::walk;
use pyspan_core::spool::{Spool, SpoolError};

use super::intake::{Format, Intake};
use super::refusal::Refusal;

/// Stock exporters give up after 10 s in all: this leaves them several attempts.
const FULL_PAUSE: Duration = Duration::from_secs(2);

/// Appends what it accepts to a spool.
#[derive(Clone, Debug)]
pub struct SpoolIntake {
    spool: Arc<Spool>,
}

impl SpoolIntake {
    /// Returns an intake in front of `spool`.
    #[must_use]
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool }
    }

    fn protobuf(&self, payload: &[u8]) -> Result<u64, Refusal> {
        let spans = walk::count(payload).map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.append(payload, spans)
    }

    fn json(&self, payload: &[u8]) -> Result<u64, Refusal> {
        // the parser passes over what it does not know, undecoded
        std::str::from_utf8(payload).map_err(|error| Refusal::Malformed(format!("JSON with {error}")))?;
        let batch = json::parse(payload).map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.append(&batch.data, batch.spans)
    }

    fn append(&self, protobuf: &[u8], spans: usize) -> Result<u64, Refusal> {
        let spans = u32::try_from(spans).map_err(|_| Refusal::TooLarge(u32::MAX as usize))?;
        self.spool.append(protobuf, spans).map_err(refusal)?;
        Ok(u64::from(spans))
    }
}

impl Intake for SpoolIntake {
    fn accept(&self, payload: &[u8], format: Format) -> Result<u64, Refusal> {
        match format {
            Format::Protobuf => self.protobuf(payload),
            Format::Json => self.json(payload),
        }
    }

    fn may_block(&self) -> bool {
        self.spool.append_waits_for_disk()
    }
}

fn refusal(error: SpoolError) -> Refusal {
    match error {
        SpoolError::Full { .. } => Refusal::Full(FULL_PAUSE),
        SpoolError::TooLarge { max_bytes, .. } => Refusal::TooLarge(usize::try_from(max_bytes).unwrap_or(usize::MAX)),
        other => Refusal::Disk(other.to_string()),
    }
}
