use std::time::{Duration, Instant};

use crate::connection::{Connection, Reply};
use crate::crowd::{Crowd, Errand};
use crate::encoder::text;
use crate::error::BenchError;
use crate::frame::{code, opcode};
use crate::measure::Watch;
use crate::sessions::{Sessions, open_sessions};
use crate::subtree::{Fill, abandoning, create_root, fill_tree, find, remove};
use crate::target::Target;
use crate::tree::{Keys, Tree};

/// Watches to be registered and kept.
#[derive(Debug, Clone)]
pub struct Watches {
    /// Whom they go to.
    pub target: Target,
    /// Paths that are watched.
    pub count: u32,
    /// A tree that a fill left, with as many znodes at least; else one is made, and removed.
    pub at: Option<String>,
    /// Where they are.
    pub place: Place,
    /// Sessions that hold the watches.
    pub sessions: usize,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Znodes that are created first and hold nothing, each watched by every session.
    Shared,
    /// Such znodes, each watched by one session.
    Spread,
    /// Paths at which there is nothing, each watched by one session.
    Missing,
}

/// How the registration went.
#[derive(Debug, Clone)]
pub struct WatchesReport {
    /// `watches shared`.
    pub name: String,
    /// Watches registered.
    pub watches: u64,
    /// Sessions that hold them.
    pub sessions: u64,
    /// Time that the registration took.
    pub elapsed: Duration,
    /// The subtree.
    pub path: String,
}

impl WatchesReport {
    /// A line.
    #[must_use]
    pub fn table(&self) -> String {
        let Self { name, watches, sessions, elapsed, path } = self;
        let elapsed = elapsed.as_secs_f64();
        format!(
            "{name}: {watches} registered by {sessions} sessions in {elapsed:.3} s below {path}\n"
        )
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "watches": self.watches,
            "sessions": self.sessions,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "path": self.path,
        })
    }
}

/// Registered watches; they last until they are released.
pub struct Watching {
    /// The sessions that hold them.
    pub crowd: Crowd,
    /// How it went.
    pub report: WatchesReport,
    /// Whether the tree was made for this.
    made: bool,
    target: Target,
}

impl Watching {
    /// Ends the sessions, and removes the subtree if it was made for them.
    ///
    /// # Errors
    /// When the server does not confirm it.
    pub fn release(self, watch: Watch<'_>) -> Result<(), BenchError> {
        self.crowd.close()?;
        if self.made { remove(&self.target, &self.report.path, watch) } else { Ok(()) }
    }
}

/// Opens the sessions and registers the watches.
///
/// # Errors
/// Anything wrong in any reply; the subtree is then left behind.
pub fn register_watches(watches: &Watches, watch: Watch<'_>) -> Result<Watching, BenchError> {
    if watches.count == 0 || watches.sessions == 0 {
        return Err(BenchError::Load("watches and sessions must not be zero"));
    }
    let made = if watches.place == Place::Missing { 1 } else { watches.count };
    let keys = Keys { count: made, value_bytes: Some(0), ..Keys::default() };
    let target = watches.target.clone();
    if let Some(path) = &watches.at {
        let tree = find(&target, path, keys, true)?;
        return register(watches, tree, watch);
    }
    let tree = create_root(&target, keys)?;
    let root = tree.root.clone();
    abandoning(&root, || {
        let fill = Fill { target, keys, connections: 2, outstanding: 256 };
        fill_tree(&fill, &tree, watch)?;
        register(watches, tree, watch)
    })
}

fn register(watches: &Watches, tree: Tree, watch: Watch<'_>) -> Result<Watching, BenchError> {
    let target = watches.target.clone();
    let sessions = Sessions { target, count: watches.sessions, in_flight: None };
    let (mut crowd, opened) = open_sessions(&sessions, watch)?;
    if opened.refused > 0 {
        return Err(BenchError::Refused);
    }
    let place = match watches.place {
        Place::Shared => "shared",
        Place::Spread => "spread",
        Place::Missing => "on missing paths",
    };
    let name = format!("watches {place}");
    let path = tree.root.clone();
    let begun = Instant::now();
    let mut registering = Registering::new(watches, tree);
    crowd.run(&mut registering)?;
    let report = WatchesReport {
        name,
        watches: registering.answered,
        sessions: opened.sessions,
        elapsed: begun.elapsed(),
        path,
    };
    let made = watches.at.is_none();
    Ok(Watching { crowd, report, made, target: watches.target.clone() })
}

/// Each session takes every so-manyth path, or all of them.
struct Registering {
    tree: Tree,
    place: Place,
    paths: u64,
    /// From a path of a session to its next.
    step: u64,
    watches: u64,
    answered: u64,
    /// The next path of each session.
    next: Vec<u64>,
}

impl Registering {
    fn new(watches: &Watches, tree: Tree) -> Self {
        let (place, paths) = (watches.place, u64::from(watches.count));
        let sessions = u64::try_from(watches.sessions).unwrap_or(u64::MAX);
        let (step, total, next) = match place {
            Place::Shared => (1, paths.saturating_mul(sessions), vec![0; watches.sessions]),
            Place::Spread | Place::Missing => (sessions, paths, (0..sessions).collect()),
        };
        Self { tree, place, paths, step, watches: total, answered: 0, next }
    }
}

impl Errand for Registering {
    fn ask(&mut self, index: usize, connection: &mut Connection<u64>, since: Instant) -> bool {
        let number = self.next[index];
        if number >= self.paths {
            return false;
        }
        self.next[index] += self.step;
        let (tree, key) = (&self.tree, u32::try_from(number).unwrap_or(u32::MAX));
        match self.place {
            Place::Shared | Place::Spread => connection.request(opcode::GET, number, since, |e| {
                e.read(|out| tree.append_path(out, key), true);
            }),
            Place::Missing => {
                let path = format!("{}/missing-{key:08}", tree.root);
                connection.request(opcode::EXISTS, number, since, |e| e.read(text(&path), true));
            }
        }
        true
    }

    fn answer(&mut self, _: usize, reply: Reply<'_, u64>) -> Result<(), BenchError> {
        if self.place != Place::Missing || reply.code != code::NO_NODE {
            reply.succeeded("watch")?;
        }
        self.answered += 1;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.answered == self.watches
    }
}
