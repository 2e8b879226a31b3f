//! The extension module `pyspan._core`: an index of what Python sees of the Rust core.

mod batch;
mod callback;
mod client;
mod errors;

use pyo3::prelude::*;

#[pymodule(name = "_core", gil_used = true)]
mod core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::batch::Batch;
    #[pymodule_export]
    use super::client::{OtlpCall, OtlpClient, OtlpReply};

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::callback::close_at_exit(module.py())
    }
}
