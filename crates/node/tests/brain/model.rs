//! A ZooKeeper too simple to be wrong: every write makes a whole new tree, every tree is kept, and
//! everything is looked for by walking through all that there is.

use std::collections::BTreeMap;

use base::Zxid;
use wire::{ErrorCode, Stat};

use crate::ask::{Access, Ask, Who};
use crate::reply;

#[derive(Clone, Debug)]
struct Node {
    data: String,
    access: Access,
    stat: Stat,
    /// Children ever created.
    created: i32,
}

type Nodes = BTreeMap<String, Node>;

/// A change of a node that somebody may watch.
#[derive(Clone, Debug)]
struct Change {
    event: &'static str,
    path: String,
    access: Access,
    parent_access: Access,
}

/// The tree after one transaction, and what that did.
struct Moment {
    nodes: Nodes,
    changes: Vec<Change>,
    answer: String,
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

fn name(session: i64) -> String {
    format!("{session:#x}")
}

fn stat_text(stat: &Stat) -> String {
    let mut text = String::new();
    reply::show_stat_of(stat, &name, &mut text);
    text
}

/// All states that there ever were.
pub struct Model {
    /// By zxid.
    moments: Vec<Moment>,
}

impl Model {
    /// A fresh tree as the server has it.
    pub fn new() -> Model {
        let node = |children| {
            // What clients see counts from before the children that were always there.
            let stat = Stat { num_children: children, cversion: -children, ..Stat::default() };
            Node { data: String::new(), access: Access::All, stat, created: 0 }
        };
        let mut nodes = Nodes::from([("/".into(), node(1)), ("/zookeeper".into(), node(2))]);
        for child in ["/zookeeper/config", "/zookeeper/quota"] {
            nodes.insert(child.into(), node(0));
        }
        Model { moments: vec![Moment { nodes, changes: vec![], answer: String::new() }] }
    }

    pub fn zxid(&self) -> i64 {
        i64::try_from(self.moments.len()).unwrap() - 1
    }

    fn at(&self, zxid: i64) -> &Moment {
        &self.moments[usize::try_from(zxid).unwrap()]
    }

    /// The answer to the write `zxid`.
    pub fn answer(&self, zxid: i64) -> &str {
        &self.at(zxid).answer
    }

    /// Paths with data and stats as of now, but for the nodes of the server's own.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &str, Stat)> {
        let nodes = &self.at(self.zxid()).nodes;
        let own = nodes.iter().filter(|(path, _)| !path.starts_with("/zookeeper"));
        own.map(|(path, node)| (path.as_str(), node.data.as_str(), node.stat))
    }

    /// Carries out a write; returns its zxid.
    pub fn write(&mut self, who: Who, wall_ms: i64, ask: &Ask) -> i64 {
        let zxid = self.zxid() + 1;
        let nodes = self.at(self.zxid()).nodes.clone();
        let mut attempt = Attempt { nodes, changes: vec![], who, zxid: Zxid(zxid), wall_ms };
        let answer = match attempt.carry_out(ask) {
            Ok(told) => format!("ok{told}"),
            Err(code) => {
                attempt.nodes = self.at(zxid - 1).nodes.clone();
                attempt.changes.clear();
                match ask {
                    Ask::Multi(parts) => self.failed_multi(&attempt, parts),
                    _ => code.name().into(),
                }
            }
        };
        let Attempt { nodes, changes, .. } = attempt;
        self.moments.push(Moment { nodes, changes, answer });
        zxid
    }

    /// What every part is told when one has failed.
    fn failed_multi(&self, before: &Attempt, parts: &[Ask]) -> String {
        let mut again = Attempt { nodes: before.nodes.clone(), changes: vec![], ..*before };
        let mut told = String::from("ok");
        let mut failed = false;
        for part in parts {
            told += "; ";
            told += match again.carry_out(part) {
                _ if failed => ErrorCode::RuntimeInconsistency.name(),
                Ok(_) => "undone",
                Err(code) => {
                    failed = true;
                    code.name()
                }
            };
        }
        told
    }

    /// Begins a session, or fails a write before it was understood: nothing changes.
    pub fn idle(&mut self, answer: &str) -> i64 {
        let nodes = self.at(self.zxid()).nodes.clone();
        self.moments.push(Moment { nodes, changes: vec![], answer: answer.into() });
        self.zxid()
    }

