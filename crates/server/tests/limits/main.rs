//! What a server does when there is too much of something: connections, requests, bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use server::config::{ConnectionThrottle, RequestThrottle};
use wire::{ErrorCode, OpCode, Record, WatchRequest};

use world::{Client, World};

fn set_many(client: &mut Client, count: usize) {
    (0..count).for_each(|n| {
        client.ask_set("/a", n.to_string().as_bytes());
    });
    client.flush();
}

#[test]
fn sessions_beyond_the_tokens_are_turned_away() {
    let world = World::new(|config| {
        config.connection_throttle =
            ConnectionThrottle { tokens: 2, fill_time_ms: 3_600_000, ..Default::default() };
    });
    let _clients = [world.client(), world.client()];
    assert!(!world.open().shakes_hands());
    assert_eq!(world.metric("connection_rejected"), 1);
    assert_eq!(world.metric("connection_request_count"), 2);
    assert_eq!(world.metric("max_connection_token_deficit"), 2);
}

#[test]
fn who_says_nothing_is_sent_away() {
    let world = World::new(|config| config.listen.sessionless_cnxn_timeout_ms = 100);
    let mut served = world.client();
    let mut silent = world.open();
    assert!(silent.reply().is_none());
    assert_eq!(world.metric("sessionless_connections_expired"), 1);
    // A session is another matter.
    served.ask(OpCode::Ping, |_| {});
    served.done();
}

#[test]
fn a_flood_of_writes_is_answered_in_order_whatever_the_limit() {
    let world = World::new(|config| config.limits.global_outstanding_limit = 3);
    let mut client = world.client();
    client.ask_create("/a", b"");
    client.done();
    set_many(&mut client, 5_000);
    for xid in 2..5_002 {
        let header = client.reply().unwrap().header;
        assert_eq!((header.xid, header.err), (xid, 0));
    }
    assert_eq!(world.metric("outstanding_requests"), 0);
}

#[test]
fn in_a_crowd_everybody_comes_to_their_turn() {
    let world = World::new(|config| config.limits.global_outstanding_limit = 0);
    let mut clients: Vec<Client> = (0..8).map(|_| world.client()).collect();
    clients[0].ask_create("/a", b"");
    clients[0].done();
    for client in &mut clients {
        (0..100).for_each(|_| {
            client.ask_auth("user:password");
            client.ask_data("/a");
            client.ask_set("/a", &[0; 900]);
        });
        client.flush();
    }
    for client in &mut clients {
        (0..300).for_each(|_| assert_eq!(client.reply().unwrap().header.err, 0));
    }
}

#[test]
fn requests_wait_for_those_in_process() {
    let throttle = RequestThrottle { max_requests: 1, ..Default::default() };
    let world = World::new(|config| config.request_throttle = throttle);
    let mut clients = [world.client(), world.client()];
    clients[0].ask_create("/a", b"");
    clients[0].done();
    clients.iter_mut().for_each(|client| set_many(client, 200));
    for client in &mut clients {
        (0..200).for_each(|_| assert_eq!(client.reply().unwrap().header.err, 0));
    }
    assert!(world.metric("request_throttle_wait_count") > 0);
    assert_eq!(world.metric("max_sync_processor_batch_size"), 1);
}

#[test]
fn who_waits_too_long_is_refused_and_nothing_is_done() {
    let throttle =
        RequestThrottle { max_requests: 1, throttled_op_wait_time_ms: 1, ..Default::default() };
    let world = World::new(|config| config.request_throttle = throttle);
    let mut client = world.client();
    client.ask_create("/a", b"");
    client.done();
    set_many(&mut client, 2_000);
    let errors: Vec<i32> = (0..2_000).map(|_| client.reply().unwrap().header.err).collect();
    let refused = errors.iter().filter(|err| **err == ErrorCode::ThrottledOp.code()).count();
    assert!(
        refused > 0 && errors.iter().all(|err| [0, ErrorCode::ThrottledOp.code()].contains(err))
    );
    assert_eq!(world.metric("throttled_ops"), i64::try_from(refused).unwrap());
    client.ask_data("/a");
    let last = errors.iter().rposition(|err| *err == 0).unwrap();
    assert_eq!(client.done().data(), last.to_string().as_bytes());
}

