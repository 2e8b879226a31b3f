//! What a reader has acknowledged, in a file of two slots that are written in turn.
//!
//! A write that is cut off damages the slot it was writing; the other still holds the acknowledgement before.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::record::{checksum, part};
use super::segment::LAST_OFFSET;

/// A place in the log: a record, and how many of its spans lie before the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Offset of the record.
    pub record: u64,
    /// Spans of the record that lie before; less than it has.
    pub done: u32,
    /// Spans of the whole log that lie before.
    pub spans: u64,
}

impl Position {
    /// Returns the place as one number: records are longer than they have spans, so that no two places share one.
    pub fn offset(&self) -> u64 {
        self.record + u64::from(self.done)
    }
}

const SLOT_LEN: usize = 40;
/// Slots lie in sectors of their own.
const SLOT_STEP: u64 = 512;

/// The file of a reader.
#[derive(Debug)]
pub(super) struct AckFile {
    pub path: PathBuf,
    file: File,
    turn: u64,
}

/// What a reader's file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acked {
    /// Nothing yet: the reader is new.
    New,
    /// All before this place.
    Up(Position),
    /// Neither slot is sound.
    Damaged,
}

impl AckFile {
    /// Opens the file at `path`, or creates it.
    pub fn open(path: &Path) -> io::Result<(Self, Acked)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let slots = [read_slot(&file, 0), read_slot(&file, 1)];
        let latest = slots.into_iter().flatten().max_by_key(|(turn, _)| *turn);
        let acked = match latest {
            Some((_, position)) => Acked::Up(position),
            None if file.metadata()?.len() == 0 => Acked::New,
            None => Acked::Damaged,
        };
        Ok((Self { path: path.to_owned(), file, turn: latest.map_or(0, |(turn, _)| turn) }, acked))
    }

    /// Stores `position` over the older of the two before.
    pub fn store(&mut self, position: Position) -> io::Result<()> {
        let turn = self.turn.wrapping_add(1);
        self.file.write_all_at(&encode(turn, position), turn % 2 * SLOT_STEP)?;
        self.turn = turn;
        Ok(())
    }
}

fn encode(turn: u64, position: Position) -> [u8; SLOT_LEN] {
    let mut out = [0; SLOT_LEN];
    out[8..16].copy_from_slice(&turn.to_le_bytes());
    out[16..24].copy_from_slice(&position.record.to_le_bytes());
    out[24..32].copy_from_slice(&position.spans.to_le_bytes());
    out[32..36].copy_from_slice(&position.done.to_le_bytes());
    out[..4].copy_from_slice(b"acks");
    let sum = checksum(0, &out[8..]);
    out[4..8].copy_from_slice(&sum.to_le_bytes());
    out
}

fn read_slot(file: &File, slot: u64) -> Option<(u64, Position)> {
    let mut bytes = [0; SLOT_LEN];
    file.read_exact_at(&mut bytes, slot * SLOT_STEP).ok()?;
    let turn = u64::from_le_bytes(part(&bytes, 8));
    let position = Position {
        record: u64::from_le_bytes(part(&bytes, 16)),
        spans: u64::from_le_bytes(part(&bytes, 24)),
        done: u32::from_le_bytes(part(&bytes, 32)),
    };
    (bytes == encode(turn, position) && position.record < LAST_OFFSET).then_some((turn, position))
}

/// Returns the name of the file of the reader called `name`: other bytes than letters, digits, `-` and `_` as %XX.
pub(super) fn file_name(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            out.push(byte as char);
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out + ".reader"
}

fn digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value)])
}

/// Returns the reader whose file is called `file_name`.
pub(super) fn name_of(file_name: &str) -> Option<String> {
    let mut rest = file_name.strip_suffix(".reader")?.as_bytes();
    let mut name = Vec::new();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            name.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_first_chunk::<2>()?;
        name.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position(record: u64) -> Position {
        Position { record, done: 3, spans: record * 2 }
    }

    #[test]
    fn the_last_stored_position_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.reader");
        for record in 1..5 {
            AckFile::open(&path).unwrap().0.store(position(record)).unwrap();
            assert_eq!(AckFile::open(&path).unwrap().1, Acked::Up(position(record)));
        }
    }

    #[test]
    fn a_damaged_slot_falls_back_to_the_one_before_and_two_to_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.reader");
        let (mut file, acked) = AckFile::open(&path).unwrap();
        assert_eq!(acked, Acked::New);
        (1..=2).for_each(|record| file.store(position(record)).unwrap());
        file.file.write_all_at(b"x", 20).unwrap();
        assert_eq!(AckFile::open(&path).unwrap().1, Acked::Up(position(1)));
        file.file.write_all_at(b"x", SLOT_STEP + 20).unwrap();
        assert_eq!(AckFile::open(&path).unwrap().1, Acked::Damaged);
    }

    proptest! {
        #[test]
        fn names_of_readers_round_trip(name: String) {
            let file = file_name(&name);
            prop_assert!(!file.contains('/'));
            prop_assert_eq!(name_of(&file), Some(name));
        }
    }
}
