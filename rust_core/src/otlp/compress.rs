//! gzip and zstd for request bodies: fast levels out, and in only up to a limit.

use std::fmt;

use zstd::zstd_safe::get_frame_content_size;

use super::deflate::{Inflater, Member, gzip, unzstd};

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
    /// There is no memory for what it unpacks to.
    NoMemory,
}

impl fmt::Display for DecompressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(algorithm) => write!(out, "{algorithm} body is damaged or cut off"),
            Self::TooLarge(limit) => write!(out, "body unpacks to more than {limit} bytes"),
            Self::NoMemory => out.write_str("no memory for what the body unpacks to"),
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

/// Returns what `data` unpacks to: all members of a gzip file, all frames of a zstd one.
///
/// # Errors
/// When it is damaged or cut off, or unpacks to more than `limit` bytes, of which no more are unpacked then.
pub fn decompress(algorithm: Algorithm, data: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    decompress_within(algorithm, data, limit, &mut |_| true)
}

/// Does the same, and takes no memory for the output that `grant` has not allowed: so many bytes more at each call.
///
/// # Errors
/// As `decompress`, and when `grant` refuses.
pub fn decompress_within(
    algorithm: Algorithm,
    data: &[u8],
    limit: usize,
    grant: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Output { bytes: Vec::new(), limit, grant };
    match algorithm {
        Algorithm::None => {
            out.room(data.len())?.copy_from_slice(data);
        }
        _ if data.is_empty() => return Err(DecompressError::Damaged(algorithm)),
        Algorithm::Gzip => {
            let (inflater, mut rest) = (Inflater::new(), data);
            while !rest.is_empty() {
                let taken = out.unpack(algorithm, gzip_len(rest), |room| inflater.gunzip(rest, room))?;
                rest = &rest[taken..];
            }
        }
        Algorithm::Zstd => {
            out.unpack(algorithm, zstd_len(data), |room| unzstd(data, room))?;
        }
    }
    Ok(out.bytes)
}

/// What has been unpacked, and the memory that may be taken for it.
struct Output<'a> {
    bytes: Vec<u8>,
    limit: usize,
    grant: &'a mut dyn FnMut(usize) -> bool,
}

impl Output<'_> {
    /// Appends what `attempt` unpacks, in ever more room from `expected` bytes on; returns how much input it took.
    fn unpack(
        &mut self,
        algorithm: Algorithm,
        expected: usize,
        attempt: impl Fn(&mut [u8]) -> Member,
    ) -> Result<usize, DecompressError> {
        let start = self.bytes.len();
        let most = self.limit - start;
        let mut room = expected.min(most);
        loop {
            match attempt(self.room(room)?) {
                Member::Done { taken, written } => {
                    self.bytes.truncate(start + written);
                    return Ok(taken);
                }
                Member::NoRoom if room == most => return Err(DecompressError::TooLarge(self.limit)),
                Member::NoRoom => room = (room * 2).min(most),
                Member::Damaged => return Err(DecompressError::Damaged(algorithm)),
            }
            self.bytes.truncate(start);
        }
    }

    /// Appends `len` zeros to be written over.
    fn room(&mut self, len: usize) -> Result<&mut [u8], DecompressError> {
        let start = self.bytes.len();
        let more = (start + len).saturating_sub(self.bytes.capacity());
        if start + len > self.limit {
            return Err(DecompressError::TooLarge(self.limit));
        }
        if more > 0 && !(self.grant)(more) {
            return Err(DecompressError::NoMemory);
        }
        self.bytes.reserve_exact(len);
        self.bytes.resize(start + len, 0);
        Ok(&mut self.bytes[start..])
    }
}

/// Guesses the unpacked size by the length at the end of `data`, at most what deflate can make of it.
fn gzip_len(data: &[u8]) -> usize {
    const BEST_RATIO: usize = 1032;
    let said = data.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    said.clamp(data.len(), data.len().saturating_mul(BEST_RATIO))
}

/// Guesses the unpacked size by what the first frame says, at most 128 KiB for every block of at least four bytes.
fn zstd_len(data: &[u8]) -> usize {
    const BEST_RATIO: usize = (128 << 10) / 4;
    const USUAL_RATIO: usize = 8;
    let said = get_frame_content_size(data).ok().flatten().and_then(|said| usize::try_from(said).ok());
    let guess = said.unwrap_or(data.len().saturating_mul(USUAL_RATIO));
    guess.clamp(data.len(), data.len().saturating_mul(BEST_RATIO))
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

    #[test]
    fn memory_is_asked_for_before_it_is_taken() {
        for algorithm in BOTH {
            let packed = compress(algorithm, &vec![7; 100_000]);
            let mut asked = 0;
            let out = decompress_within(algorithm, &packed, 1 << 20, &mut |bytes| {
                asked += bytes;
                true
            });
            assert_eq!(out.map(|out| out.len()), Ok(100_000), "{algorithm}");
            assert!((100_000..200_000).contains(&asked), "{algorithm}: {asked}");
            let refused = decompress_within(algorithm, &packed, 1 << 20, &mut |bytes| bytes < 100_000);
            assert_eq!(refused, Err(DecompressError::NoMemory), "{algorithm}");
        }
    }

    #[test]
    fn a_zstd_frame_that_does_not_say_its_size_is_unpacked() {
        let data = vec![7; 1_000_000];
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        std::io::Write::write_all(&mut encoder, &data).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(decompress(Algorithm::Zstd, &packed, 1_000_000), Ok(data));
        assert_eq!(decompress(Algorithm::Zstd, &packed, 999_999), Err(DecompressError::TooLarge(999_999)));
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