#[test]
fn one_large_request_too_many_ends_its_connection() {
    let world = World::new(|config| {
        config.limits.large_request_threshold_bytes = Some(1_000);
        config.limits.large_request_max_bytes = 5_000;
    });
    let mut client = world.client();
    client.ask_create("/a", b"");
    client.done();
    // One after the other they all fit.
    for _ in 0..3 {
        client.ask_set("/a", &[1; 4_000]);
        client.done();
    }
    client.ask_set("/a", &[2; 6_000]);
    client.flush();
    assert!(client.reply().is_none());
    assert_eq!(world.metric("large_requests_rejected"), 1);
    let mut other = world.client();
    other.ask_data("/a");
    assert_eq!(other.done().data(), [1; 4_000]);
}

#[test]
fn a_client_that_does_not_listen_holds_back_itself() {
    const LARGE: usize = 1_000_000;
    let world = World::new(|_| {});
    let mut client = world.client();
    client.ask_create("/a", &vec![7; LARGE]);
    client.done();
    let asked = 300;
    (0..asked).for_each(|_| {
        client.ask_data("/a");
    });
    client.flush();
    // It is not read any more, and what it asked for is not built.
    let received: i32 = world.await_word("cons", |answer| {
        let line = answer.lines().find(|line| line.contains("[4]"))?;
        line.split_once("recved=")?.1.split_once(',')?.0.parse().ok()
    });
    assert!(received < 50, "{received}");
    for xid in 2..2 + asked {
        let reply = client.reply().unwrap();
        assert_eq!((reply.header.xid, reply.data().len()), (xid, LARGE));
    }
}

#[test]
fn a_flood_of_reads_leaves_others_their_turn() {
    const FLOOD: usize = 400_000;
    let world = World::new(|_| {});
    let mut other = world.client();
    other.ask_create("/a", b"");
    other.done();
    let mut flooding = world.client();
    let mut listening = flooding.twin();
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..FLOOD).for_each(|_| {
                flooding.ask_data("/a");
            });
            flooding.flush();
        });
        scope.spawn(|| {
            for _ in 0..FLOOD {
                assert_eq!(listening.reply().unwrap().header.err, 0);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        while answered.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        for _ in 0..20 {
            other.ask_set("/a", b"");
            other.done();
        }
        assert!(answered.load(Ordering::Relaxed) < FLOOD);
    });
}

#[test]
fn reads_behind_writes_keep_their_order() {
    let world = World::new(|_| {});
    let mut client = world.client();
    client.ask_create("/a", b"");
    client.done();
    for round in 0..5u8 {
        client.ask_set("/a", &[round]);
        (0..300).for_each(|_| {
            client.ask_data("/a");
        });
    }
    client.flush();
    for round in 0..5u8 {
        assert_eq!(client.reply().unwrap().header.err, 0);
        (0..300).for_each(|_| assert_eq!(client.reply().unwrap().data(), [round]));
    }
}

#[test]
fn a_small_request_for_an_endless_reply_is_refused() {
    let world = World::new(|_| {});
    let mut client = world.client();
    client.ask_create("/a", &[7; 1_000_000]);
    client.done();
    client.ask(OpCode::MultiRead, |out| {
        for _ in 0..2_300 {
            (OpCode::GetData.code(), false, -1).write_header(out);
            WatchRequest { path: "/a".into(), watch: false }.write(out);
        }
        (-1, true, -1).write_header(out);
    });
    client.flush();
    assert_eq!(client.reply().unwrap().header.err, ErrorCode::MarshallingError.code());
    client.ask_data("/a");
    assert_eq!(client.done().data().len(), 1_000_000);
}

/// What stands before each part of a multi.
trait WriteHeader {
    fn write_header(self, out: &mut Vec<u8>);
}

impl WriteHeader for (i32, bool, i32) {
    fn write_header(self, out: &mut Vec<u8>) {
        wire::MultiHeader { op: self.0, done: self.1, err: self.2 }.write(out);
    }
}

#[test]
fn an_ending_connection_does_not_wait_for_a_deaf_client() {
    let world = World::new(|config| {
        config.sessions.tick_time_ms = 200;
        config.sessions.min_session_timeout_ms = 200;
        config.sessions.max_session_timeout_ms = 400;
    });
    let mut deaf = world.client();
    deaf.ask_create("/a", &[7; 1_000_000]);
    deaf.done();
    // A write, and reads behind it: all replies come at once, and nobody takes them.
    deaf.ask_set("/a", &[8; 1_000_000]);
    (0..100).for_each(|_| {
        deaf.ask_data("/a");
    });
    deaf.flush();
    // Its session ends, and so does the connection: what remains is the one that asks.
    world.await_word("srvr", |answer| answer.contains("Connections: 1\n").then_some(()));
}
