//! How the client compresses a body.

use super::SettingError;

/// The compressions that OTLP receivers commonly take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip, level 1.
    Gzip,
    /// zstd, level 1.
    Zstd,
}

impl Compression {
    /// Reads the name that `OTEL_EXPORTER_OTLP_COMPRESSION` has for it.
    ///
    /// # Errors
    /// When the name is another one.
    pub fn parse(name: &str) -> Result<Self, SettingError> {
        match name {
            "none" | "" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => Err(SettingError(format!("compression {other:?}: expected \"none\", \"gzip\" or \"zstd\""))),
        }
    }

    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    pub(super) fn apply(self, data: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(data.to_vec()),
            Self::Gzip => gzip(data),
            Self::Zstd => zstd::bulk::compress(data, 1),
        }
    }
}

fn gzip(data: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let length = compressor.gzip_compress(data, &mut out).map_err(std::io::Error::other)?;
    out.truncate(length);
    Ok(out)
}