    /// The answer to a read of the state `zxid`.
    pub fn read(&self, zxid: i64, who: Who, ask: &Ask) -> String {
        let nodes = &self.at(zxid).nodes;
        let find = |path: &str| match nodes.get(path) {
            None => Err(ErrorCode::NoNode),
            Some(node) if node.access.permits_read(who) => Ok(node),
            Some(_) => Err(ErrorCode::NoAuth),
        };
        let told = match ask {
            Ask::Exists { path, .. } => find(path).map(|node| stat_text(&node.stat)),
            Ask::GetData { path, .. } => {
                find(path).map(|node| format!(" \"{}\"{}", node.data, stat_text(&node.stat)))
            }
            Ask::GetChildren { path, .. } => find(path).map(|node| {
                let children = nodes.keys().filter(|child| parent(child) == path && *child != "/");
                let names: Vec<&str> =
                    children.map(|child| child.rsplit_once('/').unwrap().1).collect();
                format!(" [{}]{}", names.join(" "), stat_text(&node.stat))
            }),
            Ask::GetEphemerals => {
                let own = nodes.iter().filter(|(_, n)| n.stat.ephemeral_owner == who.session);
                let paths: Vec<&str> = own.map(|(path, _)| path.as_str()).collect();
                Ok(format!(" [{}]", paths.join(" ")))
            }
            Ask::Sync => Ok(" /any".into()),
            Ask::Undecodable(_) => Err(ErrorCode::MarshallingError),
            _ => Ok(String::new()),
        };
        told.map_or_else(|code| code.name().into(), |told| format!("ok{told}"))
    }
}

/// A write under way on a tree of its own.
struct Attempt {
    nodes: Nodes,
    changes: Vec<Change>,
    who: Who,
    zxid: Zxid,
    wall_ms: i64,
}

impl Attempt {
    fn carry_out(&mut self, ask: &Ask) -> Result<String, ErrorCode> {
        match ask {
            Ask::Create { .. } => self.create(ask),
            Ask::Delete { path, version } => {
                self.delete(path, *version)?;
                Ok(String::new())
            }
            Ask::SetData { path, data, version } => self.set_data(path, data, *version),
            Ask::SetAcl { path, access, version } => {
                let who = self.who;
                let node = self.nodes.get_mut(path).ok_or(ErrorCode::NoNode)?;
                permitted(node.access.permits_change(who))?;
                expected(node.stat.aversion, *version)?;
                node.stat.aversion += 1;
                node.access = *access;
                Ok(stat_text(&node.stat))
            }
            Ask::Check { path, version } => {
                let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
                permitted(node.access.permits_read(self.who))?;
                expected(node.stat.version, *version)?;
                Ok(String::new())
            }
            Ask::Multi(parts) => {
                let mut told = String::new();
                for part in parts {
                    let name = part.line().split(' ').next().unwrap().to_owned();
                    told += &format!("; {name}{}", self.carry_out(part)?);
                }
                Ok(if parts.is_empty() { "; no results".into() } else { told })
            }
            Ask::CloseSession => {
                let owned = self.nodes.iter();
                let owned = owned.filter(|(_, n)| n.stat.ephemeral_owner == self.who.session);
                let owned: Vec<String> = owned.map(|(path, _)| path.clone()).collect();
                owned.iter().for_each(|path| self.remove(path));
                Ok(String::new())
            }
            Ask::Undecodable(_) => Err(ErrorCode::MarshallingError),
            read => panic!("{read:?} is no write"),
        }
    }

