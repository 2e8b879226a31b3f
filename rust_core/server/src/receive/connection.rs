//! One connection: served until it is done, idle for too long or told to stop.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Limits;
use super::service::Service;

/// How long a connection without requests may take to close after it was told to.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);
/// Unread request bytes beyond this are not worth a clean end.
const FAREWELL_BYTES: u64 = 64 * 1024;
const BUSY_HTTP1: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// An empty SETTINGS frame, then GOAWAY: last stream 0, `ENHANCE_YOUR_CALM`.
const BUSY_HTTP2: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b";

/// Builds what hyper needs to serve connections.
pub(super) fn protocols(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // the watch over idle connections below covers slow headers too, in both protocols
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .max_header_list_size(16 * 1024)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Tells connections and listeners that the receivers stop.
pub(super) type Stop = watch::Receiver<bool>;

/// Waits until the receivers stop.
pub(super) async fn stopped(stop: &mut Stop) {
    // an error means that the receivers are gone altogether
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves one connection to its end.
pub(super) async fn serve<S>(stream: S, protocols: &Builder<TokioExecutor>, service: Arc<Service>, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, stats) = (service.limits.clone(), Arc::clone(&service.stats));
    stats.connection();
    let activity = Arc::new(Activity::new());
    let _open = service.open.enter(&activity);
    let answer = service_fn(|request| {
        let (service, guard) = (Arc::clone(&service), Activity::begin(&activity));
        async move {
            let _guard = guard;
            Ok::<_, Infallible>(service.answer(request).await)
        }
    });
    let mut connection = pin!(protocols.serve_connection(TokioIo::new(stream), answer));
    let (mut closing, mut deadline) = (false, activity.idle_at(&limits));
    loop {
        tokio::select! {
            ended = connection.as_mut() => return if ended.is_err() { stats.broken_connection() },
            () = stopped(&mut stop), if !closing => {}
            () = activity.leave.notified(), if !closing => {}
            () = tokio::time::sleep_until(deadline) => {
                if closing && activity.is_idle() {
                    return;
                }
                deadline = activity.idle_at(&limits);
                if !closing && deadline > Instant::now() {
                    continue;
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        (closing, deadline) = (true, Instant::now() + FAREWELL);
    }
}

/// Refuses a connection over the limit in its own protocol, so that clients know to come back.
pub(super) async fn turn_away<S>(mut stream: S, http2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let farewell = async {
        stream.write_all(if http2 { BUSY_HTTP2 } else { BUSY_HTTP1 }).await?;
        stream.shutdown().await?;
        // closing over unread bytes would reset the connection before the answer is read
        tokio::io::copy(&mut (&mut stream).take(FAREWELL_BYTES), &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

/// The connections of one receiver that are open.
#[derive(Default)]
pub(super) struct Open(Mutex<Vec<Arc<Activity>>>);

impl Open {
    fn enter(&self, activity: &Arc<Activity>) -> Entered<'_> {
        self.0.lock().push(Arc::clone(activity));
        Entered(self, Arc::clone(activity))
    }

    /// Tells the connection to close that has been without a request for longest since its last one; returns whether
    /// there is any.
    pub(super) fn dismiss_longest_idle(&self) -> bool {
        let open = self.0.lock();
        let idle = open.iter().filter_map(|activity| Some((activity.idle_since()?, activity)));
        let longest = idle.min_by_key(|(since, _)| *since).map(|(_, activity)| activity.dismiss());
        longest.is_some()
    }
}

/// Takes a connection off the list when it ends.
struct Entered<'a>(&'a Open, Arc<Activity>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut open = self.0.0.lock();
        if let Some(at) = open.iter().position(|activity| Arc::ptr_eq(activity, &self.1)) {
            open.swap_remove(at);
        }
    }
}

/// What a connection is doing.
struct Activity {
    leave: Notify,
    dismissed: AtomicBool,
    opened: Instant,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    last_end_millis: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        let (requests, under_way) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (leave, dismissed, last_end_millis) = (Notify::new(), AtomicBool::new(false), AtomicU64::new(0));
        Self { leave, dismissed, opened: Instant::now(), requests, under_way, last_end_millis }
    }

    fn begin(this: &Arc<Self>) -> UnderWay {
        this.requests.fetch_add(1, Ordering::Relaxed);
        this.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(this))
    }

    fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// Since when it has waited for another request; `None` before its first, or once it was told to leave.
    fn idle_since(&self) -> Option<Instant> {
        let waits = self.is_idle() && self.requests.load(Ordering::Relaxed) > 0;
        (waits && !self.dismissed.load(Ordering::Relaxed)).then(|| self.last_end())
    }

    fn last_end(&self) -> Instant {
        self.opened + Duration::from_millis(self.last_end_millis.load(Ordering::Relaxed))
    }

    fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// When it will have been idle for too long, if nothing happens until then.
    fn idle_at(&self, limits: &Limits) -> Instant {
        if !self.is_idle() {
            return Instant::now() + limits.idle;
        }
        if self.requests.load(Ordering::Relaxed) == 0 {
            return self.opened + limits.first_request;
        }
        self.opened + Duration::from_millis(self.last_end_millis.load(Ordering::Relaxed)) + limits.idle
    }
}

/// A request under way.
struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let millis = self.0.opened.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.0.last_end_millis.store(millis, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
