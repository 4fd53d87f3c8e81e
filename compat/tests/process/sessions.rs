//! Sessions: their beginning, their end by silence, and their moves from connection to connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base::{SessionId, Zxid};
use compat::client::{Connection, Session, create_body, encoded, event, watch_body};
use compat::{Server, Settings};
use wire::{
    ConnectRequest, CreateMode, EventType, OpCode, PASSWORD_LEN, ReplyHeader, RequestHeader,
    SetWatchesRequest,
};

use crate::{folder, settings, start};

fn request(session: SessionId, password: &[u8]) -> ConnectRequest<'_> {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid::ZERO,
        timeout_ms: 30_000,
        session,
        password: Some(password),
        read_only: Some(false),
    }
}

/// A server whose sessions may be short.
fn quick(settings: Settings) -> Settings {
    settings.line("tickTime=100").line("minSessionTimeout=200").line("maxSessionTimeout=30000")
}

fn renew_fails(server: SocketAddr, session: &Session) -> bool {
    let mut connection = Connection::open(server).unwrap();
    let asked = request(session.id, &session.password);
    let response = connection.handshake(&asked).unwrap().expect("an answer");
    let invalid = response.timeout_ms == 0 && response.session == SessionId::NONE;
    assert!(!invalid || connection.drain_to_end().unwrap().is_empty());
    assert!(!invalid || response.password == [0; PASSWORD_LEN]);
    invalid
}

#[test]
fn a_silent_session_expires_with_its_nodes_and_its_connection() {
    let folder = folder();
    let server = start(&quick(settings(&folder)));
    let mut watcher = Session::open(server.addr(), 30_000).unwrap();
    let mut silent = Session::open(server.addr(), 400).unwrap();
    let heard = Instant::now();
    silent.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    assert!(watcher.exists("/mine", true).unwrap().is_some());
    let frame = watcher.connection.next_frame().unwrap().unwrap();
    assert!(heard.elapsed() >= Duration::from_millis(silent.timeout_ms.unsigned_abs().into()));
    let deleted = event(&frame).unwrap();
    assert_eq!((deleted.event_type, &*deleted.path), (EventType::NodeDeleted as i32, "/mine"));
    assert!(silent.connection.drain_to_end().unwrap().is_empty());
    assert!(renew_fails(server.addr(), &silent));
    assert_eq!(watcher.exists("/mine", false).unwrap(), None);
}

#[test]
fn a_closed_connection_does_not_end_the_session() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut first = Session::open(server.addr(), 30_000).unwrap();
    first.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    let mut other = Session::open(server.addr(), 30_000).unwrap();
    let renewed = {
        let Session { connection, .. } = &mut first;
        *connection = Connection::open(server.addr()).unwrap();
        assert!(other.exists("/mine", false).unwrap().is_some());
        first.renew(server.addr()).unwrap()
    };
    assert_eq!((renewed.id, renewed.password), (first.id, first.password));
    assert!(other.exists("/mine", false).unwrap().is_some());
    renewed.close().unwrap();
    assert_eq!(other.exists("/mine", false).unwrap(), None);
}

#[test]
fn a_session_taken_over_leaves_its_old_connection_and_watches_behind() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut old = Session::open(server.addr(), 30_000).unwrap();
    old.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    old.get_data("/mine", true).unwrap();
    let mut new = old.renew(server.addr()).unwrap();
    assert!(old.connection.drain_to_end().unwrap().is_empty(), "the old connection just ends");
    new.set_data("/mine", b"x").unwrap();
    new.ping().unwrap();
    assert!(new.events.is_empty(), "the watch went with its connection");
    // Watches set again tell what was missed.
    let mut body = Vec::new();
    let missed = SetWatchesRequest {
        relative_zxid: old.last_zxid,
        data: vec!["/mine".into()],
        ..SetWatchesRequest::default()
    };
    missed.write(OpCode::SetWatches, &mut body);
    let header = RequestHeader { xid: ReplyHeader::SET_WATCHES_XID, op: OpCode::SetWatches.code() };
    new.connection.queue(header, &body);
    new.connection.flush().unwrap();
    assert_eq!(new.reply().unwrap().header.xid, ReplyHeader::SET_WATCHES_XID);
    let changed = new.events.pop_front().expect("an event before the reply");
    assert_eq!(event(&changed).unwrap().event_type, EventType::NodeDataChanged as i32);
}

#[test]
fn a_closed_session_cannot_be_renewed() {
    let folder = folder();
    let server = start(&settings(&folder));
    let session = Session::open(server.addr(), 30_000).unwrap();
    let (id, password) = (session.id, session.password);
    session.close().unwrap();
    let mut connection = Connection::open(server.addr()).unwrap();
    let response = connection.handshake(&request(id, &password)).unwrap().unwrap();
    assert_eq!((response.timeout_ms, response.session), (0, SessionId::NONE));
}

