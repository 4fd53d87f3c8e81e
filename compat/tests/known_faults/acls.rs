//! Access control lists: counted wrong, lost, or shown to those who must not see them.

use base::SessionId;
use compat::handmade::{Node, Snapshot, created, entry, log};
use wire::{Acl, CreateMode, CreateTxn, ErrorCode, Perms, SetAclRequest, Txn, WriteRequest};

use crate::{Place, acl_of, create, digest, open, write};

/// What `user:secret` is as an id, and how it is shown to those who may not administer.
const USER: &str = "user:5w9W4eL3797Y4Wq8AcKUPPk8ha4=";
const MASKED: &str = "user:x";

/// A list is shared by all nodes that have the same one: it must be there as long as any of them.
#[test]
fn fault_28_3306_shared_lists_stay_as_long_as_they_are_used() {
    let place = Place::new().property("zookeeper.snapCount=20");
    let mut server = place.start();
    let mut session = open(&server);
    session.auth_digest("user:secret").unwrap();
    let shared = [digest(Perms::ALL, USER), Acl::world(Perms::READ)];
    let own = [digest(Perms::ALL, USER)];
    let set_acl = |path: &'static str, acl: &[Acl<'static>]| {
        WriteRequest::SetAcl(SetAclRequest {
            path: path.into(),
            acl: Some(acl.to_vec()),
            version: -1,
        })
    };
    assert_eq!(write(&mut session, &create("/first", &shared, 0)), 0);
    for round in 0..30 {
        let path = format!("/n{round}");
        assert_eq!(write(&mut session, &create(&path, &shared, 0)), 0);
        assert_eq!(write(&mut session, &set_acl("/first", &own)), 0);
        assert_eq!(write(&mut session, &set_acl("/first", &shared)), 0);
        assert_eq!(write(&mut session, &create(&path, &shared, 0)), ErrorCode::NodeExists.code());
        session.delete(&path).unwrap();
        if round % 10 == 9 {
            server.restart().unwrap();
            session = session.renew(server.addr()).unwrap();
            session.auth_digest("user:secret").unwrap();
        }
    }
    let expected = [format!("31 digest:{USER}"), "1 world:anyone".to_owned()];
    assert_eq!(acl_of(&mut session, "/first").unwrap(), expected);
    let mut stranger = open(&server);
    assert!(stranger.get_data("/first", false).is_ok());
    assert!(stranger.set_data("/first", b"x").is_err());
}

/// The fresh tree, with one more node whose list has a number that the snapshot does not explain.
fn snapshot_without_list() -> Snapshot {
    let mut snapshot = Snapshot::fresh();
    let root = snapshot.nodes[0].clone();
    snapshot.nodes.push(Node { path: "/kept".into(), acl: 7, ..root });
    snapshot
}

/// 4846, 4689: Java lists the ACLs before the nodes, so a node made meanwhile names one that is not there. The log
/// behind the snapshot has it.
#[test]
fn fault_28_4846_a_list_that_a_snapshot_lacks_comes_from_the_log() {
    let place = Place::new();
    let kept = CreateTxn { acl: Some(vec![digest(Perms::ALL, USER)]), ..created("/kept") };
    place.put("snapshot.1", &snapshot_without_list().encode());
    place.put("log.2", &log(&[entry(2, SessionId::NONE, Txn::Create(kept))]));
    let server = place.start();
    let mut session = open(&server);
    assert_eq!(acl_of(&mut session, "/kept"), Err(ErrorCode::NoAuth.code()));
    session.auth_digest("user:secret").unwrap();
    assert_eq!(acl_of(&mut session, "/kept").unwrap(), [format!("31 digest:{USER}")]);
    let log = server.log();
    assert!(!log.contains("WARN"), "{log}");
}

/// C-024. Where no file has the list, nobody may but the super user; and the server says so.
#[test]
fn fault_28_4846_a_node_whose_list_is_lost_is_closed_to_all() {
    let superuser =
        "zookeeper.DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
    let place = Place::new().property(superuser);
    place.put("snapshot.1", &snapshot_without_list().encode());
    let mut server = place.start();
    for _ in 0..2 {
        let log = server.log();
        assert!(log.contains("acl-lost") && log.contains("/kept"), "{log}");
        let mut session = open(&server);
        session.auth_digest("user:secret").unwrap();
        assert_eq!(acl_of(&mut session, "/kept"), Err(ErrorCode::NoAuth.code()));
        assert!(session.set_data("/kept", b"x").is_err());
        session.create("/other", b"", CreateMode::Ephemeral).unwrap();
        session.close().unwrap();
        server.restart().unwrap();
    }
    let mut superuser = open(&server);
    superuser.auth_digest("super:test").unwrap();
    superuser.set_data("/kept", b"x").unwrap();
}

/// CVE-2019-0201: getACL told hashes of passwords to whoever could read, or to everybody.
#[test]
fn cve_2019_0201_hashes_are_shown_to_administrators_alone() {
    let place = Place::new();
    let server = place.start();
    let mut owner = open(&server);
    owner.auth_digest("user:secret").unwrap();
    for (path, everybody) in [("/none", 0), ("/read", Perms::READ), ("/admin", Perms::ADMIN)] {
        let acl = [digest(Perms::ALL, USER), Acl::world(everybody)];
        assert_eq!(write(&mut owner, &create(path, &acl, 0)), 0);
    }
    let mut stranger = open(&server);
    let told = |session: &mut _, path| acl_of(session, path).map(|acl| acl[0].clone());
    assert_eq!(told(&mut stranger, "/none"), Err(ErrorCode::NoAuth.code()));
    assert_eq!(told(&mut stranger, "/read"), Ok(format!("31 digest:{MASKED}")));
    assert_eq!(told(&mut stranger, "/admin"), Ok(format!("31 digest:{USER}")));
    for path in ["/none", "/read", "/admin"] {
        assert_eq!(told(&mut owner, path), Ok(format!("31 digest:{USER}")));
    }
}
