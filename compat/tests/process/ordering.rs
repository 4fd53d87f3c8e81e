//! What a session may rely on: the order of its answers, and of events among them.

use base::Zxid;
use compat::client::{Frame, Session, event, reader, watch_body};
use wire::{CreateMode, EventType, OpCode, Record, SetDataRequest, Stat};

use crate::{folder, settings, start};

fn set_body(path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    SetDataRequest { path: path.into(), data: Some(data), version: -1 }.write(&mut body);
    body
}

fn data_and_stat(frame: &Frame) -> (Vec<u8>, Stat) {
    let mut input = reader(&frame.body);
    let data: wire::Buffer<'_> = input.read().unwrap();
    (data.unwrap().to_vec(), input.read().unwrap())
}

/// Reads wait for the session's own writes before them, and do not see those behind them.
#[test]
fn pipelined_requests_are_answered_in_order_and_see_each_other() {
    const ROUNDS: i32 = 400;
    let folder = folder();
    let server = start(&settings(&folder));
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.create("/n", b"0", CreateMode::Persistent).unwrap();
    let mut xids = Vec::new();
    for round in 1..=ROUNDS {
        xids.push(session.queue(OpCode::GetData, &watch_body("/n", false)));
        xids.push(session.queue(OpCode::SetData, &set_body("/n", round.to_string().as_bytes())));
        xids.push(session.queue(OpCode::GetData, &watch_body("/n", false)));
        xids.push(session.queue(OpCode::Exists, &watch_body("/absent", false)));
    }
    session.connection.flush().unwrap();
    let replies: Vec<Frame> = xids.iter().map(|_| session.reply().unwrap()).collect();
    let answered: Vec<i32> = replies.iter().map(|reply| reply.header.xid).collect();
    assert_eq!(answered, xids);
    let zxids: Vec<Zxid> = replies.iter().map(|reply| reply.header.zxid).collect();
    assert!(zxids.is_sorted());
    for (round, replies) in (0..ROUNDS).zip(replies.chunks(4)) {
        assert_eq!(data_and_stat(&replies[0]).0, round.to_string().as_bytes());
        let (data, stat) = data_and_stat(&replies[2]);
        assert_eq!((data, stat.version), ((round + 1).to_string().into_bytes(), round + 1));
        assert_eq!(replies[1].header.zxid, stat.mzxid);
    }
}

/// However reads and another session's writes meet: whoever watches hears of a change before it sees it.
#[test]
fn an_event_comes_before_any_reply_that_shows_the_change() {
    const WRITES: i32 = 1000;
    let folder = folder();
    let server = start(&settings(&folder));
    let mut watcher = Session::open(server.addr(), 30_000).unwrap();
    watcher.create("/n", b"0", CreateMode::Persistent).unwrap();
    let address = server.addr();
    let writing = std::thread::spawn(move || {
        let mut writer = Session::open(address, 30_000).unwrap();
        for round in 0..WRITES {
            writer.queue(OpCode::SetData, &set_body("/n", b"x"));
            if round % 4 == 3 {
                writer.connection.flush().unwrap();
                (0..4).for_each(|_| drop(writer.reply().unwrap()));
            }
        }
    });
    let (mut armed, mut seen, mut told) = (None, 0, 0);
    let mut last = Zxid::ZERO;
    for _ in 0..8 {
        watcher.queue(OpCode::GetData, &watch_body("/n", true));
    }
    while seen < WRITES {
        watcher.queue(OpCode::GetData, &watch_body("/n", true));
        watcher.connection.flush().unwrap();
        let reply = watcher.reply().unwrap();
        for heard in watcher.events.drain(..) {
            assert_eq!(event(&heard).unwrap().event_type, EventType::NodeDataChanged as i32);
            assert!(armed.take().is_some(), "one watch, one event");
            told += 1;
        }
        let version = data_and_stat(&reply).1.version;
        if let Some(watched) = armed {
            assert_eq!(version, watched, "a change was seen before it was told");
        }
        armed = Some(version);
        assert!(reply.header.zxid >= last && version >= seen);
        (last, seen) = (reply.header.zxid, version);
    }
    writing.join().unwrap();
    assert!(told > 0, "reads and writes never met");
}

#[test]
fn a_writer_hears_its_own_event_before_its_reply() {
    let folder = folder();
    let server = start(&settings(&folder));
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.exists("/n", true).unwrap();
    session.children("/", true).unwrap();
    let body = compat::client::create_body("/n", None, CreateMode::Persistent);
    session.queue(OpCode::Create, &body);
    session.connection.flush().unwrap();
    let frames: Vec<Frame> =
        (0..3).map(|_| session.connection.next_frame().unwrap().unwrap()).collect();
    let heard: Vec<(i32, String)> = frames[..2]
        .iter()
        .map(|frame| event(frame).unwrap())
        .map(|event| (event.event_type, event.path.into_owned()))
        .collect();
    let created = (EventType::NodeCreated as i32, "/n".to_owned());
    let children = (EventType::NodeChildrenChanged as i32, "/".to_owned());
    assert_eq!(heard, [created, children]);
    assert!(!frames[2].is_event());
    assert!(frames.iter().all(|frame| frame.header.zxid == frames[2].header.zxid));
}