/// A client that has seen more than this server must find one that has as well.
#[test]
fn a_client_from_the_future_is_turned_away() {
    let folder = folder();
    let server = start(&settings(&folder));
    let ahead = ConnectRequest {
        last_zxid_seen: Zxid(1_000_000),
        ..request(SessionId::NONE, &[0; PASSWORD_LEN])
    };
    let mut connection = Connection::open(server.addr()).unwrap();
    assert_eq!(connection.handshake(&ahead).unwrap(), None);
}

#[test]
fn timeouts_are_negotiated_within_the_limits() {
    let folder = folder();
    let server = start(&settings(&folder).line("tickTime=2000"));
    for (asked, given) in [(1, 4_000), (10_000, 10_000), (i32::MAX, 40_000), (-5, 4_000)] {
        assert_eq!(Session::open(server.addr(), asked).unwrap().timeout_ms, given, "{asked}");
    }
}

/// Clients up to 3.3 leave the last byte out, and must not be given one.
#[test]
fn an_old_client_neither_sends_nor_gets_the_read_only_byte() {
    let folder = folder();
    let server = start(&settings(&folder));
    let old = ConnectRequest { read_only: None, ..request(SessionId::NONE, &[0; PASSWORD_LEN]) };
    assert_eq!(encoded_len(&old), 44);
    let mut connection = Connection::open(server.addr()).unwrap();
    let response = connection.handshake(&old).unwrap().unwrap();
    assert_eq!((response.timeout_ms, response.read_only), (30_000, None));
    let renewed =
        ConnectRequest { read_only: None, ..request(response.session, &response.password) };
    let mut connection = Connection::open(server.addr()).unwrap();
    let again = connection.handshake(&renewed).unwrap().unwrap();
    assert_eq!((again.session, again.read_only), (response.session, None));
    let wrong = ConnectRequest { read_only: None, ..request(response.session, &[1; PASSWORD_LEN]) };
    let mut connection = Connection::open(server.addr()).unwrap();
    let invalid = connection.handshake(&wrong).unwrap().unwrap();
    assert_eq!((invalid.timeout_ms, invalid.read_only), (0, None));
}

fn encoded_len(request: &ConnectRequest<'_>) -> usize {
    let mut out = Vec::new();
    request.write(&mut out);
    out.len()
}

/// Clients send what they have to say right behind the handshake, and count on it.
#[test]
fn requests_right_behind_the_handshake_are_answered_in_order() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut connection = Connection::open(server.addr()).unwrap();
    let mut body = Vec::new();
    SetWatchesRequest { exist: vec!["/a".into()], ..SetWatchesRequest::default() }
        .write(OpCode::SetWatches, &mut body);
    let auth = encoded(&wire::AuthPacket {
        kind: 0,
        scheme: Some("digest".into()),
        auth: Some(b"user:secret"),
    });
    let mut bytes = Vec::new();
    let start = wire::begin_frame(&mut bytes);
    request(SessionId::NONE, &[0; PASSWORD_LEN]).write(&mut bytes);
    wire::end_frame(&mut bytes, start);
    for (xid, op, body) in [
        (ReplyHeader::AUTH_XID, OpCode::Auth, auth),
        (ReplyHeader::SET_WATCHES_XID, OpCode::SetWatches, body),
        (1, OpCode::Create, create_body("/a", Some(b"x"), CreateMode::Persistent)),
        (2, OpCode::GetData, watch_body("/a", false)),
        (ReplyHeader::PING_XID, OpCode::Ping, Vec::new()),
        (3, OpCode::WhoAmI, Vec::new()),
    ] {
        let start = wire::begin_frame(&mut bytes);
        wire::Record::write(&RequestHeader { xid, op: op.code() }, &mut bytes);
        bytes.extend_from_slice(&body);
        wire::end_frame(&mut bytes, start);
    }
    // In two pieces that end within a frame, so that one waits half read for the handshake.
    let cut = bytes.len() - 30;
    connection.queue_bytes(&bytes[..cut]);
    connection.flush().unwrap();
    connection.queue_bytes(&bytes[cut..]);
    connection.flush().unwrap();
    let greeting = connection.next_payload().unwrap().unwrap();
    assert_eq!(greeting.len(), 37);
    let frames: Vec<_> = (0..7).map(|_| connection.next_frame().unwrap().unwrap()).collect();
    let xids: Vec<i32> = frames.iter().map(|frame| frame.header.xid).collect();
    assert_eq!(xids, [-4, -8, -1, 1, 2, -2, 3]);
    assert!(frames.iter().all(|frame| frame.header.err == 0));
    assert_eq!(event(&frames[2]).unwrap().event_type, EventType::NodeCreated as i32);
    assert!(String::from_utf8_lossy(&frames[6].body).contains("user"));
}

/// The brain must not mix up who asked: many at once, each gets its own.
#[test]
fn sessions_opened_at_once_are_all_different() {
    let folder = folder();
    let server = start(&settings(&folder));
    let ids = open_at_once(&server, 60);
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), ids.len());
}

fn open_at_once(server: &Server, count: usize) -> Vec<SessionId> {
    let address = server.addr();
    let open = || Session::open(address, 30_000).unwrap().id;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
