//! The partition of Kafka keys.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyspan_core::murmur2;

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "converted from Python")]
pub fn kafka_partitions(keys: Vec<PyBackedBytes>, partitions: u32) -> PyResult<Vec<u32>> {
    if partitions == 0 {
        return Err(PyValueError::new_err("no partition to choose from"));
    }
    Ok(keys.iter().map(|key| murmur2::partition(key, partitions)).collect())
}
