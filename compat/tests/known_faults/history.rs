//! A history of transactions, with the state after each: what files that a server might have left are made from.

use std::collections::BTreeMap;

use base::{Prng, SessionId, Zxid};
use compat::handmade::{Node, Snapshot, TIME_MS};
use tree::{Authenticator, DigestScheme, Origin, Overlay, Rules, Tree};
use wire::{Acl, Id, Limits, LogEntry, StatPersisted, WriteRequest};

/// A node as it was: data, stat, ACL.
pub type Was = (Option<Vec<u8>>, StatPersisted, Vec<Acl<'static>>);

/// The tree and the sessions after a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub sessions: BTreeMap<i64, i32>,
    pub nodes: BTreeMap<String, Was>,
}

impl State {
    pub fn of(tree: &mut Tree) -> State {
        let mut view = tree.view();
        let lists: BTreeMap<i64, Vec<Acl<'static>>> =
            view.acls().map(|(number, list)| (number, list.to_vec())).collect();
        let mut nodes = BTreeMap::new();
        view.show(tree, |node| {
            let acl = lists.get(&node.acl_id).cloned().unwrap_or_default();
            nodes.insert(node.path.to_owned(), (node.data.map(<[u8]>::to_vec), node.stat, acl));
            true
        });
        drop(tree.end_view(&view));
        State { sessions: view.sessions().map(|(id, timeout)| (id.0, timeout)).collect(), nodes }
    }

    fn children<'s>(&'s self, parent: &'s str) -> impl Iterator<Item = &'s String> {
        let below = move |path: &&String| {
            path.rsplit_once('/').is_some_and(|(above, _)| above == parent && !path.is_empty())
        };
        self.nodes.keys().filter(below)
    }
}

/// Children come in the order of a hash set.
fn shuffle(paths: &mut [String], prng: &mut Prng) {
    for n in 1..paths.len() {
        let other = usize::try_from(prng.below(n as u64 + 1)).unwrap_or(n);
        paths.swap(n, other);
    }
}

/// Transactions in order, as a Java leader would have prepared them.
pub struct History {
    tree: Tree,
    overlay: Overlay,
    /// Framed log entries; the first has zxid 1.
    pub entries: Vec<Vec<u8>>,
    /// The state after each, that before all included.
    pub states: Vec<State>,
    identities: Vec<Id<'static>>,
}

impl History {
    pub fn new() -> History {
        let mut tree = Tree::new(tree::Options::default());
        let overlay = Overlay::new(&tree);
        let states = vec![State::of(&mut tree)];
        let identities = vec![Id::new("ip", "127.0.0.1"), Id::new("digest", "me:secret")];
        History { tree, overlay, entries: Vec::new(), states, identities }
    }

    /// The state after the last transaction.
    pub fn end(&self) -> &State {
        self.states.last().expect("the first is always there")
    }

    pub fn session(&mut self, session: SessionId) {
        self.add(session, |overlay, tree, origin, out| {
            overlay.prepare_session(tree, origin, 30_000, out);
        });
    }

    pub fn write(&mut self, session: SessionId, request: &WriteRequest<'_>) {
        let schemes = Authenticator { digest: Some(DigestScheme::default()) };
        let rules = Rules { schemes, ..Rules::default() };
        self.add(session, |overlay, tree, origin, out| {
            overlay.prepare(tree, &rules, origin, request, out);
        });
    }

    fn add(
        &mut self,
        session: SessionId,
        prepare: impl FnOnce(&mut Overlay, &Tree, &Origin<'_>, &mut Vec<u8>),
    ) {
        let zxid = Zxid(i64::try_from(self.states.len()).expect("a short history"));
        let origin = Origin {
            session,
            cxid: 1,
            zxid,
            wall_ms: TIME_MS + zxid.0,
            identities: &self.identities,
        };
        let mut payload = Vec::new();
        prepare(&mut self.overlay, &self.tree, &origin, &mut payload);
        let entry = LogEntry::decode(&payload, Limits::default()).expect("a transaction");
        self.tree.apply(&entry.header, &entry.txn, &mut |_| {});
        self.overlay.caught_up(zxid);
        let mut framed = Vec::new();
        storage::frame_entry(&payload, &mut framed);
        self.entries.push(framed);
        self.states.push(State::of(&mut self.tree));
    }

    /// A snapshot as Java writes it while transactions go on: sessions and ACLs as they are when it begins, after
    /// `begun`; then nodes from the root down, each with what it is when its turn comes.
    pub fn fuzzy_snapshot(&self, begun: usize, prng: &mut Prng) -> Snapshot {
        let lists = self.lists();
        let first = &self.states[begun];
        let known = |list: &Vec<Acl<'static>>| first.nodes.values().any(|(.., acl)| acl == list);
        let numbered = (1i64..).zip(&lists).filter(|(_, list)| known(list));
        let mut snapshot = Snapshot {
            sessions: first
                .sessions
                .iter()
                .map(|(id, timeout)| (SessionId(*id), *timeout))
                .collect(),
            acls: numbered.map(|(number, list)| (number, list.clone())).collect(),
            nodes: Vec::new(),
        };
        let mut now = begun;
        let mut turns = vec![String::new()];
        while let Some(path) = turns.pop() {
            let rest = self.states.len() - 1 - now;
            // Mostly nothing happens between two nodes, now and then a lot.
            let passed = if prng.one_in(4) { prng.below(8) } else { 0 };
            now += usize::try_from(passed).unwrap_or(rest).min(rest);
            let state = &self.states[now];
            let Some((data, stat, acl)) = state.nodes.get(&path) else { continue };
            let number = (1i64..).zip(&lists).find(|(_, list)| *list == acl);
            let acl = number.map_or(-1, |(number, _)| number);
            let from = turns.len();
            turns.extend(state.children(&path).cloned());
            shuffle(&mut turns[from..], prng);
            snapshot.nodes.push(Node { path, data: data.clone(), acl, stat: *stat });
        }
        snapshot
    }

    /// Every list that a node ever had, in the order of their first use.
    fn lists(&self) -> Vec<Vec<Acl<'static>>> {
        let mut lists: Vec<Vec<Acl<'static>>> = Vec::new();
        for (.., acl) in self.states.iter().flat_map(|state| state.nodes.values()) {
            if !acl.is_empty() && !lists.contains(acl) {
                lists.push(acl.clone());
            }
        }
        lists
    }
}
