//! Calls from Rust threads back into Python, which must never happen once the interpreter is on its way out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

/// How long the end of the interpreter waits for calls under way.
const LONGEST_CALL: Duration = Duration::from_secs(1);

static CLOSED: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// Makes the end of the interpreter wait for calls under way and refuse later ones: attaching a thread after that
/// crashes Python before 3.13. Registered when the module is imported, so that it runs after the exit hooks of its users.
pub fn close_at_exit(py: Python<'_>) -> PyResult<()> {
    let hook = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(close))?;
    py.import("atexit")?.call_method1("register", (hook,))?;
    let restart = PyCFunction::new_closure(py, None, None, |_, _| UNDER_WAY.store(0, Ordering::SeqCst))?;
    let options = pyo3::types::PyDict::new(py);
    options.set_item("after_in_child", restart)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&options))?;
    Ok(())
}

/// Calls `function(argument)` from a thread of ours; what it raises goes to `sys.unraisablehook`.
pub fn call<T: for<'py> IntoPyObject<'py>>(function: &Py<PyAny>, argument: T) {
    UNDER_WAY.fetch_add(1, Ordering::SeqCst);
    if !CLOSED.load(Ordering::SeqCst) {
        Python::try_attach(|py| run(function.bind(py), argument));
    }
    UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
}

fn run<'py, T: IntoPyObject<'py>>(function: &Bound<'py, PyAny>, argument: T) {
    if let Err(error) = function.call1((argument,)) {
        error.write_unraisable(function.py(), Some(function));
    }
}

fn close() {
    CLOSED.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + LONGEST_CALL;
    while UNDER_WAY.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}
