//! Sessions and connections: who may end whom.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base::{SessionId, Zxid};
use compat::Server;
use compat::client::{Connection, Session, create_body};
use wire::{ConnectRequest, CreateMode, OpCode, PASSWORD_LEN};

use crate::{PATIENCE, Place, open};

fn renewal(session: SessionId, password: &[u8; PASSWORD_LEN]) -> ConnectRequest<'_> {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid::ZERO,
        timeout_ms: 30_000,
        session,
        password: Some(password),
        read_only: Some(false),
    }
}

/// C-002. Ids are public in every ephemeral's stat: who knows one and not the password must not cut its owner off.
#[test]
fn fault_25b_a_wrong_password_does_not_end_the_owners_connection() {
    let place = Place::new();
    let server = place.start();
    let mut owner = open(&server);
    owner.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    owner.get_data("/mine", true).unwrap();
    for password in [[0; PASSWORD_LEN], [7; PASSWORD_LEN]] {
        let mut attacker = Connection::open(server.addr()).unwrap();
        let response = attacker.handshake(&renewal(owner.id, &password)).unwrap().unwrap();
        assert_eq!((response.timeout_ms, response.session), (0, SessionId::NONE));
        assert!(attacker.drain_to_end().unwrap().is_empty());
        assert_eq!(owner.ping().unwrap().header.err, 0);
    }
    let mut attacker = Connection::open(server.addr()).unwrap();
    let none = ConnectRequest { password: None, ..renewal(owner.id, &[0; PASSWORD_LEN]) };
    assert_eq!(attacker.handshake(&none).unwrap().unwrap().timeout_ms, 0);
    open(&server).set_data("/mine", b"x").unwrap();
    owner.ping().unwrap();
    assert_eq!(owner.events.len(), 1, "its watches are as they were");
    // With the right one the session moves.
    let renewed = owner.renew(server.addr()).unwrap();
    assert!(owner.connection.drain_to_end().unwrap().is_empty());
    assert_eq!(renewed.id, owner.id);
}

/// The limit is counted where connections are taken, not a moment later.
#[test]
fn fault_25b_2738_a_burst_of_connects_does_not_overrun_the_limit() {
    const LIMIT: usize = 7;
    let place = Place::new().line(&format!("maxClientCnxns={LIMIT}"));
    let server = place.start();
    let address = server.addr();
    // The harness asked whether it serves: that connection must be gone first.
    await_quiet(&server);
    let connect = || {
        let mut connection = Connection::open(address).unwrap();
        let asked = renewal(SessionId::NONE, &[0; PASSWORD_LEN]);
        let response = connection.handshake(&asked).unwrap();
        response.map(|_| connection)
    };
    let taken: Vec<Connection> = thread::scope(|scope| {
        let threads: Vec<_> = (0..10 * LIMIT).map(|_| scope.spawn(connect)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(taken.len(), LIMIT);
    assert!(connect().is_none());
    drop(taken);
    // Places are free again once their connections are gone.
    let end = Instant::now() + PATIENCE;
    while connect().is_none() {
        assert!(Instant::now() < end, "no place is ever free again");
    }
}

/// Waits until nobody is connected but who asks.
fn await_quiet(server: &Server) {
    let end = Instant::now() + PATIENCE;
    while !server.word("srvr").unwrap().contains("Connections: 1\n") {
        assert!(Instant::now() < end, "connections are never closed");
    }
}

/// Nothing is made for a session whose end is under way: its nodes would stay for ever.
#[test]
fn fault_25_1496_no_ephemeral_is_born_behind_a_closing_session() {
    let place = Place::new();
    let mut server = place.start();
    let mut other = open(&server);
    for round in 0..50 {
        let mut session = open(&server);
        let path = format!("/before-{round}");
        session.queue(OpCode::Create, &create_body(&path, None, CreateMode::Ephemeral));
        session.queue(OpCode::CloseSession, &[]);
        for n in 0..5 {
            let path = format!("/behind-{round}-{n}");
            session.queue(OpCode::Create, &create_body(&path, None, CreateMode::Ephemeral));
        }
        session.connection.flush().unwrap();
        let answered = session.connection.drain_to_end().unwrap();
        assert_eq!(answered.len(), 2, "the create before, and the end");
        other.ping().unwrap();
        assert_eq!(other.children("/", false).unwrap(), ["zookeeper"]);
    }
    server.restart().unwrap();
    assert_eq!(open(&server).children("/", false).unwrap(), ["zookeeper"]);
}

/// The same at a restart: whatever the log says of a session that is not there any more, its ephemerals are gone.
#[test]
fn fault_25_1367_ephemerals_of_dead_sessions_do_not_come_back() {
    let place = Place::new();
    let mut server = place.start();
    let mut lives = open(&server);
    lives.create("/lives", b"", CreateMode::Ephemeral).unwrap();
    let mut dies = open(&server);
    for n in 0..20 {
        dies.create(&format!("/dies-{n}"), b"", CreateMode::Ephemeral).unwrap();
    }
    dies.close().unwrap();
    for _ in 0..3 {
        server.restart().unwrap();
        assert_eq!(open(&server).children("/", false).unwrap(), ["lives", "zookeeper"]);
    }
    lives.renew(server.addr()).unwrap().close().unwrap();
    assert_eq!(open(&server).children("/", false).unwrap(), ["zookeeper"]);
}

/// Many sessions end at once, with many nodes; one that is alive keeps being heard meanwhile.
#[test]
fn fault_27_1049_a_flood_of_expiries_leaves_the_living_alone() {
    const SESSIONS: usize = 200;
    const NODES: usize = 20;
    const TIMEOUT_MS: i32 = 1000;
    let place = Place::new().line("tickTime=100").line("maxSessionTimeout=60000");
    let server = place.start();
    let mut watcher = open(&server);
    let mut living = Session::open(server.addr(), TIMEOUT_MS).unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let pinging = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                living.ping().expect("the living session is alive");
                thread::sleep(Duration::from_millis(50));
            }
        });
        let silent: Vec<Session> = (0..SESSIONS)
            .map(|n| {
                let mut session = Session::open(server.addr(), TIMEOUT_MS).unwrap();
                for k in 0..NODES {
                    let path = format!("/silent-{n}-{k}");
                    session.queue(OpCode::Create, &create_body(&path, None, CreateMode::Ephemeral));
                }
                session.connection.flush().unwrap();
                session
            })
            .collect();
        for mut session in silent {
            // Whatever it still has to say, and then the end that its silence brought.
            session.connection.drain_to_end().unwrap();
        }
        ended.store(true, Ordering::Relaxed);
        pinging.join().unwrap();
    });
    assert_eq!(watcher.children("/", false).unwrap(), ["zookeeper"]);
    living.create("/still", b"", CreateMode::Ephemeral).unwrap();
}

