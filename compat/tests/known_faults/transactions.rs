//! Transactions that are written and then cannot be read, or cannot be applied.

use base::SessionId;
use compat::client::create_body;
use compat::handmade::{self, created, entry, log};
use compat::{Kind, Release, Server};
use wire::{
    Acl, CreateMode, CreateRequest, CreateTtlTxn, ErrorCode, Id, OpCode, Perms, SubTxn, Txn,
    WriteRequest,
};

use crate::{Place, SOMEBODY, create, error_of, open, write};

/// Longer than any entry that Java reads by default: twice `jute.maxbuffer`.
const ENTRY_BYTES_MAX: usize = 2 * 0xf_ffff;

/// C-005. Java writes all the paths into one transaction, which nobody can read again.
#[test]
fn fault_31b_4306_a_session_may_leave_more_ephemerals_than_a_transaction_holds() {
    const NAME: usize = 1000;
    let place = Place::new();
    let mut server = place.start();
    let mut other = open(&server);
    other.create("/kept", b"data", CreateMode::Persistent).unwrap();
    let mut session = open(&server);
    let count = ENTRY_BYTES_MAX / NAME + 100;
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        for n in chunk {
            let path = format!("/{n:0NAME$}");
            session.queue(OpCode::Create, &create_body(&path, None, CreateMode::Ephemeral));
        }
        session.connection.flush().unwrap();
        for _ in chunk {
            assert_eq!(session.reply().unwrap().header.err, 0);
        }
    }
    assert_eq!(other.children("/", false).unwrap().len(), count + 2);
    session.close().unwrap();
    for kind in [Kind::rookeeper(), Kind::Java(Release::V3_9), Kind::rookeeper()] {
        server.terminate().unwrap();
        server.restart_as(kind).unwrap();
        assert_eq!(open(&server).children("/", false).unwrap(), ["kept", "zookeeper"]);
    }
}

/// C-005. The lists of a request grow while it is prepared: an entry `auth` becomes all that its owner has proved to
/// be. What counts is how long the transaction will be.
#[test]
fn fault_33_3496_a_transaction_too_long_to_be_read_is_refused_at_the_door() {
    const PARTS: usize = 300;
    let place = Place::new();
    let mut server = place.start();
    let mut session = open(&server);
    let name = "n".repeat(ENTRY_BYTES_MAX / PARTS);
    session.auth_digest(&format!("{name}:secret")).unwrap();
    let own = [Acl { perms: Perms::ALL, id: Id::new("auth", "") }];
    let paths: Vec<String> = (0..PARTS).map(|n| format!("/n{n}")).collect();
    let multi = WriteRequest::Multi(paths.iter().map(|path| create(path, &own, 0)).collect());
    let code = write(&mut session, &multi);
    assert_eq!(code, ErrorCode::BadArguments.code());
    // The session lives on, nothing was done, and what does fit is taken.
    assert_eq!(session.children("/", false).unwrap(), ["zookeeper"]);
    let half = WriteRequest::Multi(paths[..PARTS / 2].iter().map(|p| create(p, &own, 0)).collect());
    assert_eq!(write(&mut session, &half), 0);
    for kind in [Kind::rookeeper(), Kind::Java(Release::V3_9)] {
        server.terminate().unwrap();
        server.restart_as(kind).unwrap();
        assert_eq!(open(&server).children("/", false).unwrap().len(), PARTS / 2 + 1);
    }
}

/// The same where `jute.maxbuffer` is small: what is written fits what is read.
#[test]
fn fault_33_3496_the_limit_is_that_of_the_configuration() {
    let place = Place::new().property("jute.maxbuffer=2000");
    let mut server = place.start();
    let mut session = open(&server);
    let name = "n".repeat(900);
    session.auth_digest(&format!("{name}:secret")).unwrap();
    let own = [Acl { perms: Perms::ALL, id: Id::new("auth", "") }];
    let multi = |count: usize| {
        const PATHS: [&str; 6] = ["/a", "/b", "/c", "/d", "/e", "/f"];
        WriteRequest::Multi(PATHS[..count].iter().map(|path| create(path, &own, 0)).collect())
    };
    assert_eq!(write(&mut session, &multi(6)), ErrorCode::BadArguments.code());
    assert_eq!(write(&mut session, &multi(3)), 0);
    server.terminate().unwrap();
    server.restart_as(Kind::Java(Release::V3_9)).unwrap();
    assert_eq!(open(&server).children("/", false).unwrap(), ["a", "b", "c", "zookeeper"]);
}

