//! Making a subtree, finding one that is there, and removing it.

use std::time::{Duration, Instant};

use crate::clear::clear;
use crate::connection::{Connection, Reply};
use crate::encoder::{CreateMode, text};
use crate::error::BenchError;
use crate::frame::opcode;
use crate::load::{Limit, check_keys, check_width};
use crate::measure::{Measured, Watch};
use crate::mix::Operation;
use crate::once::Once;
use crate::pace::Pace;
use crate::phase::{Extent, Plan, run_phase};
use crate::report::Report;
use crate::target::Target;
use crate::tree::{Keys, Tree};

/// The znode under which every run makes its own subtree.
pub(crate) const ROOT: &str = "/bench";
/// Requests outstanding while directories are created, on one connection: parents come before their children.
const DIRECTORIES_OUTSTANDING: usize = 256;

/// A tree to be created and left: the measure of `create`.
#[derive(Debug, Clone)]
pub struct Fill {
    /// Whom the requests go to.
    pub target: Target,
    /// The znodes.
    pub keys: Keys,
    /// Sessions, each on its own connection.
    pub connections: usize,
    /// Requests that each connection keeps outstanding.
    pub outstanding: usize,
}

/// Creates a tree as fast as the server can, and leaves it; the report says where. Directories come first and are not measured.
///
/// # Errors
/// Anything wrong in any reply ends the fill; what was created is left. See [`BenchError`].
pub fn fill(fill: &Fill, watch: Watch<'_>) -> Result<Report, BenchError> {
    check_width(fill.connections, fill.outstanding)?;
    check_keys(&fill.keys)?;
    let name = format!(
        "create {} {} {}x{}",
        fill.keys.count, fill.keys.shape, fill.connections, fill.outstanding
    );
    let tree = create_root(&fill.target, fill.keys)?;
    let measured = abandoning(&tree.root, || fill_tree(fill, &tree, watch))?;
    Ok(Report::new(name, tree.root, measured, &[Operation::Create]))
}

/// Lets the server choose a free name, so that runs side by side do not meet.
pub(crate) fn create_root(target: &Target, keys: Keys) -> Result<Tree, BenchError> {
    let description = keys.to_string();
    let root = create_numbered(target, "r", &description)?;
    Ok(Tree::new(root, keys))
}

/// Creates a znode below [`ROOT`] that no other run has.
pub(crate) fn create_numbered(
    target: &Target,
    name: &str,
    value: &str,
) -> Result<String, BenchError> {
    let mut once = Once::open(target)?;
    once.ensure(ROOT)?;
    let path = once.create(&format!("{ROOT}/{name}"), value, CreateMode::PersistentSequential)?;
    once.close()?;
    Ok(path)
}

/// The tree that a fill left at `path`. Where the server remembers nothing, it is taken to be as `keys` says.
pub(crate) fn find(
    target: &Target,
    path: &str,
    keys: Keys,
    remembers: bool,
) -> Result<Tree, BenchError> {
    let mut once = Once::open(target)?;
    let description = once.get(path)?;
    once.close()?;
    match Keys::read(&description) {
        Some(found) => Ok(Tree::inherit(path.to_owned(), found)),
        None if remembers => Err(BenchError::NotFilled(path.to_owned())),
        None => Ok(Tree::inherit(path.to_owned(), keys)),
    }
}

/// Creates all directories, then all keys.
pub(crate) fn fill_tree(
    fill: &Fill,
    tree: &Tree,
    watch: Watch<'_>,
) -> Result<Measured, BenchError> {
    if tree.directories().len() > 1 {
        let extent = Extent::whole("creating directories", 1, DIRECTORIES_OUTSTANDING);
        run_phase(&fill.target, &extent, &mut Directories { tree, next: 1 }, watch)?;
    }
    let extent = Extent {
        stage: "filling",
        connections: fill.connections,
        outstanding: fill.outstanding,
        pace: Pace::Closed,
        limit: Limit::Operations(tree.keys.count.into()),
        warm_up: Duration::ZERO,
    };
    run_phase(&fill.target, &extent, &mut Filling { tree, next: 0 }, watch)
}

/// Removes a subtree; and [`ROOT`] too, if no other run is in it.
pub(crate) fn remove(target: &Target, path: &str, watch: Watch<'_>) -> Result<(), BenchError> {
    clear(target, path, watch)?;
    let mut once = Once::open(target)?;
    once.delete(ROOT)?;
    once.close()
}

/// Says in an error that `path` is left behind.
pub(crate) fn abandoning<R>(
    path: &str,
    work: impl FnOnce() -> Result<R, BenchError>,
) -> Result<R, BenchError> {
    work().map_err(|cause| BenchError::Abandoned { path: path.to_owned(), cause: Box::new(cause) })
}

struct Directories<'a> {
    tree: &'a Tree,
    next: usize,
}

impl Plan for Directories<'_> {
    type Tag = ();

    fn ask(&mut self, _: usize, connection: &mut Connection<()>, since: Instant) -> bool {
        let Some(directory) = self.tree.directories().get(self.next) else { return false };
        self.next += 1;
        let path = directory.path.trim_end_matches('/');
        connection.request(opcode::CREATE, (), since, |e| {
            e.create(text(path), text(""), CreateMode::Persistent);
        });
        true
    }

    fn answer(&mut self, _: usize, reply: Reply<'_, ()>) -> Result<(), BenchError> {
        reply.succeeded("create")
    }
}

struct Filling<'a> {
    tree: &'a Tree,
    next: u32,
}

impl Plan for Filling<'_> {
    type Tag = ();

    fn ask(&mut self, _: usize, connection: &mut Connection<()>, since: Instant) -> bool {
        let (tree, key) = (self.tree, self.next);
        if key >= tree.keys.count {
            return false;
        }
        self.next += 1;
        connection.request(opcode::CREATE, (), since, |e| {
            e.create(
                |out| tree.append_path(out, key),
                |out| tree.append_first_value(out, key),
                CreateMode::Persistent,
            );
        });
        true
    }

    fn answer(&mut self, _: usize, mut reply: Reply<'_, ()>) -> Result<(), BenchError> {
        reply.succeeded("create")?;
        reply.body.buffer()?;
        reply.body.end()
    }
}