/// Replies of one session come in the order of its requests while others write as well.
#[test]
fn fault_27_1863_4537_replies_are_neither_lost_nor_out_of_order() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 300;
    let place = Place::new();
    let server = place.start();
    let address = server.addr();
    let work = |number: usize| {
        let mut session = Session::open(address, 30_000).unwrap();
        let node = format!("/n{number}");
        session.create(&node, b"", CreateMode::Persistent).unwrap();
        let read = compat::client::watch_body(&node, false);
        let mut asked = Vec::new();
        for round in 0..ROUNDS {
            let path = format!("{node}/{round}");
            asked.push(session.queue(OpCode::GetData, &read));
            asked.push(
                session.queue(OpCode::Create, &create_body(&path, None, CreateMode::Persistent)),
            );
            asked.push(session.queue(OpCode::GetChildren, &read));
            if round % 16 == 0 {
                session.connection.flush().unwrap();
            }
        }
        session.connection.flush().unwrap();
        let answered: Vec<i32> =
            asked.iter().map(|_| session.reply().unwrap().header.xid).collect();
        assert_eq!(answered, asked);
        assert_eq!(session.children(&node, false).unwrap().len(), ROUNDS);
    };
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || work(number));
        }
    });
}

/// 3905 and its like: who is turned away at the handshake has no session, and leaves none behind.
#[test]
fn fault_3905_a_refused_handshake_leaves_no_session_behind() {
    let place = Place::new();
    let server = place.start();
    for _ in 0..5 {
        let mut connection = Connection::open(server.addr()).unwrap();
        let ahead = ConnectRequest {
            last_zxid_seen: Zxid(i64::MAX),
            ..renewal(SessionId::NONE, &[0; PASSWORD_LEN])
        };
        assert_eq!(connection.handshake(&ahead).unwrap(), None);
        drop(TcpStream::connect(server.addr()).unwrap());
    }
    let mntr = server.word("mntr").unwrap();
    assert!(mntr.contains("zk_global_sessions\t0"), "{mntr}");
}
