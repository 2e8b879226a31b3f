//! The extension module `pyspan._core`: an index of what Python sees of the Rust core.

mod batch;
mod errors;

use pyo3::prelude::*;

#[pymodule(name = "_core", gil_used = true)]
mod core {
    #[pymodule_export]
    use super::batch::Batch;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