    fn create(&mut self, ask: &Ask) -> Result<String, ErrorCode> {
        let Ask::Create { path, data, ephemeral, sequential, access } = ask else { unreachable!() };
        let above = self.nodes.get(parent(path)).ok_or(ErrorCode::NoNode)?;
        permitted(above.access.permits_change(self.who))?;
        let path = match sequential {
            true => format!("{path}{:010}", above.created),
            false => path.clone(),
        };
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        if above.stat.ephemeral_owner != 0 {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let stat = Stat {
            czxid: self.zxid,
            mzxid: self.zxid,
            pzxid: self.zxid,
            ctime: self.wall_ms,
            mtime: self.wall_ms,
            ephemeral_owner: if *ephemeral { self.who.session } else { 0 },
            data_length: i32::try_from(data.len()).unwrap(),
            ..Stat::default()
        };
        let node = Node { data: data.clone(), access: *access, stat, created: 0 };
        self.nodes.insert(path.clone(), node);
        let above = self.nodes.get_mut(parent(&path)).unwrap();
        above.created += 1;
        above.stat.cversion += 1;
        above.stat.num_children += 1;
        above.stat.pzxid = self.zxid;
        self.note("NodeCreated", &path);
        Ok(format!(" {path}{}", stat_text(&stat)))
    }

    fn delete(&mut self, path: &str, version: i32) -> Result<(), ErrorCode> {
        if path == "/" {
            return Err(ErrorCode::BadArguments);
        }
        let above = self.nodes.get(parent(path)).ok_or(ErrorCode::NoNode)?;
        permitted(above.access.permits_change(self.who))?;
        let node = self.nodes.get(path).ok_or(ErrorCode::NoNode)?;
        expected(node.stat.version, version)?;
        if node.stat.num_children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(path);
        Ok(())
    }

    fn remove(&mut self, path: &str) {
        self.note("NodeDeleted", path);
        self.nodes.remove(path);
        let above = self.nodes.get_mut(parent(path)).unwrap();
        above.stat.cversion += 1;
        above.stat.num_children -= 1;
        above.stat.pzxid = self.zxid;
    }

    fn set_data(&mut self, path: &str, data: &str, version: i32) -> Result<String, ErrorCode> {
        let who = self.who;
        let node = self.nodes.get_mut(path).ok_or(ErrorCode::NoNode)?;
        permitted(node.access.permits_change(who))?;
        expected(node.stat.version, version)?;
        node.data = data.into();
        node.stat.data_length = i32::try_from(data.len()).unwrap();
        node.stat.version += 1;
        node.stat.mzxid = self.zxid;
        node.stat.mtime = self.wall_ms;
        let stat = node.stat;
        self.note("NodeDataChanged", path);
        Ok(stat_text(&stat))
    }

    fn note(&mut self, event: &'static str, path: &str) {
        let access = self.nodes[path].access;
        let parent_access = self.nodes[parent(path)].access;
        self.changes.push(Change { event, path: path.into(), access, parent_access });
    }
}

fn permitted(permitted: bool) -> Result<(), ErrorCode> {
    if permitted { Ok(()) } else { Err(ErrorCode::NoAuth) }
}

fn expected(version: i32, expected: i32) -> Result<(), ErrorCode> {
    if expected == -1 || expected == version { Ok(()) } else { Err(ErrorCode::BadVersion) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Once,
    Persistent,
    Recursive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Watch {
    path: String,
    of_children: bool,
    kind: Kind,
}

/// What one connection watches, up to one moment.
pub struct Watcher {
    who: Who,
    watches: Vec<Watch>,
    /// Up to here all events are known.
    zxid: i64,
}

impl Watcher {
    pub fn new(who: Who, zxid: i64) -> Watcher {
        Watcher { who, watches: vec![], zxid }
    }

    pub fn zxid(&self) -> i64 {
        self.zxid
    }

    /// The events of the next transaction.
    pub fn next(&mut self, model: &Model) -> Vec<String> {
        self.zxid += 1;
        let mut events = vec![];
        for change in &model.at(self.zxid).changes {
            self.fire(change, &mut events);
        }
        events
    }

    fn fire(&mut self, change: &Change, events: &mut Vec<String>) {
        let Change { event, path, .. } = change;
        let told = self.take(path, false) | (*event == "NodeDeleted" && self.take(path, true));
        if told && change.access.permits_read(self.who) {
            events.push(format!("event {event} {path} @{}", self.zxid));
        }
        let above = parent(path);
        if *event != "NodeDataChanged"
            && self.take(above, true)
            && change.parent_access.permits_read(self.who)
        {
            events.push(format!("event NodeChildrenChanged {above} @{}", self.zxid));
        }
    }

    /// Whether anything watches; what watches once is used up.
    fn take(&mut self, path: &str, of_children: bool) -> bool {
        let below = |top: &str| top == "/" || path == top || path.starts_with(&format!("{top}/"));
        let hit = |watch: &Watch| {
            watch.of_children == of_children
                && (watch.path == path || (watch.kind == Kind::Recursive && below(&watch.path)))
        };
        let told = self.watches.iter().any(hit);
        self.watches.retain(|watch| !(hit(watch) && watch.kind == Kind::Once));
        told
    }

    fn add(&mut self, path: &str, of_children: bool, kind: Kind) {
        let watch = Watch { path: path.into(), of_children, kind };
        if !self.watches.contains(&watch) {
            self.watches.push(watch);
        }
    }

    /// Takes note of an answered read; returns what the answer must have been instead of the
    /// model's, if watches decide it.
    pub fn answered(&mut self, ask: &Ask, answer: &str) -> Option<&'static str> {
        let ok = answer.starts_with("ok");
        let missing = answer == ErrorCode::NoNode.name();
        match ask {
            Ask::Exists { path, watch: true } if ok || missing => {
                self.add(path, false, Kind::Once);
            }
            Ask::GetData { path, watch: true } if ok => self.add(path, false, Kind::Once),
            Ask::GetChildren { path, watch: true } if ok => self.add(path, true, Kind::Once),
            Ask::AddWatch { path, recursive: true } => self.add(path, false, Kind::Recursive),
            Ask::AddWatch { path, .. } => {
                self.add(path, false, Kind::Persistent);
                self.add(path, true, Kind::Persistent);
            }
            Ask::RemoveWatches { path } => {
                let before = self.watches.len();
                self.watches.retain(|watch| watch.path != *path);
                let found = self.watches.len() < before;
                return Some(if found { "ok" } else { ErrorCode::NoWatcher.name() });
            }
            _ => {}
        }
        None
    }

    /// Sets watches of data, existence and children on `path`; returns what is told at once.
    pub fn catch_up(&mut self, model: &Model, since: i64, path: &str) -> Vec<String> {
        let node = model.at(self.zxid).nodes.get(path).map(|node| node.stat);
        let (data, child) = match node {
            None => ("NodeDeleted", "NodeDeleted"),
            Some(stat) => (
                if stat.mzxid > Zxid(since) { "NodeDataChanged" } else { "" },
                if stat.pzxid > Zxid(since) { "NodeChildrenChanged" } else { "" },
            ),
        };
        let exist = if node.is_some() { "NodeCreated" } else { "" };
        let mut events = vec![];
        for (event, of_children) in [(data, false), (exist, false), (child, true)] {
            match event {
                "" => self.add(path, of_children, Kind::Once),
                _ => events.push(format!("event {event} {path} @-1")),
            }
        }
        events
    }
}
