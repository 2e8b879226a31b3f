//! One attempt at unpacking: a gzip member, or zstd frames.
//!
//! For gzip, the one call of libdeflate that its Rust wrapper lacks.
//! The wrapper does not tell how much of the input a member took, without which a second member cannot be found; the
//! safe inflaters are half as fast.

use libdeflate_sys as sys;
use zstd::zstd_safe::{self, zstd_sys::ZSTD_ErrorCode};

/// Returns `data` as one gzip member at level 1.
///
/// # Panics
/// When there is no memory for the compressor.
pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    // SAFETY: allocates and returns, or returns null when there is no memory or no such level.
    let compressor = unsafe { sys::libdeflate_alloc_compressor(1) };
    assert!(!compressor.is_null(), "there is memory for a compressor");
    // SAFETY: the compressor is the one above.
    let mut out = Vec::<u8>::with_capacity(unsafe { sys::libdeflate_gzip_compress_bound(compressor, data.len()) });
    // SAFETY: the pointers and lengths are those of `data` and of the room in `out`.
    let length = unsafe {
        sys::libdeflate_gzip_compress(
            compressor,
            data.as_ptr().cast(),
            data.len(),
            out.as_mut_ptr().cast(),
            out.capacity(),
        )
    };
    assert!(length > 0, "the output has the bound's room");
    // SAFETY: so many bytes were written.
    unsafe { out.set_len(length) };
    // SAFETY: allocated above and freed here alone.
    unsafe { sys::libdeflate_free_compressor(compressor) };
    out
}

/// What became of a member, or of frames.
pub(super) enum Member {
    /// It took this much of the input and wrote this much.
    Done { taken: usize, written: usize },
    /// It does not fit into the output.
    NoRoom,
    /// It is no such data, or cut off.
    Damaged,
}

/// A decompressor of libdeflate.
pub(super) struct Inflater(std::ptr::NonNull<sys::libdeflate_decompressor>);

impl Inflater {
    pub fn new() -> Self {
        // SAFETY: allocates and returns, or returns null when there is no memory.
        let decompressor = unsafe { sys::libdeflate_alloc_decompressor() };
        Self(std::ptr::NonNull::new(decompressor).expect("there is memory for a decompressor"))
    }

    /// Unpacks the first member of `data` to `out`.
    pub fn gunzip(&self, data: &[u8], out: &mut [u8]) -> Member {
        let (mut taken, mut written) = (0, 0);
        // SAFETY: the pointers and lengths are those of `data` and `out`; self.0 lives until drop, and `Inflater` is
        // not `Sync`, so that nobody else uses it meanwhile.
        let result = unsafe {
            sys::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                data.as_ptr().cast(),
                data.len(),
                out.as_mut_ptr().cast(),
                out.len(),
                &raw mut taken,
                &raw mut written,
            )
        };
        match result {
            sys::libdeflate_result_LIBDEFLATE_SUCCESS => Member::Done { taken, written },
            sys::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Member::NoRoom,
            _ => Member::Damaged,
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` and freed here alone.
        unsafe { sys::libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}

/// Unpacks all frames of `data` to `out`; in one go, so that no window is needed beside it.
pub(super) fn unzstd(data: &[u8], out: &mut [u8]) -> Member {
    const NO_ROOM: usize = (ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize).wrapping_neg();
    match zstd_safe::decompress(out, data) {
        Ok(written) => Member::Done { taken: data.len(), written },
        Err(NO_ROOM) => Member::NoRoom,
        Err(_) => Member::Damaged,
    }
}
