//! The spool: an append-only log on disk that holds request bodies from before they are acknowledged until every
//! exporter has delivered them.
//!
//! A spool is a folder of segments (files of a fixed size, used again once read), one small file a reader with what it
//! has acknowledged, and a lock. docs/adr/0002-spool.md says why it is a log of our own.

mod acks;
mod append;
mod error;
mod fetch;
mod lock;
mod log;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
mod settings;
mod state;
mod stats;
mod sync;

pub use error::SpoolError;
pub use log::Spool;
pub use reader::Reader;
pub use settings::{Fsync, Settings};
pub use stats::Stats;
