//! What is prepared is what is applied: digests, stats and names agree, whatever is asked.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use base::{Prng, SessionId, Zxid};
use tree::{
    Authenticator, DigestScheme, ExtendedTypes, NodeView, Options, Origin, Outcome, Overlay,
    Replayed, Rules, Tree, View,
};
use wire::{
    Acl, CheckVersionRequest, CreateRequest, DeleteRequest, ErrorCode, Limits, LogEntry, OpCode,
    SetAclRequest, SetDataRequest, StatPersisted, Txn, WriteRequest,
};

/// A tree with what is pending over it, driven one request at a time.
struct Server {
    tree: Tree,
    overlay: Overlay,
    rules: Rules,
    zxid: Zxid,
    log: Vec<Vec<u8>>,
}

impl Server {
    fn new() -> Server {
        let types = ExtendedTypes { enabled: true, emulate_353: false };
        let tree = Tree::new(Options { types, ..Options::default() });
        let schemes = Authenticator { digest: Some(DigestScheme::default()) };
        Server {
            overlay: Overlay::new(&tree),
            tree,
            rules: Rules { schemes, ..Rules::default() },
            zxid: Zxid::ZERO,
            log: vec![],
        }
    }

    fn prepare(&mut self, session: i64, request: &WriteRequest<'_>) {
        self.zxid = self.zxid.next();
        let session = SessionId(session);
        let origin = Origin {
            session,
            cxid: 7,
            zxid: self.zxid,
            wall_ms: self.zxid.0 * 10,
            identities: &[],
        };
        let mut entry = vec![];
        self.overlay.prepare(&self.tree, &self.rules, &origin, request, &mut entry);
        self.log.push(entry);
    }

    /// Applies what is pending; the outcome of the last.
    fn apply(&mut self) -> Outcome<'static> {
        let mut last = Outcome::Session;
        for bytes in std::mem::take(&mut self.log) {
            let entry = LogEntry::decode(&bytes, Limits::default()).unwrap();
            let outcome = self.tree.apply(&entry.header, &entry.txn, &mut |_| {});
            if let Some(digest) = entry.digest {
                assert_eq!(digest.tree_digest.cast_unsigned(), self.tree.digest(), "{entry:?}");
            }
            let refused = matches!(entry.txn, Txn::Error(_));
            let failed = matches!(outcome, Outcome::Failed(_));
            assert_eq!(refused, failed, "only what was refused fails: {entry:?} {outcome:?}");
            self.overlay.caught_up(entry.header.zxid);
            last = owned(outcome);
        }
        assert_eq!(self.overlay.pending_changes(), 0);
        assert_eq!(self.overlay.digest(), self.tree.digest());
        last
    }

    fn run(&mut self, session: i64, request: &WriteRequest<'_>) -> Outcome<'static> {
        self.prepare(session, request);
        self.apply()
    }
}

fn owned(outcome: Outcome<'_>) -> Outcome<'static> {
    match outcome {
        Outcome::Created { path, stat, plain } => {
            Outcome::Created { path: path.into_owned().into(), stat, plain }
        }
        Outcome::Multi(parts) => Outcome::Multi(parts.into_iter().map(owned).collect()),
        Outcome::Deleted => Outcome::Deleted,
        Outcome::Set(stat) => Outcome::Set(stat),
        Outcome::Checked => Outcome::Checked,
        Outcome::Session => Outcome::Session,
        Outcome::Failed(code) => Outcome::Failed(code),
    }
}

fn create(path: &str, flags: i32) -> WriteRequest<'_> {
    let (op, ttl_ms) = match flags {
        4 => (OpCode::CreateContainer, 0),
        5 | 6 => (OpCode::CreateTtl, 500),
        _ => (OpCode::Create2, 0),
    };
    let acl = Some(vec![Acl::world(31)]);
    WriteRequest::Create(CreateRequest {
        op,
        path: path.into(),
        data: Some(b"x"),
        acl,
        flags,
        ttl_ms,
    })
}

fn delete(path: &str) -> WriteRequest<'_> {
    WriteRequest::Delete(DeleteRequest { path: path.into(), version: -1 })
}

fn set(path: &str, version: i32) -> WriteRequest<'_> {
    WriteRequest::SetData(SetDataRequest { path: path.into(), data: Some(b"yy"), version })
}