fn create_ttl(path: &str, flags: i32, ttl_ms: i64) -> WriteRequest<'_> {
    WriteRequest::Create(CreateRequest {
        op: OpCode::CreateTtl,
        path: path.into(),
        data: None,
        acl: Some(vec![Acl::world(Perms::ALL)]),
        flags,
        ttl_ms,
    })
}

/// C-004. Java takes such a request, and then every server that applies it exits, at each start anew.
#[test]
fn fault_33b_a_ttl_that_no_server_can_apply_is_refused() {
    for extended in [false, true] {
        let place = Place::new().property(&format!("zookeeper.extendedTypesEnabled={extended}"));
        let mut server = place.start();
        let mut session = open(&server);
        for flags in 0..=4 {
            for ttl_ms in [-1, i64::MIN, 0, 1000] {
                let code = write(&mut session, &create_ttl("/poison", flags, ttl_ms));
                assert_eq!(code, ErrorCode::BadArguments.code(), "{flags} {ttl_ms}");
            }
        }
        for ttl_ms in [-1, 0, i64::MAX] {
            let code = write(&mut session, &create_ttl("/poison", 5, ttl_ms));
            let expected =
                if extended { ErrorCode::BadArguments } else { ErrorCode::Unimplemented };
            assert_eq!(code, expected.code(), "{ttl_ms}");
        }
        session.create("/after", b"", CreateMode::Persistent).unwrap();
        server.restart().unwrap();
        let names = session.renew(server.addr()).unwrap().children("/", false).unwrap();
        assert_eq!(names, ["after", "zookeeper"]);
    }
}

/// C-004. A log of Java's that holds one does not end ours, and what stands behind it is not lost.
#[test]
fn fault_33b_a_log_of_javas_with_a_poisonous_transaction_is_survived() {
    let poison = |path: &'static str| CreateTtlTxn {
        path: path.into(),
        data: Some(b"x"),
        acl: Some(vec![Acl::world(Perms::ALL)]),
        parent_cversion: 2,
        ttl_ms: -1,
    };
    let mut part = Vec::new();
    Txn::CreateTtl(poison("/poison-2")).write(&mut part);
    let multi = Txn::Multi(vec![SubTxn { op: OpCode::CreateTtl.code(), data: Some(&part) }]);
    let entries = [
        entry(1, SOMEBODY, Txn::CreateSession(30_000)),
        handmade::create(2, "/before"),
        entry(3, SOMEBODY, Txn::CreateTtl(poison("/poison"))),
        entry(4, SOMEBODY, multi),
        entry(5, SessionId::NONE, Txn::Create(created("/after"))),
    ];
    for extended in [false, true] {
        let place =
            Place::new().property(&format!("zookeeper.extendedTypesEnabled={extended}")).founded();
        place.put("log.1", &log(&entries));
        let mut server = place.start();
        for _ in 0..2 {
            let mut session = open(&server);
            assert_eq!(session.children("/", false).unwrap(), ["after", "before", "zookeeper"]);
            assert_eq!(error_of(session.get_data("/poison", false)), Some(ErrorCode::NoNode));
            session.create("/goes-on", b"", CreateMode::Ephemeral).unwrap();
            session.close().unwrap();
            server.restart().unwrap();
        }
    }
}

/// A transaction of a type that no one knows: refused with its place, rather than passed over.
#[test]
fn fault_33b_an_unknown_transaction_stops_the_start_with_its_place() {
    let place = Place::new().founded();
    let mut payload = handmade::payload(2, SOMEBODY, Txn::Error(-101));
    payload[31] = 98;
    let mut unknown = Vec::new();
    storage::frame_entry(&payload, &mut unknown);
    place.put("log.1", &log(&[handmade::create(1, "/before"), unknown]));
    let refusal = place.refusal();
    assert_eq!(refusal.code, Some(1));
    let file = place.file("log.1").display().to_string();
    for words in [&file, "0x1", "log-undecodable"] {
        assert!(refusal.log.contains(words), "{words:?} is missing:\n{}", refusal.log);
    }
}

/// A judge of the judge: Java itself does not survive what ours refuses, so the rows above are needed.
#[test]
fn fault_33b_java_itself_does_not_start_on_such_a_log() {
    let place = Place::new().founded();
    let poison = CreateTtlTxn {
        path: "/poison".into(),
        data: None,
        acl: None,
        parent_cversion: 1,
        ttl_ms: -1,
    };
    place.put("log.1", &log(&[entry(1, SOMEBODY, Txn::CreateTtl(poison))]));
    let refusal = Server::refusal(&Kind::Java(Release::V3_9), &place.settings).unwrap();
    assert!(refusal.log.contains("Exception"), "{}", refusal.log);
}
