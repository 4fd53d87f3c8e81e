//! One connection with many writes under way, and what must have become of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use base::Zxid;
use wire::CreateMode;

use super::Control;
use super::plan::Plan;
use super::seen::{Seen, SeenTree};
use super::subtree::{Node, Ordinal, Subtree, Writer};
use super::write::{Answer, Write};
use crate::client::{Frame, Session};

/// How many writes a worker keeps under way.
pub const DEPTH: usize = 64;
/// So long a session waits for a server that is being started again, in milliseconds.
const SESSION_TIMEOUT_MS: i32 = 120_000;
/// Writes behind the last acknowledged one that a message shows.
const SHOWN: usize = 12;

/// A write that was sent and not yet settled.
#[derive(Clone, Debug)]
struct Sent {
    writer: Writer,
    write: Write,
    xid: i32,
    due: Answer,
}

/// A session that is the only one to change its subtree.
///
/// So every answer is known before it comes, and after a crash the subtree must be exactly what it was behind one of
/// the writes: not before the last that was acknowledged.
#[derive(Debug)]
pub struct Worker {
    root: String,
    plan: Plan,
    session: Option<Session>,
    /// The state behind all writes that are settled.
    settled: Subtree,
    /// The state behind all writes that were sent.
    ahead: Subtree,
    /// Acknowledged since the last settlement.
    acknowledged: Vec<Sent>,
    /// Under way, or lost with the connection.
    outstanding: VecDeque<Sent>,
    /// The transactions of the writes that are known, by replies or by what they left.
    zxids: BTreeMap<Ordinal, Zxid>,
    next: Ordinal,
    /// How many writes changed something.
    successes: usize,
}

impl Worker {
    /// A worker that has created its root.
    ///
    /// # Errors
    /// When there is no session, or the root cannot be created.
    pub fn begin(address: SocketAddr, root: String, seed: u64) -> Result<Worker> {
        let mut session = Session::open(address, SESSION_TIMEOUT_MS)?;
        session.create(&root, b"", CreateMode::Persistent)?;
        let subtree = Subtree::new(&root);
        Ok(Worker {
            root,
            plan: Plan::new(seed),
            zxids: [(0, session.last_zxid)].into(),
            session: Some(session),
            settled: subtree.clone(),
            ahead: subtree,
            acknowledged: Vec::new(),
            outstanding: VecDeque::new(),
            next: 1,
            successes: 0,
        })
    }

    /// Writes that nobody knows the fate of.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Acknowledged writes that changed something.
    #[must_use]
    pub fn successes(&self) -> usize {
        self.successes
    }

    /// The root of its subtree.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The transactions known to be its writes'.
    pub fn zxids(&self) -> impl Iterator<Item = Zxid> {
        self.zxids.values().copied()
    }

    /// Writes until told to stop, or until the server is gone.
    ///
    /// # Errors
    /// When an answer is wrong, or the server goes although nobody ends it.
    pub fn run(&mut self, address: SocketAddr, control: &Control) -> Result<()> {
        let told = format!("the worker of {}", self.root);
        match self.run_to_end(address, control) {
            Ok(true) => Ok(()),
            Ok(false) if control.is_cut() => Ok(()),
            Ok(false) => bail!("{told}: the server hung up"),
            // Whoever is cut off while it connects learns of it in many ways.
            Err(_) if control.is_cut() && self.session.is_none() => Ok(()),
            Err(error) => Err(error.context(told)),
        }
    }

    /// `false` when the server has hung up.
    fn run_to_end(&mut self, address: SocketAddr, control: &Control) -> Result<bool> {
        loop {
            if self.session.is_none() {
                self.session = Some(Session::open(address, SESSION_TIMEOUT_MS)?);
            }
            let draining = control.is_draining();
            let closing = !draining && self.fill()?;
            let low = if draining || closing { 0 } else { DEPTH / 2 };
            while self.outstanding.len() > low {
                if !self.take_reply(control)? {
                    return Ok(false);
                }
            }
            if closing {
                self.session = None;
            } else if draining {
                return Ok(true);
            }
        }
    }

    /// Sends as many writes as may be under way; whether the last one ends the session.
    fn fill(&mut self) -> Result<bool> {
        let Some(session) = &mut self.session else { return Ok(false) };
        let mut closing = false;
        while self.outstanding.len() < DEPTH && !closing {
            let write = self.plan.draw(&self.ahead, self.next);
            let writer = Writer { session: session.id, ordinal: self.next };
            let due = self.ahead.apply(writer, &write).answer;
            let mut body = Vec::new();
            write.request().write(&mut body);
            let xid = session.queue(write.op(), &body);
            closing = write == Write::Close;
            self.outstanding.push_back(Sent { writer, write, xid, due });
            self.next += 1;
        }
        session.connection.flush()?;
        Ok(closing)
    }

