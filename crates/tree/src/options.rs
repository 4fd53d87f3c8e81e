use wire::Limits;

use crate::owner::ExtendedTypes;

/// What a tree is told at its birth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Seeds the hash of paths. Random in a server, so that nobody can choose colliding names.
    pub hash_seed: u64,
    /// Whether the tree digest is left out (`zookeeper.digest.enabled=false`).
    pub digest_disabled: bool,
    /// Which owners mark TTL nodes.
    pub types: ExtendedTypes,
    /// How long fields of replayed transactions may be.
    pub limits: Limits,
}
