//! OTLP receivers: HTTP, gRPC and unix socket listeners in front of one service.

mod answer;
mod body;
mod connection;
mod encoding;
mod intake;
mod listen;
mod refusal;
mod service;
mod spooled;
mod stats;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use self::body::Budget;
use self::connection::{Open, Stop};
pub use self::intake::{Format, Intake};
use self::listen::{Listener, Stream};
pub use self::refusal::{REASONS, Refusal};
pub use self::service::HTTP_PATH;
use self::service::Service;
pub use self::spooled::SpoolIntake;
pub use self::stats::Stats;
use crate::runtime;

/// After a failed accept (usually no file descriptors left): give connections time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long tasks that were cut off may take to notice.
const CUT: Duration = Duration::from_millis(200);

/// Where to listen; `None` switches a receiver off.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `HOST:PORT` for OTLP/HTTP.
    pub otlp_http: Option<String>,
    /// `HOST:PORT` for OTLP/gRPC.
    pub otlp_grpc: Option<String>,
    /// Path of a unix socket for both.
    pub socket: Option<PathBuf>,
    /// Threads that serve all of them.
    pub threads: usize,
    /// What one client may take.
    pub limits: Limits,
}

/// What clients may take of the machine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body, as sent and decompressed.
    pub body_bytes: usize,
    /// For all bodies at a time, from their first byte until they are stored, unpacked ones included.
    pub buffered_bytes: usize,
    /// From the end of the headers to the end of the body.
    pub body_time: Duration,
    /// From the connection to the end of the first headers.
    pub first_request: Duration,
    /// Between the end of a request and the end of the next one's headers.
    pub idle: Duration,
    /// Connections of each receiver.
    pub connections: u32,
    /// HTTP/2 requests at a time on one connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            buffered_bytes: 256 << 20,
            body_time: Duration::from_secs(30),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            connections: 1024,
            streams: 128,
        }
    }
}

/// Receivers that are listening.
pub struct Receivers {
    runtime: Mutex<Option<Runtime>>,
    stop: watch::Sender<bool>,
    running: Vec<Running>,
    connections: u32,
}

struct Running {
    name: &'static str,
    address: String,
    stats: Arc<Stats>,
    slots: Arc<Semaphore>,
}

impl Receivers {
    /// Binds all addresses and serves them on threads of their own until stopped; not for use across a fork.
    ///
    /// # Errors
    /// When an address cannot be bound; none is served then. The message names it and what to do.
    pub fn start(settings: &Settings, intake: &Arc<dyn Intake>) -> io::Result<Self> {
        let runtime = runtime::start("pyspan-receive", settings.threads.max(1))?;
        let entered = runtime.enter();
        let listeners = bind_all(settings)?;
        drop(entered);
        let (stop, stopped) = watch::channel(false);
        let budget = Arc::new(Budget::new(settings.limits.buffered_bytes));
        let mut running = Vec::new();
        for (name, listener) in listeners {
            let stats = Arc::<Stats>::default();
            let slots = Arc::new(Semaphore::new(settings.limits.connections as usize));
            running.push(Running { name, address: listener.address(), stats: stats.clone(), slots: slots.clone() });
            let (intake, limits, budget) = (Arc::clone(intake), settings.limits.clone(), budget.clone());
            let service = Service { intake, limits, budget, stats, open: Open::default() };
            let receiver = Receiver { service: Arc::new(service), slots, http2: name == "otlp_grpc" };
            runtime.spawn(receiver.run(listener, stopped.clone()));
        }
        Ok(Self { runtime: Mutex::new(Some(runtime)), stop, running, connections: settings.limits.connections })
    }

    /// Returns the name and the bound address of each receiver.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.running.iter().map(|receiver| (receiver.name, receiver.address.as_str()))
    }

    /// Returns the name and the counters of each receiver.
    pub fn stats(&self) -> impl Iterator<Item = (&'static str, &Stats)> {
        self.running.iter().map(|receiver| (receiver.name, &*receiver.stats))
    }

    /// Stops listening, lets requests under way finish for up to `timeout`, then cuts them off; blocks meanwhile.
    /// Returns whether all ended by themselves.
    pub fn stop(&self, timeout: Duration) -> bool {
        let Some(runtime) = self.runtime.lock().take() else { return true };
        self.stop.send_replace(true);
        let all_ended = async {
            for receiver in &self.running {
                let _all = receiver.slots.acquire_many(self.connections + 1).await;
            }
        };
        let in_time = runtime.block_on(async { tokio::time::timeout(timeout, all_ended).await.is_ok() });
        runtime.shutdown_timeout(CUT);
        in_time
    }
}

impl Drop for Receivers {
    /// Without waiting, since it may happen anywhere; `stop` is the way to end.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.lock().take() {
            runtime.shutdown_background();
        }
    }
}

fn bind_all(settings: &Settings) -> io::Result<Vec<(&'static str, Listener)>> {
    let mut listeners = Vec::new();
    if let Some(address) = &settings.otlp_http {
        listeners.push(("otlp_http", Listener::tcp(address)?));
    }
    if let Some(address) = &settings.otlp_grpc {
        listeners.push(("otlp_grpc", Listener::tcp(address)?));
    }
    if let Some(path) = &settings.socket {
        listeners.push(("socket", Listener::unix(path)?));
    }
    Ok(listeners)
}

/// One listener and its connections.
struct Receiver {
    service: Arc<Service>,
    slots: Arc<Semaphore>,
    http2: bool,
}

impl Receiver {
    /// Accepts until told to stop. The listener holds a slot of its own, so that all slots free means all ended.
    async fn run(self, listener: Listener, stop: Stop) {
        self.slots.add_permits(1);
        let _own = self.slots.acquire().await;
        let protocols = Arc::new(connection::protocols(&self.service.limits));
        let mut stopped = stop.clone();
        loop {
            tokio::select! {
                () = connection::stopped(&mut stopped) => return,
                accepted = listener.accept() => match accepted {
                    Ok(Stream::Tcp(stream)) => self.spawn(stream, &protocols, &stop),
                    Ok(Stream::Unix(stream)) => self.spawn(stream, &protocols, &stop),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }

    /// Serves the connection; over the limit in the place of the one that has been idle for longest.
    fn spawn<S>(&self, stream: S, protocols: &Arc<Builder<TokioExecutor>>, stop: &Stop)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (protocols, service, stop) = (Arc::clone(protocols), Arc::clone(&self.service), stop.clone());
        let (slots, http2) = (Arc::clone(&self.slots), self.http2);
        let free = Arc::clone(&slots).try_acquire_owned().ok();
        tokio::spawn(async move {
            let slot = match free {
                None if service.open.dismiss_longest_idle() => {
                    service.stats.dismissed_connection();
                    tokio::time::timeout(connection::FAREWELL, slots.acquire_owned()).await.ok().and_then(Result::ok)
                }
                free => free,
            };
            if let Some(_slot) = slot {
                connection::serve(stream, &protocols, service, stop).await;
            } else {
                service.stats.refused_connection();
                connection::turn_away(stream, http2).await;
            }
        });
    }
}
