//! What can go wrong with a spool.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why a spool refused.
#[derive(Debug)]
pub enum SpoolError {
    /// Storing it would pass the byte limit; there is room again once the readers have moved on.
    Full {
        /// Bytes of segments in use.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The record alone is larger than the byte limit.
    TooLarge {
        /// Its bytes.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// Another process has the spool.
    Locked {
        /// The spool's folder.
        directory: PathBuf,
        /// The process that has it, if it said so.
        pid: Option<u32>,
    },
    /// The folder was removed or replaced while the spool was open.
    Gone {
        /// The spool's folder.
        directory: PathBuf,
    },
    /// The spool was closed.
    Closed,
    /// The file system failed.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its error.
        error: io::Error,
    },
}

impl SpoolError {
    /// Returns a function that adds `path` to an I/O error.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { bytes, max_bytes } => {
                write!(out, "spool is full: {bytes} of {max_bytes} bytes wait for readers")
            }
            Self::TooLarge { bytes, max_bytes } => {
                write!(out, "request of {bytes} bytes is larger than the spool's limit of {max_bytes}")
            }
            Self::Locked { directory, pid: Some(pid) } => {
                write!(out, "spool {} is in use by process {pid}", directory.display())
            }
            Self::Locked { directory, pid: None } => {
                write!(out, "spool {} is in use by another process", directory.display())
            }
            Self::Gone { directory } => {
                write!(out, "spool {} was removed or replaced while in use (start again)", directory.display())
            }
            Self::Closed => write!(out, "spool is closed"),
            Self::Io { path, error } => write!(out, "spool file {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for SpoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
