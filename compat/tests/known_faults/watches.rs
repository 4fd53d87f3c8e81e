//! Watches that told too much, too little, or the wrong ones.

use compat::client::{Session, encoded, event};
use wire::{
    Acl, AddWatchMode, AddWatchRequest, CreateMode, EventType, OpCode, Perms, ReplyHeader,
    RequestHeader, SetWatchesRequest,
};

use crate::{Place, create, open, write};

/// Events that have come, as type and path; a ping behind them shows that there are no more.
fn heard(session: &mut Session) -> Vec<(i32, String)> {
    session.ping().unwrap();
    let events = session.events.drain(..).map(|frame| {
        let event = event(&frame).unwrap();
        (event.event_type, event.path.into_owned())
    });
    events.collect()
}

fn add_watch(session: &mut Session, path: &str, mode: AddWatchMode) {
    let body = encoded(&AddWatchRequest { path: path.into(), mode });
    assert_eq!(session.call(OpCode::AddWatch, &body).unwrap().header.err, 0);
}

fn set_watches(session: &mut Session, request: &SetWatchesRequest<'_>) {
    let mut body = Vec::new();
    request.write(OpCode::SetWatches2, &mut body);
    let header =
        RequestHeader { xid: ReplyHeader::SET_WATCHES_XID, op: OpCode::SetWatches2.code() };
    session.connection.queue(header, &body);
    session.connection.flush().unwrap();
    assert_eq!(session.reply().unwrap().header.err, 0);
}

fn of(event: EventType, path: &str) -> (i32, String) {
    (event as i32, path.to_owned())
}

/// A client that comes back hears what it missed, once, and nothing that it had heard.
#[test]
fn fault_26_1412_watches_set_again_fire_for_what_was_missed_alone() {
    let place = Place::new();
    let mut server = place.start();
    let mut session = open(&server);
    for path in ["/changed", "/same", "/gone", "/parent", "/quiet"] {
        session.create(path, b"", CreateMode::Persistent).unwrap();
    }
    let seen = session.last_zxid;
    let mut other = open(&server);
    other.set_data("/changed", b"x").unwrap();
    other.delete("/gone").unwrap();
    other.create("/parent/child", b"", CreateMode::Persistent).unwrap();
    other.create("/born", b"", CreateMode::Persistent).unwrap();
    server.restart().unwrap();

    let mut session = session.renew(server.addr()).unwrap();
    let paths = |paths: &[&'static str]| paths.iter().map(|path| (*path).into()).collect();
    set_watches(
        &mut session,
        &SetWatchesRequest {
            relative_zxid: seen,
            data: paths(&["/changed", "/same", "/gone"]),
            exist: paths(&["/born", "/unborn"]),
            child: paths(&["/parent", "/quiet"]),
            persistent: paths(&["/changed"]),
            persistent_recursive: paths(&["/parent"]),
        },
    );
    assert_eq!(
        heard(&mut session),
        [
            of(EventType::NodeDataChanged, "/changed"),
            of(EventType::NodeDeleted, "/gone"),
            of(EventType::NodeCreated, "/born"),
            of(EventType::NodeChildrenChanged, "/parent"),
        ]
    );
    // What had nothing to tell is armed, what has told is not.
    let mut other = open(&server);
    other.set_data("/same", b"x").unwrap();
    other.create("/unborn", b"", CreateMode::Persistent).unwrap();
    other.create("/gone", b"", CreateMode::Persistent).unwrap();
    other.create("/quiet/child", b"", CreateMode::Persistent).unwrap();
    assert_eq!(
        heard(&mut session),
        [
            of(EventType::NodeDataChanged, "/same"),
            of(EventType::NodeCreated, "/unborn"),
            of(EventType::NodeChildrenChanged, "/quiet"),
        ]
    );
}

#[test]
fn fault_26_4475_a_recursive_watch_is_not_told_of_children_changing() {
    let place = Place::new();
    let server = place.start();
    let mut session = open(&server);
    session.create("/a", b"", CreateMode::Persistent).unwrap();
    add_watch(&mut session, "/a", AddWatchMode::PersistentRecursive);
    let mut other = open(&server);
    for _ in 0..2 {
        other.create("/a/b", b"", CreateMode::Persistent).unwrap();
        other.set_data("/a/b", b"x").unwrap();
        other.delete("/a/b").unwrap();
        assert_eq!(
            heard(&mut session),
            [
                of(EventType::NodeCreated, "/a/b"),
                of(EventType::NodeDataChanged, "/a/b"),
                of(EventType::NodeDeleted, "/a/b"),
            ]
        );
    }
    // Also when the same connection has a standard watch on the children.
    session.children("/a", true).unwrap();
    other.create("/a/c", b"", CreateMode::Persistent).unwrap();
    let both = [of(EventType::NodeCreated, "/a/c"), of(EventType::NodeChildrenChanged, "/a")];
    assert_eq!(heard(&mut session), both);
}

/// CVE-2024-23944: a persistent watch told the names of nodes that its owner may not read. The ACL is looked at when
/// the watch fires, for each watcher by itself.
#[test]
fn cve_2024_23944_a_watch_tells_only_those_who_may_read() {
    let place = Place::new();
    let server = place.start();
    let mut owner = open(&server);
    owner.auth_digest("owner:secret").unwrap();
    owner.create("/a", b"", CreateMode::Persistent).unwrap();
    let mut stranger = open(&server);
    let mut friend = open(&server);
    friend.auth_digest("owner:secret").unwrap();
    for watcher in [&mut stranger, &mut friend] {
        add_watch(watcher, "/a", AddWatchMode::PersistentRecursive);
        add_watch(watcher, "/a/hidden", AddWatchMode::Persistent);
        watcher.exists("/a/hidden", true).unwrap();
    }
    let own = [Acl { perms: Perms::ALL, id: wire::Id::new("auth", "") }];
    assert_eq!(write(&mut owner, &create("/a/hidden", &own, 0)), 0);
    owner.set_data("/a/hidden", b"x").unwrap();
    owner.create("/a/open", b"", CreateMode::Persistent).unwrap();
    owner.delete("/a/hidden").unwrap();
    assert_eq!(heard(&mut stranger), [of(EventType::NodeCreated, "/a/open")]);
    assert_eq!(
        heard(&mut friend),
        [
            of(EventType::NodeCreated, "/a/hidden"),
            of(EventType::NodeDataChanged, "/a/hidden"),
            of(EventType::NodeCreated, "/a/open"),
            of(EventType::NodeDeleted, "/a/hidden"),
        ]
    );
    // Who proves to be the owner later is told from then on.
    stranger.auth_digest("owner:secret").unwrap();
    assert_eq!(write(&mut owner, &create("/a/hidden", &own, 0)), 0);
    assert_eq!(heard(&mut stranger), [of(EventType::NodeCreated, "/a/hidden")]);
}
