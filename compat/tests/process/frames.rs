//! Bytes that are no requests: they cost their sender its connection, and nobody else anything.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use compat::client::{Session, create_body};
use wire::{CreateMode, ErrorCode, OpCode, Record, RequestHeader, SetDataRequest};

use crate::{PATIENCE, folder, settings, start};

/// The longest frame by default (`jute.maxbuffer`).
const FRAME_BYTES_MAX: usize = 0xf_ffff;

fn open(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// All that the server says until it hangs up.
fn last_words(mut stream: TcpStream) -> Vec<u8> {
    let mut words = Vec::new();
    match stream.read_to_end(&mut words) {
        Ok(_) => words,
        // It hung up without having read everything.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => words,
        Err(error) => panic!("the server does not hang up: {error}"),
    }
}

#[test]
fn what_is_no_handshake_ends_the_connection_without_a_word() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut bystander = Session::open(server.addr(), 30_000).unwrap();
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n".as_slice(),
        tls_hello,
        &[0xff; 64],
        // A negative length, one beyond the limit, frames that hold no connect request.
        &(-2i32).to_be_bytes(),
        &0x10_0000i32.to_be_bytes(),
        &[0, 0, 0, 0],
        &[0, 0, 0, 3, 1, 2, 3],
        &[0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut stream = open(server.addr());
        stream.write_all(bytes).unwrap();
        assert_eq!(last_words(stream), b"", "{bytes:?}");
    }
    bystander.ping().unwrap();
    let log = server.log();
    assert!(log.contains("frame of 1195725856 bytes") && log.contains("127.0.0.1:"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_frame_at_the_limit_is_taken_and_one_beyond_ends_the_connection() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.create("/n", b"", CreateMode::Persistent).unwrap();
    // Header, path, length of the data, version.
    let data = vec![1; FRAME_BYTES_MAX - 8 - 6 - 4 - 4];
    let stat = session.set_data("/n", &data).unwrap();
    assert_eq!(usize::try_from(stat.data_length), Ok(data.len()));
    let longer = vec![1; data.len() + 1];
    let mut body = Vec::new();
    SetDataRequest { path: "/n".into(), data: Some(&longer), version: -1 }.write(&mut body);
    session.queue(OpCode::SetData, &body);
    session.connection.flush().unwrap();
    assert!(session.connection.drain_to_end().unwrap().is_empty());
    // It cost the connection; the session is as it was.
    let mut session = session.renew(server.addr()).unwrap();
    assert_eq!(session.get_data("/n", false).unwrap().1.version, 1);
}

#[test]
fn half_a_frame_and_no_more_ends_the_connection_alone() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut bystander = Session::open(server.addr(), 30_000).unwrap();
    for bytes in [&[0][..], &[0, 0, 0, 45], &[0, 0, 0, 45, 0, 0, 0]] {
        let mut stream = open(server.addr());
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(last_words(stream), b"");
    }
    // Within a session: the connection ends, the session does not.
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    session.connection.queue_bytes(&[0, 0, 0, 8, 0]);
    session.connection.flush().unwrap();
    let renewed = session.renew(server.addr()).unwrap();
    assert_eq!(renewed.id, session.id);
    assert!(bystander.exists("/mine", false).unwrap().is_some());
}

/// Who says nothing, or not enough, is no client.
#[test]
fn a_connection_without_a_session_is_closed_in_time() {
    let folder = folder();
    let patience = Duration::from_millis(300);
    let server = start(&settings(&folder).property("zookeeper.nio.sessionlessCnxnTimeout=300"));
    let begun = Instant::now();
    let silent = [b"".as_slice(), b"\0\0\0", b"\0\0\0\x2d\0\0"].map(|bytes| {
        let mut stream = open(server.addr());
        stream.write_all(bytes).unwrap();
        stream
    });
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    for stream in silent {
        assert_eq!(last_words(stream), b"");
        assert!(begun.elapsed() >= patience);
    }
    session.ping().unwrap();
}

#[test]
fn an_unknown_operation_is_refused_and_ends_the_connection() {
    let folder = folder();
    let server = start(&settings(&folder));
    // Unused numbers, and such as are no client's to send (C-010).
    for op in [10, 23, 99, 108, -5, 0, 13, -1, -10, i32::MAX, i32::MIN] {
        let mut session = Session::open(server.addr(), 30_000).unwrap();
        session.connection.queue(RequestHeader { xid: 7, op }, &[]);
        session.connection.flush().unwrap();
        let frames = session.connection.drain_to_end().unwrap();
        let answers: Vec<_> =
            frames.iter().map(|frame| (frame.header.xid, frame.header.err)).collect();
        assert_eq!(answers, [(7, ErrorCode::Unimplemented.code())], "{op}");
    }
}

/// A body that cannot be read is the request's fault, not the connection's.
#[test]
fn an_unreadable_body_is_answered_in_its_turn() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    let negative = (-2i32).to_be_bytes();
    for op in [OpCode::Create, OpCode::SetData, OpCode::GetData, OpCode::Multi, OpCode::AddWatch] {
        for body in [&[][..], &[0, 0], &negative, &[0, 0xff, 0xff, 0xff, 1], &[0x7f; 8]] {
            let create = create_body("/n", None, CreateMode::EphemeralSequential);
            let before = session.queue(OpCode::Create, &create);
            let xid = session.queue(op, body);
            let after = session.queue(OpCode::Sync, &[0, 0, 0, 1, b'/']);
            session.connection.flush().unwrap();
            let replies = [(); 3].map(|()| session.reply().unwrap().header);
            assert_eq!(replies.map(|reply| reply.xid), [before, xid, after]);
            let errors = replies.map(|reply| reply.err);
            assert_eq!(errors, [0, ErrorCode::MarshallingError.code(), 0], "{op:?} {body:?}");
        }
    }
}

#[test]
fn a_request_without_a_whole_header_ends_the_connection() {
    let folder = folder();
    let server = start(&settings(&folder));
    for bytes in [&[0, 0, 0, 0][..], &[0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]] {
        let mut session = Session::open(server.addr(), 30_000).unwrap();
        session.connection.queue_bytes(bytes);
        session.connection.flush().unwrap();
        assert!(session.connection.drain_to_end().unwrap().is_empty());
    }
}
