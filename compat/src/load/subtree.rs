//! The nodes below a worker's root, as its writes must have left them.

use std::collections::BTreeMap;

use base::SessionId;
use wire::{CreateMode, ErrorCode, Stat};

use super::seen::Seen;
use super::write::{Answer, Write, acl};

/// The place of a write among all that a worker ever sent.
pub type Ordinal = u64;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its data.
    pub data: Vec<u8>,
    /// Changes of its data.
    pub version: i32,
    /// The number of its ACL.
    pub acl: usize,
    /// Changes of its ACL.
    pub aversion: i32,
    /// Children that it has.
    pub children: i32,
    /// Children that it ever had: what numbers sequential nodes.
    pub ever: i32,
    /// The session that it goes with, or none.
    pub owner: SessionId,
    /// The write that created it.
    pub created_by: Ordinal,
    /// The write that last changed its data.
    pub written_by: Ordinal,
    /// The write that last created or deleted a child.
    pub peopled_by: Ordinal,
}

impl Node {
    fn new(data: &[u8], acl: usize, owner: SessionId, by: Ordinal) -> Node {
        Node {
            data: data.to_vec(),
            version: 0,
            acl,
            aversion: 0,
            children: 0,
            ever: 0,
            owner,
            created_by: by,
            written_by: by,
            peopled_by: by,
        }
    }

    /// Whether it is what a client saw, as far as that can be foretold.
    #[must_use]
    pub fn is(&self, seen: &Seen) -> bool {
        self.stat(&seen.stat) == seen.stat
            && seen.data.as_deref() == Some(&self.data)
            && seen.acl == acl(self.acl)
    }

    /// Its stat, with zxids and times taken from what was seen.
    fn stat(&self, seen: &Stat) -> Stat {
        Stat {
            version: self.version,
            cversion: 2 * self.ever - self.children,
            aversion: self.aversion,
            ephemeral_owner: self.owner.0,
            data_length: i32::try_from(self.data.len()).unwrap_or(i32::MAX),
            num_children: self.children,
            ..*seen
        }
    }
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The answer that is due.
    pub answer: Answer,
    /// The nodes that are new, changed or gone.
    pub touched: Vec<String>,
}

impl Outcome {
    fn failed(code: ErrorCode) -> Outcome {
        Outcome { answer: Answer::error(code), touched: Vec::new() }
    }
}

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// The session.
    pub session: SessionId,
    /// The place of the write.
    pub ordinal: Ordinal,
}

/// A root and all that is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// All nodes by their paths.
    pub nodes: BTreeMap<String, Node>,
}

impl Subtree {
    /// A root that was just created.
    #[must_use]
    pub fn new(root: &str) -> Subtree {
        Subtree { nodes: [(root.to_owned(), Node::new(b"", 0, SessionId::NONE, 0))].into() }
    }

    /// Does what a write does, with ZooKeeper's order of checks.
    pub fn apply(&mut self, writer: Writer, write: &Write) -> Outcome {
        self.try_apply(writer, write).unwrap_or_else(Outcome::failed)
    }

    fn try_apply(&mut self, writer: Writer, write: &Write) -> Result<Outcome, ErrorCode> {
        match write {
            Write::Create { path, data, acl, mode, .. } => {
                let owner = if mode.is_ephemeral() { writer.session } else { SessionId::NONE };
                self.create(path, *mode, Node::new(data, *acl, owner, writer.ordinal))
            }
            Write::Delete { path, version } => self.delete(path, *version, writer.ordinal),
            Write::SetData { path, data, version } => {
                let node = self.node(path)?;
                expect(*version, node.version)?;
                node.version += 1;
                node.data.clone_from(data);
                node.written_by = writer.ordinal;
                Ok(Outcome { answer: Answer::Set(node.version), touched: vec![path.clone()] })
            }
            Write::SetAcl { path, acl, version } => {
                let node = self.node(path)?;
                expect(*version, node.aversion)?;
                node.aversion += 1;
                node.acl = *acl;
                Ok(Outcome { answer: Answer::Set(node.aversion), touched: vec![path.clone()] })
            }
            Write::Check { path, version } => {
                expect(*version, self.node(path)?.version)?;
                Ok(Outcome { answer: Answer::Done, touched: Vec::new() })
            }
            Write::Multi(parts) => Ok(self.multi(writer, parts)),
            Write::Close => Ok(self.close(writer)),
        }
    }

    fn node(&mut self, path: &str) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(path).ok_or(ErrorCode::NoNode)
    }

    fn create(&mut self, path: &str, mode: CreateMode, node: Node) -> Result<Outcome, ErrorCode> {
        let above = parent(path);
        let number = self.node(above)?.ever;
        let name =
            if mode.is_sequential() { format!("{path}{number:010}") } else { path.to_owned() };
        if self.nodes.contains_key(&name) {
            return Err(ErrorCode::NodeExists);
        }
        let parent = self.node(above)?;
        if parent.owner != SessionId::NONE {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        parent.children += 1;
        parent.ever += 1;
        parent.peopled_by = node.created_by;
        self.nodes.insert(name.clone(), node);
        let touched = vec![above.to_owned(), name.clone()];
        Ok(Outcome { answer: Answer::Created(name), touched })
    }

    fn delete(&mut self, path: &str, version: i32, by: Ordinal) -> Result<Outcome, ErrorCode> {
        let node = self.node(path)?;
        expect(version, node.version)?;
        if node.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        Ok(Outcome { answer: Answer::Done, touched: self.remove(path, by) })
    }

    fn remove(&mut self, path: &str, by: Ordinal) -> Vec<String> {
        self.nodes.remove(path);
        let above = parent(path);
        if let Some(parent) = self.nodes.get_mut(above) {
            parent.children -= 1;
            parent.peopled_by = by;
        }
        vec![above.to_owned(), path.to_owned()]
    }

    fn multi(&mut self, writer: Writer, parts: &[Write]) -> Outcome {
        let mut trial = self.clone();
        let outcomes: Vec<Outcome> = parts.iter().map(|part| trial.apply(writer, part)).collect();
        let Some(bad) = outcomes.iter().position(|outcome| !outcome.answer.is_success()) else {
            *self = trial;
            let (answers, touched): (_, Vec<_>) =
                outcomes.into_iter().map(|outcome| (outcome.answer, outcome.touched)).unzip();
            return Outcome { answer: Answer::Multi(answers), touched: touched.concat() };
        };
        let answers = outcomes.into_iter().enumerate().map(|(n, outcome)| match n {
            n if n < bad => Answer::Failed(0),
            n if n == bad => outcome.answer,
            _ => Answer::error(ErrorCode::RuntimeInconsistency),
        });
        Outcome { answer: Answer::Multi(answers.collect()), touched: Vec::new() }
    }

    fn close(&mut self, writer: Writer) -> Outcome {
        let ephemerals: Vec<String> = self.ephemerals(writer.session).cloned().collect();
        let touched = ephemerals.iter().flat_map(|path| self.remove(path, writer.ordinal));
        Outcome { answer: Answer::Done, touched: touched.collect() }
    }

    /// The nodes that go with a session.
    pub fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = &String> {
        self.nodes.iter().filter(move |(_, node)| node.owner == session).map(|(path, _)| path)
    }
}

/// The path of the node above.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn expect(version: i32, actual: i32) -> Result<(), ErrorCode> {
    if version == -1 || version == actual { Ok(()) } else { Err(ErrorCode::BadVersion) }
}
