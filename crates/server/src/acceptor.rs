//! Takes clients in, within the limits, and hands them to the I/O threads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tree::ConnId;

use crate::buffers::Buffers;
use crate::client::Client;
use crate::config::Listen;
use crate::connection::{Connection, Desk, Service};
use crate::metrics::Counter;
use crate::outbox::Outbox;
use crate::server::Stage;

/// Length of the queue of connections that wait to be accepted. Java's 50 drops clients that come
/// back all at once after an outage, each of which then loses a second or more (C-009).
const BACKLOG: u32 = 4096;

/// How long a failed accept is left alone: the process is out of file descriptors, and waiting for
/// one is all that helps.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A client on its way to the I/O thread that will serve it.
pub(crate) struct Arrival {
    socket: TcpStream,
    peer: SocketAddr,
    seat: Seat,
}

/// How many clients there may be, in all and from one address; 0 is any number.
#[derive(Debug)]
pub(crate) struct Seats {
    per_ip_max: u32,
    total_max: u32,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_ip: HashMap<IpAddr, u32>,
    total: u32,
}

/// One client's place; it is free again when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    ip: IpAddr,
}

impl Seats {
    pub(crate) fn new(per_ip_max: u32, total_max: u32) -> Arc<Seats> {
        Arc::new(Seats { per_ip_max, total_max, taken: Mutex::default() })
    }

    fn take(self: &Arc<Seats>, ip: IpAddr) -> Option<Seat> {
        let mut taken = self.taken.lock();
        let Taken { by_ip, total } = &mut *taken;
        let of_ip = by_ip.get(&ip).copied().unwrap_or(0);
        let is_full = |taken: u32, max: u32| max > 0 && taken >= max;
        if is_full(of_ip, self.per_ip_max) || is_full(*total, self.total_max) {
            return None;
        }
        by_ip.insert(ip, of_ip + 1);
        *total += 1;
        Some(Seat { seats: self.clone(), ip })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.total -= 1;
        if let Some(of_ip) = taken.by_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                taken.by_ip.remove(&self.ip);
            }
        }
    }
}

/// Opens the client port: all addresses of both kinds, unless one is named.
///
/// # Errors
/// When the address is taken or is none of this machine's.
pub(crate) fn bind(listen: &Listen) -> io::Result<TcpListener> {
    let any = SocketAddr::from(([0u16; 8], listen.port));
    let named = listen.ip.map(|ip| SocketAddr::new(ip, listen.port));
    match bind_to(named.unwrap_or(any), listen) {
        // A machine without IPv6.
        Err(error) if named.is_none() && error.kind() != io::ErrorKind::AddrInUse => {
            bind_to(SocketAddr::from(([0u8; 4], listen.port)), listen)
        }
        bound => bound,
    }
}

fn bind_to(address: SocketAddr, listen: &Listen) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(listen.backlog.unwrap_or(BACKLOG))
}

/// Accepts until told to stop.
pub(crate) async fn accept(
    listener: TcpListener,
    seats: Arc<Seats>,
    service: Arc<Service>,
    desks: Vec<mpsc::Sender<Arrival>>,
    mut stage: watch::Receiver<Stage>,
) {
    let mut next = desks.iter().cycle();
    let metrics = service.hub.metrics.clone();
    let mut out_of_files = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stage.wait_for(|stage| *stage >= Stage::Closing) => return,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !std::mem::replace(&mut out_of_files, true) {
                    tracing::error!(%error, "cannot accept clients: raise the limit of open files");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        out_of_files = false;
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(seat) = seats.take(peer.ip()) else {
            metrics.add(Counter::ConnectionRejected, 1);
            tracing::warn!(%peer, "too many connections: maxClientCnxns or maxCnxns is reached");
            continue;
        };
        let (Ok(socket), Some(desk)) = (socket.into_std(), next.next()) else { continue };
        if desk.send(Arrival { socket, peer, seat }).await.is_err() {
            return;
        }
    }
}

/// What all I/O threads count connections with.
#[derive(Debug, Default)]
pub(crate) struct ConnIds(AtomicU64);

/// One I/O thread: serves the clients that it is given until there are no more to come.
pub(crate) async fn serve_clients(
    service: Arc<Service>,
    ids: Arc<ConnIds>,
    listen: Listen,
    mut arrivals: mpsc::Receiver<Arrival>,
) {
    let desk = Rc::new(RefCell::new(Desk::new(service.hub.metrics.recorder())));
    let (courier, hub) = (desk.clone(), service.hub.clone());
    tokio::task::spawn_local(poll_fn(move |cx| {
        courier.borrow_mut().poll_courier(cx, &hub);
        Poll::<()>::Pending
    }));
    // Of this thread alone: nothing bounces between cores that every batch of requests touches.
    let buffers = Buffers::default();
    while let Some(arrival) = arrivals.recv().await {
        let conn = ConnId(ids.0.fetch_add(1, Ordering::Relaxed));
        let Arrival { socket, peer, seat } = arrival;
        match seat_client(&service, conn, socket, peer, &listen, &buffers) {
            Ok(connection) => {
                let patience = Duration::from_millis(listen.sessionless_cnxn_timeout_ms.into());
                let serve = serve(connection, desk.clone(), patience, seat);
                tokio::task::spawn_local(serve);
            }
            Err(error) => tracing::debug!(%peer, %error, "the client is gone already"),
        }
    }
}

fn seat_client(
    service: &Arc<Service>,
    conn: ConnId,
    socket: TcpStream,
    peer: SocketAddr,
    listen: &Listen,
    buffers: &Buffers,
) -> io::Result<Connection> {
    socket.set_nodelay(true)?;
    if listen.tcp_keep_alive {
        rustix::net::sockopt::set_socket_keepalive(&socket, true)?;
    }
    let (reader, writer) = tokio::net::TcpStream::from_std(socket)?.into_split();
    let hub = &service.hub;
    let outbox = Outbox::new(writer, &hub.arrears, buffers);
    let client = Client::new(conn, peer, outbox, hub.clock.now());
    Ok(Connection::new(service.clone(), Arc::new(client), reader))
}

async fn serve(
    mut connection: Connection,
    desk: Rc<RefCell<Desk>>,
    patience: Duration,
    seat: Seat,
) {
    let hub = connection.service.hub.clone();
    // Most connections wait for most of their lives: they keep no timer.
    let mut impatience = Some(Box::pin(tokio::time::sleep(patience)));
    poll_fn(|cx| {
        let mut desk = desk.borrow_mut();
        let ended = connection.poll(cx, &mut desk);
        if ended.is_pending() && connection.is_fresh() {
            // Who says nothing for so long is no client.
            if impatience.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                desk.recorder.add(Counter::SessionlessConnectionsExpired, 1);
                return Poll::Ready(());
            }
        } else {
            impatience = None;
        }
        ended
    })
    .await;
    // What it asked for comes before its end.
    desk.borrow_mut().deliver(&hub);
    drop(connection);
    drop(seat);
}
