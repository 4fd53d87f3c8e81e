use tree::{Tree, Watches};

/// How the shell lets readers of one replica take turns at its watches.
pub trait WatchLock {
    /// Runs `f` on the watches, alone.
    fn with<R>(&self, f: impl FnOnce(&mut Watches) -> R) -> R;

    /// The watches, for whoever has the whole replica to itself.
    fn get_mut(&mut self) -> &mut Watches;
}

/// What readers share: the tree, and who watches it.
pub struct Replica<L> {
    /// The tree, with the last transaction applied.
    pub tree: Tree,
    /// The watches of this server's connections.
    pub watches: L,
}
