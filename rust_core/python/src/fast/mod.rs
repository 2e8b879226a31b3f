//! What `PyO3` does for classes in general, done for spans in particular, on the plain C interface.

pub mod bound;
mod memory;
pub mod shortcut;

pub use memory::{Pool, Pooled, keep_memory};