fn failed(code: ErrorCode) -> Outcome<'static> {
    Outcome::Failed(code.code())
}

#[test]
fn a_fresh_tree_is_that_of_java() {
    let tree = Tree::new(Options::default());
    assert_eq!((tree.digest(), tree.node_count(), tree.data_size()), (1_371_985_504, 5, 44));
    assert_eq!(tree.node("/zookeeper/config").unwrap().stat().aversion, -1);
}

#[test]
fn names_are_numbered_by_creations_alone() {
    let mut server = Server::new();
    server.run(1, &create("/q", 0));
    for number in 0..3 {
        server.prepare(1, &create("/q/n-", 2));
        let Outcome::Created { path, .. } = server.apply() else { panic!("created") };
        assert_eq!(path, format!("/q/n-{number:010}"));
        server.run(1, &delete(&path));
    }
    let stat = server.tree.node("/q").unwrap().stat();
    assert_eq!((stat.cversion, stat.num_children, stat.pzxid), (6, 0, server.zxid));
}

#[test]
fn a_failed_multi_changes_nothing() {
    let mut server = Server::new();
    let parts = vec![create("/a", 0), create("/a/b", 1), delete("/none"), create("/c", 0)];
    server.prepare(1, &WriteRequest::Multi(parts));
    // What comes next, still unapplied, must not see /a either.
    server.prepare(1, &create("/a/x", 0));
    let Outcome::Failed(code) = server.apply() else { panic!("refused") };
    assert_eq!(code, ErrorCode::NoNode.code());
    assert!(server.tree.node("/a").is_none());
    let parts = WriteRequest::Multi(vec![create("/a", 0), set("/a", 5)]);
    let expected = [0, ErrorCode::BadVersion.code()].map(Outcome::Failed).to_vec();
    assert_eq!(server.run(1, &parts), Outcome::Multi(expected));
}

/// Behind a fuzzy snapshot the log has to catch up before digests mean anything.
#[test]
fn a_digest_that_does_not_fit_is_not_logged() {
    let mut server = Server::new();
    let paths: Vec<String> = (0..256).map(|n| format!("/n{n:03}")).collect();
    for path in &paths {
        let WriteRequest::Create(request) = create(path, 0) else { unreachable!() };
        server.prepare(1, &WriteRequest::Create(CreateRequest { op: OpCode::Create, ..request }));
    }
    let log = server.log.clone();
    let entries: Vec<LogEntry<'_>> =
        log.iter().map(|bytes| LogEntry::decode(bytes, Limits::default()).unwrap()).collect();
    server.apply();
    let live: Vec<(Zxid, u64)> = server.tree.digest_log().collect();
    assert_eq!(live.len(), 2);

    let mut whole = Tree::new(Options::default());
    assert!(entries.iter().all(|entry| whole.replay(entry) == Replayed::Applied));
    assert_eq!(whole.digest_log().collect::<Vec<_>>(), live);

    let mut fuzzy = Tree::new(Options::default());
    fuzzy.replay(&entries[199]);
    assert!(matches!(fuzzy.replay(&entries[0]), Replayed::DigestMismatch { .. }));
    for entry in &entries[1..] {
        fuzzy.replay(entry);
    }
    assert_eq!(fuzzy.digest_log().collect::<Vec<_>>(), live[1..]);
}

#[test]
fn a_session_takes_its_nodes_along_even_those_still_pending() {
    let mut server = Server::new();
    server.run(1, &create("/e1", 1));
    server.prepare(1, &create("/e2", 1));
    server.prepare(2, &create("/other", 1));
    server.prepare(1, &delete("/e1"));
    server.prepare(1, &WriteRequest::CloseSession);
    server.prepare(3, &create("/e2", 0));
    server.apply();
    assert!(server.tree.node("/e1").is_none() && server.tree.node("/other").is_some());
    assert_eq!(server.tree.node("/e2").unwrap().stat().ephemeral_owner, 0);
    assert_eq!(server.tree.ephemeral_count(), 1);
}

