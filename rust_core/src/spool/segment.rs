//! Segments: the files that a log is made of, of a fixed size and used again.

use std::fs::{File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::record::{checksum, part};

/// Length of the header of a segment; the first record follows.
pub(super) const SEGMENT_HEADER_LEN: u64 = HEADER_BYTES as u64;
const HEADER_BYTES: usize = 64;
/// What stands where a record could begin and none does.
pub(super) const END: [u8; 8] = [0; 8];
/// Offsets stay below this, so that sums of them never overflow.
pub(super) const LAST_OFFSET: u64 = 1 << 62;
const MAGIC: [u8; 8] = *b"pyspan\0\x01";

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Offset in the log of the segment's first byte.
    pub base: u64,
    /// Size of the file.
    pub capacity: u64,
    /// Where the records of the segment before end; 0 when that was not known.
    pub previous_end: u64,
    /// Spans that were accepted before this segment.
    pub spans_before: u64,
    /// Tells the records of this use of the file from those of earlier ones.
    pub salt: u32,
}

impl SegmentHeader {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[16..24].copy_from_slice(&self.base.to_le_bytes());
        out[24..32].copy_from_slice(&self.capacity.to_le_bytes());
        out[32..40].copy_from_slice(&self.previous_end.to_le_bytes());
        out[40..48].copy_from_slice(&self.spans_before.to_le_bytes());
        out[48..52].copy_from_slice(&self.salt.to_le_bytes());
        let sum = checksum(0, &out[16..]);
        out[8..12].copy_from_slice(&sum.to_le_bytes());
        out
    }

    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let header = Self {
            base: u64::from_le_bytes(part(bytes, 16)),
            capacity: u64::from_le_bytes(part(bytes, 24)),
            previous_end: u64::from_le_bytes(part(bytes, 32)),
            spans_before: u64::from_le_bytes(part(bytes, 40)),
            salt: u32::from_le_bytes(part(bytes, 48)),
        };
        let sound = bytes.starts_with(&MAGIC)
            && u32::from_le_bytes(part(bytes, 8)) == checksum(0, &bytes[16..])
            && (SEGMENT_HEADER_LEN..LAST_OFFSET).contains(&header.capacity)
            && header.base < LAST_OFFSET;
        sound.then_some(header)
    }
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub header: SegmentHeader,
    pub path: PathBuf,
    pub file: File,
}

impl Segment {
    /// Creates the segment of `header` in `directory`, from the file `used` if there is one.
    ///
    /// It gets its name only when its header is written: a segment without one is damaged, not new.
    pub fn create(directory: &Path, header: SegmentHeader, used: Option<PathBuf>) -> io::Result<Self> {
        let (path, fresh) = (directory.join(file_name(header.base)), directory.join(free_name(header.base)));
        let file = match &used {
            Some(used) => OpenOptions::new().read(true).write(true).open(used)?,
            None => allocate(&fresh, header.capacity)?,
        };
        let segment = Self { header, path, file };
        // The end mark goes along: a file used again still has its old records behind the header.
        segment.write(header.base, &mut [IoSlice::new(&header.encode()), IoSlice::new(&END)])?;
        std::fs::rename(used.unwrap_or(fresh), &segment.path)?;
        Ok(segment)
    }

    /// Opens the segment at `path`; `None` when its header is damaged.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
        Ok(SegmentHeader::decode(&bytes).map(|header| Self { header, path: path.to_owned(), file }))
    }

    /// Returns whether its path still names the open file.
    pub fn is_in_place(&self) -> bool {
        let (Ok(named), Ok(open)) = (std::fs::metadata(&self.path), self.file.metadata()) else { return false };
        (named.dev(), named.ino()) == (open.dev(), open.ino())
    }

    /// Returns the offset at which the first record begins.
    pub fn first(&self) -> u64 {
        self.header.base + SEGMENT_HEADER_LEN
    }

    /// Returns the offset after the last byte of the file.
    pub fn limit(&self) -> u64 {
        self.header.base + self.header.capacity
    }

    /// Fills `bytes` from `offset` on; fails where the file is too short.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset - self.header.base)
    }

    /// Writes `parts` one after the other at `offset`. One thread at a time: it moves the file's position.
    pub fn write(&self, offset: u64, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset - self.header.base))?;
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match file.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Returns the name of the file of the segment at `base`; names sort as bases do.
pub(super) fn file_name(base: u64) -> String {
    format!("{base:020}.segment")
}

/// Returns the name of the file that was the segment at `base`, or is to become it.
pub(super) fn free_name(base: u64) -> String {
    format!("{base:020}.free")
}

/// Returns whether the file called `name` is one that was a segment.
pub(super) fn is_free(name: &str) -> bool {
    name.strip_suffix(".free").is_some()
}

/// Returns the base that the name of a segment says.
pub(super) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment")?;
    let base = (digits.len() == 20).then(|| digits.parse().ok()).flatten()?;
    (base < LAST_OFFSET).then_some(base)
}

/// Returns a number that no earlier use of a file had.
pub(super) fn fresh_salt(base: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of the hash do")]
    {
        std::hash::RandomState::new().hash_one(base) as u32
    }
}

fn allocate(path: &Path, capacity: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    reserve(&file, capacity).inspect_err(|_| drop(std::fs::remove_file(path)))?;
    Ok(file)
}

/// Reserves the blocks of the whole file, so that a full disk shows when a segment begins and not within it.
#[cfg(target_os = "linux")]
fn reserve(file: &File, capacity: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let length = i64::try_from(capacity).map_err(|_| io::ErrorKind::FileTooLarge)?;
    // SAFETY: takes a descriptor, which `file` keeps open, and no pointers.
    if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EOPNOTSUPP) { file.set_len(capacity) } else { Err(error) }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, capacity: u64) -> io::Result<()> {
    file.set_len(capacity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn segment_headers_round_trip(base in 0..1_u64 << 60, previous_end: u64, spans_before: u64, salt: u32) {
            let header = SegmentHeader { base, capacity: 4096, previous_end, spans_before, salt };
            prop_assert_eq!(SegmentHeader::decode(&header.encode()), Some(header));
            prop_assert_eq!(base_of(&file_name(base)), Some(base));
        }
    }

    #[test]
    fn names_of_other_files_have_no_base() {
        for name in ["lock", "1.segment", "00000000000000000001.segment.damaged", "0000000000000000000x.segment"] {
            assert_eq!(base_of(name), None, "{name}");
        }
    }
}
