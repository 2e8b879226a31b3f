//! The lock that keeps a spool to one process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::SpoolError;

/// Takes the spool in `directory` for as long as the returned file is open.
pub(super) fn take(directory: &Path) -> Result<File, SpoolError> {
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).mode(0o600).open(&path).map_err(SpoolError::at(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(SpoolError::Locked { directory: directory.to_owned(), pid: holder(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(SpoolError::at(&path)(error)),
    }
    sign(&mut file).map_err(SpoolError::at(&path))?;
    Ok(file)
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