#[test]
fn checks_come_in_the_order_of_zookeeper() {
    let mut server = Server::new();
    server.run(1, &create("/e", 1));
    for (path, flags, code) in [
        ("/x", 9, ErrorCode::BadArguments),
        ("x", 0, ErrorCode::BadArguments),
        ("/none/x", 0, ErrorCode::NoNode),
        ("/none/", 0, ErrorCode::NoNode),
        ("/", 0, ErrorCode::NodeExists),
        ("//", 0, ErrorCode::BadArguments),
        ("/e", 0, ErrorCode::NodeExists),
        ("/e/x", 0, ErrorCode::NoChildrenForEphemerals),
    ] {
        assert_eq!(server.run(1, &create(path, flags)), failed(code), "{path} {flags}");
    }
    for protected in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        assert_eq!(server.run(1, &delete(protected)), failed(ErrorCode::BadArguments));
    }
    assert_eq!(server.run(1, &delete("/none")), failed(ErrorCode::NoNode));
    assert_eq!(server.run(1, &set("/e/", -1)), failed(ErrorCode::BadArguments));
    assert_eq!(server.run(1, &set("/e", 3)), failed(ErrorCode::BadVersion));
    let no_acl = SetAclRequest { path: "/e".into(), acl: None, version: -1 };
    assert_eq!(server.run(1, &WriteRequest::SetAcl(no_acl)), failed(ErrorCode::InvalidAcl));
}

/// One random request over few paths, so that requests meet.
fn random_request(random: &mut Prng, paths: &[String], depth: u32) -> WriteRequest<'static> {
    let drawn = usize::try_from(random.below(paths.len() as u64)).unwrap();
    let path: &'static str = Box::leak(paths[drawn].clone().into_boxed_str());
    let version = i32::try_from(random.below(3)).unwrap() - 1;
    match random.below(10) {
        0..=3 => create(path, i32::try_from(random.below(7)).unwrap()),
        4 | 5 => WriteRequest::Delete(DeleteRequest { path: path.into(), version }),
        6 | 7 => set(path, version),
        8 if depth == 0 => {
            let parts = (0..random.below(5)).map(|_| random_request(random, paths, 1)).collect();
            WriteRequest::Multi(parts)
        }
        8 => WriteRequest::Check(CheckVersionRequest { path: path.into(), version }),
        _ if depth == 0 && random.one_in(2) => WriteRequest::CloseSession,
        _ if depth == 0 => WriteRequest::SetAcl(SetAclRequest {
            path: path.into(),
            acl: Some(vec![Acl::world(31)]),
            version,
        }),
        _ => set(path, -1),
    }
}

#[test]
fn what_is_prepared_far_ahead_is_what_is_applied() {
    let paths: Vec<String> = ["/a", "/b"]
        .iter()
        .flat_map(|top| {
            [(*top).to_string(), format!("{top}/c"), format!("{top}/c/d"), "/zookeeper/z".into()]
        })
        .collect();
    for seed in 0..40 {
        let mut random = Prng::new(seed);
        let mut server = Server::new();
        for _ in 0..60 {
            for _ in 0..random.below(20) {
                let session = 1 + i64::try_from(random.below(3)).unwrap();
                let request = random_request(&mut random, &paths, 0);
                server.prepare(session, &request);
            }
            server.apply();
        }
    }
}

type Shown = (Option<Vec<u8>>, i64, StatPersisted);

fn shown(node: NodeView<'_>) -> Shown {
    (node.data.map(<[u8]>::to_vec), node.acl_id, node.stat)
}

/// All nodes of a tree as they are now, by path.
fn state(tree: &mut Tree) -> BTreeMap<String, Shown> {
    let mut view = tree.view();
    let mut nodes = BTreeMap::new();
    let has_more = view.show(tree, |node| {
        assert_eq!(nodes.insert(node.path.to_string(), shown(node)), None);
        true
    });
    assert!(!has_more);
    assert_eq!(nodes.len(), view.node_count());
    drop(tree.end_view(&view));
    nodes
}

/// A view that is shown a few nodes at a time, and what it must show.
struct Watched {
    view: View,
    expected: BTreeMap<String, Shown>,
    shown: BTreeMap<String, Shown>,
}

impl Watched {
    fn new(tree: &mut Tree) -> Watched {
        Watched { view: tree.view(), expected: state(tree), shown: BTreeMap::new() }
    }

