//! Snapshots that Java wrote while transactions went on: parts of them are newer than their name, and the log behind
//! them makes them whole.

use base::{Prng, SessionId};
use compat::client::Session;
use compat::handmade;
use storage::{Case, Layout, RealDisk, RecoveryOptions, recover};
use wire::{Acl, DeleteRequest, OpCode, Perms, SetAclRequest, SetDataRequest, WriteRequest};
use xtask::workspace;

use crate::history::{History, State};
use crate::{Place, create, digest, open};

const STAYS: SessionId = SessionId(0x0100_0000_0000_0001);
const GOES: SessionId = SessionId(0x0100_0000_0000_0002);

/// Ways in which a snapshot can have been overtaken that are tried.
const TRIALS: u64 = 400;

fn set<'a>(path: &'a str, data: &'a [u8]) -> WriteRequest<'a> {
    WriteRequest::SetData(SetDataRequest { path: path.into(), data: Some(data), version: -1 })
}

fn delete(path: &str) -> WriteRequest<'_> {
    WriteRequest::Delete(DeleteRequest { path: path.into(), version: -1 })
}

fn create2<'a>(path: &'a str, acl: &[Acl<'a>]) -> WriteRequest<'a> {
    match create(path, acl, 0) {
        WriteRequest::Create(create) => {
            WriteRequest::Create(wire::CreateRequest { op: OpCode::Create2, ..create })
        }
        other => other,
    }
}

/// Everything that was once wrong after such a snapshot: sessions begun and ended meanwhile (3144), pzxids (3145),
/// cversions (3249), multis half in it (3127), ACLs that it does not list (3306, 4846), nodes deleted and made anew.
fn history() -> History {
    let mut history = History::new();
    let open = [Acl::world(Perms::ALL)];
    let mine = [digest(Perms::ALL, "me:secret")];
    let shared = [digest(Perms::ALL, "me:secret"), Acl::world(Perms::READ)];
    history.session(STAYS);
    history.write(STAYS, &create("/p", &open, 0));
    history.write(STAYS, &create("/p/x", &open, 0));
    history.write(STAYS, &create("/p/x/c", &mine, 0));
    history.session(GOES);
    history.write(STAYS, &create("/p/stays", &open, 1));
    history.write(GOES, &create("/p/goes", &shared, 1));
    history.write(
        STAYS,
        &WriteRequest::Multi(vec![
            create("/p/y", &mine, 0),
            set("/p", b"within a multi"),
            delete("/p/x/c"),
            create("/p/x/d", &open, 0),
        ]),
    );
    history.write(STAYS, &delete("/p/x/d"));
    history.write(STAYS, &delete("/p/x"));
    history.write(STAYS, &create2("/p/x", &shared));
    history.write(STAYS, &create("/p/x/d", &open, 0));
    history.write(STAYS, &WriteRequest::Multi(vec![set("/p/y", b"undone"), delete("/absent")]));
    history.write(
        STAYS,
        &WriteRequest::SetAcl(SetAclRequest {
            path: "/p/y".into(),
            acl: Some(shared.to_vec()),
            version: -1,
        }),
    );
    history.write(STAYS, &create("/p/q-", &open, 2));
    history.write(GOES, &WriteRequest::CloseSession);
    history.write(STAYS, &create("/p/q-", &open, 2));
    history.write(STAYS, &delete("/p/x/d"));
    history.write(STAYS, &delete("/p/x"));
    history.write(STAYS, &create("/p/x", &mine, 0));
    history.write(STAYS, &set("/p/x", b"the last"));
    // What nobody counts again: a node that the snapshot may hold with the children of its successor.
    for path in ["/r", "/r/x", "/r/x/c"] {
        history.write(STAYS, &create(path, &open, 0));
    }
    history.write(STAYS, &delete("/r/x/c"));
    history.write(STAYS, &delete("/r/x"));
    history.write(STAYS, &create2("/r/x", &mine));
    history.write(STAYS, &create("/r/x/d", &open, 0));
    history
}

/// Lays down the snapshot `begun` and the log behind it, as a server leaves them that rolled the log there.
fn lay_down(place: &Place, history: &History, begun: usize, prng: &mut Prng) {
    let snapshot = history.fuzzy_snapshot(begun, prng);
    place.put(&format!("snapshot.{begun:x}"), &snapshot.encode());
    place.put(&format!("log.{:x}", begun + 1), &handmade::log(&history.entries[begun..]));
}

#[test]
fn fault_24_a_fuzzy_snapshot_is_made_whole_by_its_log() {
    let history = history();
    let seed = workspace::seed().unwrap();
    for trial in 0..TRIALS {
        let place = Place::new();
        let mut prng = Prng::new(seed.wrapping_add(trial));
        let begun = usize::try_from(prng.below(history.entries.len() as u64)).unwrap();
        lay_down(&place, &history, begun, &mut prng);
        let data_dir = &place.settings.data_dir;
        let layout = Layout::new(data_dir, data_dir);
        let recovered = recover(&RealDisk, &layout, &RecoveryOptions::default(), &mut |_| {});
        let mut recovered =
            recovered.unwrap_or_else(|error| panic!("seed {seed}, {trial}: {error}"));
        let differing = difference(&State::of(&mut recovered.tree), history.end());
        assert!(differing.is_empty(), "seed {seed}, trial {trial}, from {begun}:\n{differing}");
        let said: Vec<Case> = recovered.notes().map(|finding| finding.case).collect();
        assert!(said.is_empty(), "seed {seed}, trial {trial}: false alarms {said:?}");
    }
}

fn difference(actual: &State, expected: &State) -> String {
    let paths =
        actual.nodes.keys().chain(expected.nodes.keys().filter(|p| !actual.nodes.contains_key(*p)));
    let nodes =
        paths.filter(|path| actual.nodes.get(*path) != expected.nodes.get(*path)).map(|path| {
            format!("{path}: {:?}\n  not {:?}", actual.nodes.get(path), expected.nodes.get(path))
        });
    let sessions = (actual.sessions != expected.sessions)
        .then(|| format!("{:?}\n  not {:?}", actual.sessions, expected.sessions));
    nodes.chain(sessions).collect::<Vec<_>>().join("\n")
}

/// The same by way of the process: what clients see, and what they do next.
#[test]
fn fault_24_3249_numbers_go_on_behind_a_fuzzy_snapshot() {
    let history = history();
    let place = Place::new();
    lay_down(&place, &history, 3, &mut Prng::new(1));
    let server = place.start();
    let mut session = open(&server);
    let names = session.children("/p", false).unwrap();
    assert_eq!(names, ["q-0000000005", "q-0000000006", "stays", "x", "y"]);
    let next = session.create("/p/q-", b"", wire::CreateMode::PersistentSequential).unwrap();
    assert_eq!(next, "/p/q-0000000008");
    let expected = history.end().nodes["/p"].1;
    let stat = session.exists("/p", false).unwrap().unwrap();
    assert_eq!((stat.mzxid, stat.version), (expected.mzxid, expected.version));
    // The session that stays is in the log behind the snapshot at most: its owner may come back.
    let back = Session::restore(server.addr(), STAYS).unwrap();
    assert_eq!(back.id, STAYS);
    assert!(Session::restore(server.addr(), GOES).is_err());
}
