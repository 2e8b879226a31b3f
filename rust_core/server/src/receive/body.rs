//! Reading a request's body within its limits of size, time and memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::Limits;
use super::refusal::Refusal;

/// How often the limit is read and thrown away, so that a client which is told 413 can finish sending and read it.
const DRAIN_FACTOR: usize = 4;
/// The pause for clients that find the memory for bodies taken.
pub(super) const FULL_PAUSE: Duration = Duration::from_secs(1);

/// The memory that all bodies may take together: as they arrive, and unpacked until they are stored.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    taken: AtomicUsize,
}

impl Budget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { bytes, taken: AtomicUsize::new(0) }
    }
}

/// A part of the budget, given back when dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Share<'_> {
    /// Takes more. The only request there is gets what it asks for, so that no body within its limits is refused for ever.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let take = |taken: usize| {
            let alone = taken == self.bytes;
            (alone || taken + bytes <= self.budget.bytes).then_some(taken + bytes)
        };
        let taken = self.budget.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map_err(|_| Refusal::Full(FULL_PAUSE))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads all of `body`: at most `body_bytes` and a prefix, within `body_time`.
pub(super) async fn read<'a>(
    body: &mut Incoming,
    limits: &Limits,
    prefix: usize,
    budget: &'a Budget,
) -> Result<(Bytes, Share<'a>), Refusal> {
    let limit = limits.body_bytes + prefix;
    let announced = body.size_hint().upper().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge(limits.body_bytes));
    }
    let mut share = Share { budget, bytes: 0 };
    let collected = collect(body, announced, limit, &mut share);
    let bytes = tokio::time::timeout(limits.body_time, collected).await.map_err(|_| Refusal::Slow)??;
    let bytes = bytes.ok_or(Refusal::TooLarge(limits.body_bytes))?;
    Ok((bytes, share))
}

/// Reads what is left of a refused body and throws it away, so that the connection can be used again.
pub(super) async fn drain(body: &mut Incoming, limits: &Limits) {
    let mut left = limits.body_bytes.saturating_mul(DRAIN_FACTOR);
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // a client that is too slow for this has its connection closed with the answer
    let _ = tokio::time::timeout(limits.body_time, read).await;
}

/// Collects the body; `None` when it is larger than `limit`.
async fn collect(
    body: &mut Incoming,
    announced: Option<usize>,
    limit: usize,
    share: &mut Share<'_>,
) -> Result<Option<Bytes>, Refusal> {
    let first = next(body).await?.unwrap_or_default();
    if announced == Some(first.len()) {
        share.grow(first.len())?;
        return Ok(Some(first));
    }
    let mut whole = BytesMut::with_capacity(announced.unwrap_or(first.len()));
    let mut chunk = Some(first);
    while let Some(data) = chunk {
        if whole.len() + data.len() > limit {
            return Ok(None);
        }
        share.grow(data.len())?;
        whole.extend_from_slice(&data);
        chunk = next(body).await?;
    }
    Ok(Some(whole.freeze()))
}

/// The next data of the body; trailers are passed over.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Refusal::Aborted)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
