//! Listening sockets: TCP and unix, bound with errors that say what to do.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

const BACKLOG: i32 = 1024;

/// A bound socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A stream of either kind.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Binds a TCP address of the form `HOST:PORT`; port 0 takes a free one.
    pub(super) fn tcp(address: &str) -> io::Result<Self> {
        let bind = || TcpListener::from_std(bind_tcp(address)?);
        bind().map(Self::Tcp).map_err(|error| explain(&error, address))
    }

    /// Binds a unix socket that only its owner may use; the file of a dead process is replaced.
    pub(super) fn unix(path: &Path) -> io::Result<Self> {
        let bind = || {
            remove_stale(path)?;
            let listener = UnixListener::from_std(bind_unix(path)?)?;
            Ok(Self::Unix(listener, SocketFile::of(path)?))
        };
        bind().map_err(|error: io::Error| explain(&error, &path.display().to_string()))
    }

    /// Returns where it listens.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|_| String::new(), |address| address.to_string()),
            Self::Unix(_, file) => file.path.display().to_string(),
        }
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

/// The file of a unix socket; removed when dropped, unless somebody has put another in its place.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // nothing to be done where it fails: the next start removes it as stale
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn bind_tcp(address: &str) -> io::Result<StdTcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.to_socket_addrs()? {
        match bind_address(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_address(address: SocketAddr) -> io::Result<StdTcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(file) = fs::symlink_metadata(path) else { return Ok(()) };
    if !file.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is in the way"));
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The mode is set before the bind gives the socket a file, so that at no moment others can connect.
fn bind_unix(path: &Path) -> io::Result<StdUnixListener> {
    let socket = File::from(OwnedFd::from(Socket::new(Domain::UNIX, Type::STREAM, None)?));
    socket.set_permissions(Permissions::from_mode(0o600))?;
    let socket = Socket::from(OwnedFd::from(socket));
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(StdUnixListener::from(OwnedFd::from(socket)))
}

fn explain(error: &io::Error, address: &str) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; stop the process that listens there or choose another address",
        io::ErrorKind::PermissionDenied => "; choose a port from 1024 on or a folder of your own",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        io::ErrorKind::NotFound => "; create the folder first",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{advice}"))
}
