//! More connections, more bytes and more requests than anybody needs.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use compat::Server;
use compat::client::{Connection, Session, encoded, watch_body};
use wire::{CreateMode, OpCode, SetDataRequest};

use crate::{PATIENCE, Place, open};

const MIB: usize = 1 << 20;

/// What the server holds in memory, in bytes.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count()
}

fn await_that(what: &str, mut seen: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !seen() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// 2146: what a client says that it will send is not made room for.
#[test]
fn fault_34_2146_claimed_lengths_take_no_memory() {
    const CLIENTS: usize = 400;
    let place = Place::new();
    let server = place.start();
    let mut bystander = open(&server);
    let before = resident(&server);
    let claim = 0xf_ffffu32.to_be_bytes();
    let claiming: Vec<TcpStream> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.write_all(&claim).unwrap();
            stream.write_all(b"x").unwrap();
            stream
        })
        .collect();
    bystander.ping().unwrap();
    let sessions: Vec<Session> = (0..CLIENTS / 4)
        .map(|_| {
            let mut session = open(&server);
            session.connection.queue_bytes(&claim);
            session.connection.flush().unwrap();
            session
        })
        .collect();
    bystander.ping().unwrap();
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 32 * MIB, "{grown} bytes for {} claims", claiming.len() + sessions.len());
}

/// 3242: a limit on all connections holds, and costs those who are in nothing.
#[test]
fn fault_34_3242_a_flood_of_connections_is_turned_away() {
    let place = Place::new().line("maxCnxns=20");
    let server = place.start();
    let mut inside = open(&server);
    let flood: Vec<TcpStream> =
        (0..1000).filter_map(|_| TcpStream::connect(server.addr()).ok()).collect();
    await_that("what is too many is closed", || descriptors(&server) < 60);
    inside.create("/served", b"", CreateMode::Ephemeral).unwrap();
    drop(flood);
    await_that("there is room again", || Session::open(server.addr(), 30_000).is_ok());
}

/// 3243: who asks and does not listen holds back itself alone, and memory stays what it is.
#[test]
fn fault_34_3243_a_client_that_does_not_listen_is_not_answered_into_memory() {
    const ANSWER: usize = 500_000;
    let place = Place::new();
    let server = place.start();
    let mut other = open(&server);
    other.create("/large", &vec![1; ANSWER], CreateMode::Persistent).unwrap();
    let before = resident(&server);
    let mut deaf = open(&server);
    // 1 GB of answers, if they were made.
    for _ in 0..2000 {
        deaf.queue(OpCode::GetData, &watch_body("/large", false));
    }
    deaf.connection.flush().unwrap();
    for _ in 0..100 {
        other.get_data("/large", false).unwrap();
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 * MIB, "{grown} bytes");
    // It gets all of them once it listens.
    for _ in 0..2000 {
        assert!(deaf.reply().unwrap().body.len() > ANSWER);
    }
}

/// The same for writes: what is under way has a bound, and all of it is done in the end.
#[test]
fn fault_34_3243_a_flood_of_writes_is_taken_as_it_can_be_written() {
    const CLIENTS: usize = 8;
    const WRITES: usize = 40;
    const BYTES: usize = 200_000;
    let place = Place::new();
    let server = place.start();
    let address = server.addr();
    let writing = |number: usize| {
        let mut session = Session::open(address, 30_000).unwrap();
        let path = format!("/n{number}");
        session.create(&path, b"", CreateMode::Persistent).unwrap();
        let data = vec![1; BYTES];
        let body = encoded(&SetDataRequest { path: path.into(), data: Some(&data), version: -1 });
        for _ in 0..WRITES {
            session.queue(OpCode::SetData, &body);
        }
        session.connection.flush().unwrap();
        (0..WRITES).for_each(|_| assert_eq!(session.reply().unwrap().header.err, 0));
    };
    let peak = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || writing(number))).collect();
        let mut peak = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            peak = peak.max(resident(&server));
            std::thread::sleep(Duration::from_millis(1));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        peak
    });
    assert!(peak < 256 * MIB, "{peak} bytes");
}

/// 4736, 3112: connections that end in any way leave no descriptor behind.
#[test]
fn fault_34_4736_3112_no_descriptor_is_left_behind() {
    const ROUNDS: usize = 60;
    let place = Place::new().property("zookeeper.nio.sessionlessCnxnTimeout=200");
    let server = place.start();
    drop(open(&server));
    let mut steady = open(&server);
    await_that("connections of the start are gone", || descriptors(&server) < 40);
    let before = descriptors(&server);
    let mut silent = Vec::new();
    for _ in 0..ROUNDS {
        open(&server).close().unwrap();
        drop(open(&server));
        drop(TcpStream::connect(server.addr()).unwrap());
        silent.push(TcpStream::connect(server.addr()).unwrap());
        let half = TcpStream::connect(server.addr()).unwrap();
        (&half).write_all(b"\0\0\0\x2d\0").unwrap();
        half.shutdown(Shutdown::Write).unwrap();
        let mut garbage = Connection::open(server.addr()).unwrap();
        garbage.queue_bytes(b"\xff\xff\xff\xffgarbage");
        garbage.flush().unwrap();
        server.word("ruok").unwrap();
    }
    await_that("all descriptors are given back", || descriptors(&server) <= before);
    steady.ping().unwrap();
    assert_eq!(silent.len(), ROUNDS);
}