    fn take_reply(&mut self, control: &Control) -> Result<bool> {
        let session = self.session.as_mut().context("no session")?;
        let Some(frame) = session.connection.next_frame()? else { return Ok(false) };
        let sent = self.outstanding.pop_front().context("a reply to nothing")?;
        let before = std::mem::replace(&mut session.last_zxid, frame.header.zxid);
        sent.check(&frame, before).with_context(|| format!("{sent:?}\n{frame:?}"))?;
        self.successes += usize::from(sent.due.is_success());
        self.zxids.insert(sent.writer.ordinal, frame.header.zxid);
        self.acknowledged.push(sent);
        control.acknowledge();
        Ok(true)
    }

    /// Finds the write up to which the tree shows all and behind which it shows nothing, and goes on from there.
    ///
    /// # Errors
    /// When there is none: something acknowledged is missing, or something is there that nobody wrote, twice, in part
    /// or out of order.
    pub fn settle(&mut self, tree: &SeenTree) -> Result<()> {
        for sent in self.acknowledged.drain(..) {
            self.settled.apply(sent.writer, &sent.write);
        }
        let mut differing: BTreeSet<String> = self.differing(tree);
        let mut trail = vec![self.describe(&differing, None, tree)];
        while !differing.is_empty() {
            let Some(sent) = self.outstanding.pop_front() else {
                bail!("{} is as behind none of its writes:\n{}", self.root, trail.join("\n"));
            };
            if sent.write == Write::Close {
                self.session = None;
            }
            for path in self.settled.apply(sent.writer, &sent.write).touched {
                if same(self.settled.nodes.get(&path), tree.get(&path)) {
                    differing.remove(&path);
                } else {
                    differing.insert(path);
                }
            }
            if trail.len() < SHOWN {
                trail.push(self.describe(&differing, Some(&sent), tree));
            }
        }
        self.learn_zxids(tree)
    }

    /// The paths of the subtree where the state behind all settled writes is not what was seen.
    fn differing(&self, tree: &SeenTree) -> BTreeSet<String> {
        let below = format!("{}/", self.root);
        let seen = tree.keys().filter(|path| **path == self.root || path.starts_with(&below));
        let paths = seen.chain(self.settled.nodes.keys());
        let due = |path: &String| self.settled.nodes.get(path);
        paths.filter(|path| !same(due(path), tree.get(*path))).cloned().collect()
    }

    fn describe(&self, differing: &BTreeSet<String>, by: Option<&Sent>, tree: &SeenTree) -> String {
        let mut text = match by {
            None => "behind the last acknowledged write:".to_owned(),
            Some(sent) => format!("behind write {}, {:?}:", sent.writer.ordinal, sent.write),
        };
        for path in differing.iter().take(SHOWN) {
            let (due, seen) = (self.settled.nodes.get(path), tree.get(path));
            text += &format!("\n  {path}\n    due  {due:?}\n    seen {seen:?}");
        }
        text
    }

    /// Zxids of writes whose answers were lost show in the nodes; all must grow with the writes.
    fn learn_zxids(&mut self, tree: &SeenTree) -> Result<()> {
        for (path, node) in &self.settled.nodes {
            let stat = tree.get(path).with_context(|| path.clone())?.stat;
            for (ordinal, zxid) in [
                (node.created_by, stat.czxid),
                (node.written_by, stat.mzxid),
                (node.peopled_by, stat.pzxid),
            ] {
                let known = *self.zxids.entry(ordinal).or_insert(zxid);
                ensure!(known == zxid, "{path}: write {ordinal} was {known:?}: {stat:?}, {node:?}");
            }
        }
        let zxids: Vec<Zxid> = self.zxids().collect();
        ensure!(
            zxids.windows(2).all(|pair| pair[0] < pair[1]),
            "the writes of {} have lost their order",
            self.root
        );
        Ok(())
    }

    /// Comes back to a server that was started again, in its old session if that may be there.
    ///
    /// # Errors
    /// When a session that nobody ended is refused.
    pub fn resume(&mut self, address: SocketAddr) -> Result<()> {
        let ended = self.outstanding.iter().any(|sent| sent.write == Write::Close);
        self.outstanding.clear();
        self.ahead = self.settled.clone();
        let Some(lost) = self.session.take() else { return Ok(()) };
        match lost.renew(address) {
            Ok(session) => self.session = Some(session),
            Err(_) if ended => {}
            Err(error) => {
                return Err(error.context(format!("{} with session {:?}", self.root, lost.id)));
            }
        }
        Ok(())
    }
}

impl Sent {
    fn check(&self, frame: &Frame, before: Zxid) -> Result<()> {
        ensure!(frame.header.xid == self.xid, "the reply to another request");
        ensure!(frame.header.zxid > before, "zxid {before:?} came before");
        let answer = Answer::decode(&self.write, frame)?;
        ensure!(answer == self.due, "{answer:?}");
        Ok(())
    }
}

/// Whether a node is there and as it should be, or neither.
fn same(due: Option<&Node>, seen: Option<&Seen>) -> bool {
    match (due, seen) {
        (None, None) => true,
        (Some(due), Some(seen)) => due.is(seen),
        _ => false,
    }
}