    /// Shows up to `count` more; whether that was all.
    fn show(&mut self, tree: &Tree, count: u64) -> bool {
        let mut left = count;
        !self.view.show(tree, |node| {
            let parent = node.path.rsplit_once('/').map(|(parent, _)| parent);
            assert!(parent.is_none_or(|parent| self.shown.contains_key(parent)), "{}", node.path);
            assert_eq!(self.shown.insert(node.path.to_string(), shown(node)), None);
            left = left.saturating_sub(1);
            left > 0
        })
    }
}

/// Random requests while several views are shown bit by bit: each shows the state at its time,
/// each node once, parents first.
#[test]
fn a_view_shows_the_tree_as_it_was() {
    let paths: Vec<String> = ["/a", "/b", "/c", "/d"]
        .iter()
        .flat_map(|top| [(*top).to_string(), format!("{top}/c"), format!("{top}/c/d")])
        .collect();
    for seed in 0..60 {
        let mut random = Prng::new(seed);
        let mut server = Server::new();
        for number in 0..random.below(100) {
            server.run(1, &create(&format!("/n{number}"), 0));
        }
        let mut views = vec![];
        for _ in 0..80 {
            if views.len() < 3 && random.one_in(4) {
                views.push(Watched::new(&mut server.tree));
            }
            for _ in 0..random.below(8) {
                let request = random_request(&mut random, &paths, 0);
                server.prepare(1, &request);
                let large = format!("/n{}", random.below(100));
                server.prepare(1, &random_change(&mut random, &large));
            }
            server.apply();
            views.retain_mut(|watched: &mut Watched| {
                let is_done = watched.show(&server.tree, 1 + random.below(12));
                if is_done {
                    assert_eq!(watched.shown, watched.expected, "seed {seed}");
                    drop(server.tree.end_view(&watched.view));
                }
                !is_done
            });
        }
    }
}

/// A change to a node or its end, with data of any size.
fn random_change<'p>(random: &mut Prng, path: &'p str) -> WriteRequest<'p> {
    match random.below(4) {
        0 => delete(path),
        1 => create(path, 0),
        _ => {
            let length = usize::try_from(random.below(3) * random.below(400)).unwrap();
            let data = Some(&[7; 1000][..length]);
            WriteRequest::SetData(SetDataRequest { path: path.into(), data, version: -1 })
        }
    }
}

#[test]
fn what_a_view_shows_makes_the_same_tree() {
    let mut server = Server::new();
    for number in 0..500 {
        server.run(1, &create(&format!("/n{number}"), 0));
    }
    let mut loader = tree::Loader::new(*server.tree.options());
    let mut view = server.tree.view();
    view.acls().for_each(|(id, list)| loader.acl(id, list));
    view.show(&server.tree, |node| {
        loader.node(node.path, node.data, node.acl_id, node.stat).unwrap();
        true
    });
    let loaded = loader.finish(view.last_zxid());
    assert_eq!(loaded.digest(), server.tree.digest());
    assert_eq!(loaded.node_count(), server.tree.node_count());
}

#[test]
fn quotas_count_and_limit() {
    let mut server = Server::new();
    server.rules.enforce_quota = true;
    for path in ["/a", "/zookeeper/quota/a"] {
        server.run(1, &create(path, 0));
    }
    let limits = CreateRequest {
        op: OpCode::Create,
        path: "/zookeeper/quota/a/zookeeper_limits".into(),
        data: Some(b"count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=2"),
        acl: Some(vec![Acl::world(31)]),
        flags: 0,
        ttl_ms: 0,
    };
    server.run(1, &WriteRequest::Create(limits));
    server.run(1, &create("/zookeeper/quota/a/zookeeper_stats", 0));
    let stats = |server: &Server| {
        let node = server.tree.node("/zookeeper/quota/a/zookeeper_stats").unwrap();
        String::from_utf8(node.data().unwrap().to_vec()).unwrap()
    };
    assert_eq!(stats(&server), "count=1,bytes=1");
    server.run(1, &create("/a/b", 0));
    assert_eq!(stats(&server), "count=2,bytes=2");
    assert_eq!(server.run(1, &create("/a/c", 0)), failed(ErrorCode::QuotaExceeded));
    server.run(1, &set("/a/b", -1));
    assert_eq!(stats(&server), "count=2,bytes=3");
    server.run(1, &delete("/a/b"));
    assert_eq!(stats(&server), "count=1,bytes=1");
}
