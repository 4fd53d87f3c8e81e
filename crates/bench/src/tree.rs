use std::fmt;

use crate::error::BenchError;
use crate::tree_shape::{Directory, Layout, TreeShape, append_key_name, value_bytes};
use crate::value;

/// What begins the value of a subtree's root, before the description of what stands below it.
const MARK: &str = "rookeeper-bench";

/// The znodes that a load picks from, apart from where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// How many.
    pub count: u32,
    /// Over which directories they are spread.
    pub shape: TreeShape,
    /// Length of every value, in bytes; `None` leaves it to the shape.
    pub value_bytes: Option<usize>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { count: 10_000, shape: TreeShape::Flat, value_bytes: None }
    }
}

impl Keys {
    /// Reads what [`Display`](fmt::Display) wrote.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut words = text.strip_prefix(MARK)?.split_whitespace();
        let (shape, count, value_bytes) = (words.next()?, words.next()?, words.next()?);
        let value_bytes = if value_bytes == "-" { None } else { Some(value_bytes.parse().ok()?) };
        Some(Self { count: count.parse().ok()?, shape: shape.parse().ok()?, value_bytes })
    }

    /// Length of a key's value, in bytes.
    #[inline]
    pub(crate) fn value_bytes(&self, key: u32) -> usize {
        self.value_bytes.unwrap_or_else(|| value_bytes(self.shape, key))
    }
}

impl fmt::Display for Keys {
    /// What the root's value says, so that a later run knows what it finds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} {} {} ", self.shape, self.count)?;
        match self.value_bytes {
            Some(bytes) => write!(f, "{bytes}"),
            None => f.write_str("-"),
        }
    }
}

/// One run's znodes: where they stand, and which values they have.
pub(crate) struct Tree {
    pub(crate) root: String,
    pub(crate) keys: Keys,
    layout: Layout,
    /// Writes of this run to any key; the fill is number 0.
    writes: u64,
    /// Whether others may have written before, with numbers that this run cannot know.
    inherited: bool,
}

impl Tree {
    /// The tree below `root`, made by this run.
    pub(crate) fn new(root: String, keys: Keys) -> Self {
        let layout = Layout::new(keys.shape, keys.count, &root);
        Self { root, keys, layout, writes: 0, inherited: false }
    }

    /// The tree that another run has left below `root`.
    pub(crate) fn inherit(root: String, keys: Keys) -> Self {
        Self { inherited: true, ..Self::new(root, keys) }
    }

    /// All directories but the root, parents first.
    pub(crate) fn directories(&self) -> &[Directory] {
        &self.layout.directories
    }

    #[inline]
    pub(crate) fn append_path(&self, out: &mut Vec<u8>, key: u32) {
        let holder = &self.layout.directories[self.layout.holder(key)];
        out.extend_from_slice(holder.path.as_bytes());
        append_key_name(out, self.keys.shape, key);
    }

    /// The value that the fill writes.
    pub(crate) fn append_first_value(&self, out: &mut Vec<u8>, key: u32) {
        value::append(out, key.into(), 0, self.keys.value_bytes(key));
    }

    /// Numbers the next write.
    pub(crate) fn number_write(&mut self) -> u64 {
        self.writes += 1;
        self.writes
    }

    pub(crate) fn append_value(&self, out: &mut Vec<u8>, key: u32, write: u64) {
        value::append(out, key.into(), write, self.keys.value_bytes(key));
    }

    #[inline]
    pub(crate) fn check_value(&self, found: &[u8], key: u32) -> Result<(), BenchError> {
        let last_write = if self.inherited { u64::MAX } else { self.writes };
        value::check(found, key.into(), self.keys.value_bytes(key), last_write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_says_what_stands_below_it() {
        for (value_bytes, text) in
            [(None, "rookeeper-bench deep 12 -"), (Some(46), "rookeeper-bench deep 12 46")]
        {
            let keys = Keys { count: 12, shape: TreeShape::Deep, value_bytes };
            assert_eq!(keys.to_string(), text);
            assert_eq!(Keys::read(text.as_bytes()), Some(keys));
        }
        for text in ["", "rookeeper-bench", "rookeeper-bench deep x -", "other deep 12 -"] {
            assert_eq!(Keys::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_value_that_this_run_did_not_write_passes_only_in_an_inherited_tree() {
        let keys = Keys { count: 5, ..Keys::default() };
        let mut own = Tree::new("/bench/r1".to_owned(), keys);
        let mut value = Vec::new();
        own.append_value(&mut value, 3, 1);
        assert!(own.check_value(&value, 3).is_err());
        assert_eq!(own.number_write(), 1);
        own.check_value(&value, 3).unwrap();
        Tree::inherit("/bench/r1".to_owned(), keys).check_value(&value, 3).unwrap();
    }
}
