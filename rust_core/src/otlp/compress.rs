//! gzip and zstd for request bodies: fast levels out, and in only up to a limit.

use std::fmt;
use std::io::Read;

use libdeflater::{CompressionLvl, Compressor};

use super::inflate::{Inflater, Member};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Algorithm {
    /// Returns the algorithm called `name`, as in `OTEL_EXPORTER_OTLP_COMPRESSION` and Content-Encoding.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "" | "none" | "identity" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a body cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecompressError {
    /// It is no such data, damaged, or ends before its data does.
    Damaged(Algorithm),
    /// It unpacks to more than this many bytes.
    TooLarge(usize),
}

impl fmt::Display for DecompressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(algorithm) => write!(out, "{algorithm} body is damaged or cut off"),
            Self::TooLarge(limit) => write!(out, "body unpacks to more than {limit} bytes"),
        }
    }
}

impl std::error::Error for DecompressError {}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// Returns `data` compressed at level 1, where a CPU-second moves the most spans.
///
/// # Panics
/// Never: the output has the room that the compressors ask for.
#[must_use]
pub fn compress(algorithm: Algorithm, data: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::None => data.to_vec(),
        Algorithm::Gzip => gzip(data),
        Algorithm::Zstd => zstd::bulk::compress(data, 1).expect("the output has the bound's room"),
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(1).expect("level 1 exists"));
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let length = compressor.gzip_compress(data, &mut out).expect("the output has the bound's room");
    out.truncate(length);
    out
}

/// Returns what `data` unpacks to: all members of a gzip file, all frames of a zstd one.
///
/// # Errors
/// When it is damaged or cut off, or unpacks to more than `limit` bytes, of which no more are unpacked then.
pub fn decompress(algorithm: Algorithm, data: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    match algorithm {
        Algorithm::None if data.len() > limit => Err(DecompressError::TooLarge(limit)),
        Algorithm::None => Ok(data.to_vec()),
        _ if data.is_empty() => Err(DecompressError::Damaged(algorithm)),
        Algorithm::Gzip => gunzip(data, limit),
        Algorithm::Zstd => unzstd(data, limit),
    }
}

fn gunzip(mut data: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let inflater = Inflater::new();
    let mut out = Vec::new();
    while !data.is_empty() {
        let taken = gunzip_member(&inflater, data, &mut out, limit)?;
        data = &data[taken..];
    }
    Ok(out)
}

/// Appends what the first member of `data` unpacks to; returns the member's length.
fn gunzip_member(inflater: &Inflater, data: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, DecompressError> {
    let start = out.len();
    let mut room = expected_len(data).min(limit - start);
    loop {
        out.resize(start + room, 0);
        match inflater.gunzip(data, &mut out[start..]) {
            Member::Done { taken, written } => {
                out.truncate(start + written);
                return Ok(taken);
            }
            Member::NoRoom if room == limit - start => return Err(DecompressError::TooLarge(limit)),
            Member::NoRoom => room = (room * 2).min(limit - start),
            Member::Damaged => return Err(DecompressError::Damaged(Algorithm::Gzip)),
        }
    }
}

/// Guesses the unpacked size by the length at the end of `data`, at most what deflate can make of it.
fn expected_len(data: &[u8]) -> usize {
    const BEST_RATIO: usize = 1032;
    let said = data.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    said.clamp(data.len(), data.len().saturating_mul(BEST_RATIO))
}

fn unzstd(data: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let damaged = |_: std::io::Error| DecompressError::Damaged(Algorithm::Zstd);
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(damaged)?;
    decoder.window_log_max(window_log(limit)).map_err(damaged)?;
    let mut out = Vec::new();
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut out);
    if out.len() > limit {
        return Err(DecompressError::TooLarge(limit));
    }
    read.map(|_| out).map_err(damaged)
}

/// Returns the largest window to give memory to: what `limit` needs, and the 8 MiB that every encoder may ask for.
fn window_log(limit: usize) -> u32 {
    limit.max(1).next_power_of_two().ilog2().clamp(23, 27)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Algorithm; 2] = [Algorithm::Gzip, Algorithm::Zstd];

    #[test]
    fn members_and_frames_follow_each_other() {
        for algorithm in BOTH {
            let both = [compress(algorithm, b"one "), compress(algorithm, b"two")].concat();
            assert_eq!(decompress(algorithm, &both, 100).unwrap(), b"one two", "{algorithm}");
        }
    }

    #[test]
    fn what_repeats_gets_smaller() {
        for algorithm in BOTH {
            assert!(compress(algorithm, &[0; 10_000]).len() < 200, "{algorithm}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for algorithm in BOTH {
            let bomb = compress(algorithm, &vec![0; 50_000_000]);
            assert_eq!(
                decompress(algorithm, &bomb, 1_000_000),
                Err(DecompressError::TooLarge(1_000_000)),
                "{algorithm}"
            );
        }
    }

    #[test]
    fn many_small_members_stop_at_the_limit() {
        for algorithm in BOTH {
            let bomb = compress(algorithm, &[7; 1000]).repeat(100);
            assert_eq!(decompress(algorithm, &bomb, 99_999), Err(DecompressError::TooLarge(99_999)), "{algorithm}");
            assert_eq!(decompress(algorithm, &bomb, 100_000).map(|out| out.len()), Ok(100_000), "{algorithm}");
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error_at_every_byte() {
        for algorithm in BOTH {
            let whole = compress(algorithm, b"hello hello hello hello");
            for length in 0..whole.len() {
                let error = decompress(algorithm, &whole[..length], 100);
                assert_eq!(error, Err(DecompressError::Damaged(algorithm)), "{algorithm} {length}");
            }
        }
    }

    #[test]
    fn garbage_behind_the_data_is_an_error() {
        for algorithm in BOTH {
            let garbled = [compress(algorithm, b"hello"), b"garbage that is long enough".to_vec()].concat();
            assert_eq!(decompress(algorithm, &garbled, 100), Err(DecompressError::Damaged(algorithm)), "{algorithm}");
        }
    }

    #[test]
    fn a_lying_length_in_the_trailer_is_damage() {
        let mut body = compress(Algorithm::Gzip, b"hello");
        let end = body.len();
        body[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decompress(Algorithm::Gzip, &body, 1 << 30).is_err());
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(data: Vec<u8>) {
            for algorithm in [Algorithm::None, Algorithm::Gzip, Algorithm::Zstd] {
                let packed = compress(algorithm, &data);
                prop_assert_eq!(decompress(algorithm, &packed, data.len()), Ok(data.clone()));
            }
        }

        #[test]
        fn damaged_bodies_never_panic_nor_pass_the_limit(data: Vec<u8>, at: usize, bits in 1_u8..) {
            for algorithm in BOTH {
                let mut packed = compress(algorithm, &data.repeat(20));
                let at = at % packed.len();
                packed[at] ^= bits;
                if let Ok(out) = decompress(algorithm, &packed, 100) {
                    prop_assert!(out.len() <= 100);
                }
                let _ = decompress(algorithm, &data, 100);
            }
        }
    }
}
