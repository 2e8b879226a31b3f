//! The clock of spans, for tests.

use pyo3::prelude::*;

/// Makes the readings of all threads `step_ns`, twice as much and so on; 0 brings the wall clock back.
#[pyfunction]
pub fn step_clock(step_ns: u64) {
    pyspan_core::clock::step(step_ns);
}
