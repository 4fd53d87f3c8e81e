use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// Keys in one directory of a deep tree, and directories below one another.
const DEEP_KEYS: u32 = 64;
const DEEP_LEVELS: u32 = 16;
/// Keys of the one large directory of a production tree: a tenth of all, but so many if half of the keys are as many.
const LARGE_KEYS: u32 = 100_000;
/// Keys in each other directory of a production tree.
const LEAF_KEYS: u32 = 20;
/// Every how many of those a directory of the first, second and third level begins.
const LEAVES_BELOW: [u32; 3] = [1024, 64, 8];
/// Bytes of a production tree's directory names; four of them, with the root and the key's name, make 115 bytes.
const DIRECTORY_NAME_BYTES: usize = 17;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How the keys of a load are spread over directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeShape {
    /// All keys in one directory, 100 bytes each.
    Flat,
    /// 64 keys in a directory, and 16 directories one below the other.
    Deep,
    /// As in a large user's snapshot: paths of about 115 bytes whose last name has about 24, values of 46 bytes of which 43 % are
    /// empty, one directory of 100,000 children or a tenth of the keys, the rest in directories of 20, four levels down.
    Production,
}

impl TreeShape {
    const NAMES: [(Self, &str); 3] =
        [(Self::Flat, "flat"), (Self::Deep, "deep"), (Self::Production, "production")];
}

impl FromStr for TreeShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.into_iter().find(|(_, name)| *name == text);
        found
            .map(|(shape, _)| shape)
            .ok_or_else(|| format!("`{text}` is none of flat, deep, production"))
    }
}

impl fmt::Display for TreeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.into_iter().find(|(shape, _)| shape == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// A directory, with the slash at its end, and how many children it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) path: String,
    pub(crate) children: u32,
}

/// The directories of a tree, parents first, and which of them hold the keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) directories: Vec<Directory>,
    /// Places in `directories`, in the order of the keys.
    holders: Vec<u32>,
    /// Keys of the first holder, and of each other.
    first_keys: u32,
    other_keys: u32,
}

impl Layout {
    /// The directories below `root` for so many keys. The root is the first and is taken to exist.
    pub(crate) fn new(shape: TreeShape, keys: u32, root: &str) -> Self {
        let mut layout = Self::default();
        layout.directories.push(Directory { path: format!("{root}/"), children: 0 });
        match shape {
            TreeShape::Flat => {
                layout.holders.push(0);
                (layout.first_keys, layout.other_keys) = (keys, 1);
            }
            TreeShape::Deep => layout.deepen(keys),
            TreeShape::Production => layout.spread(keys),
        }
        for key in 0..keys {
            let holder = layout.holder(key);
            layout.directories[holder].children += 1;
        }
        layout
    }

    /// The place of the directory that holds a key.
    #[inline]
    pub(crate) fn holder(&self, key: u32) -> usize {
        let slot = match key.checked_sub(self.first_keys) {
            None => 0,
            Some(rest) => 1 + rest / self.other_keys,
        };
        index(self.holders[index(slot)])
    }

    fn deepen(&mut self, keys: u32) {
        (self.first_keys, self.other_keys) = (DEEP_KEYS, DEEP_KEYS);
        let mut above = 0;
        for number in 0..keys.div_ceil(DEEP_KEYS) {
            let level = number % DEEP_LEVELS;
            above = if level == 0 {
                self.add(0, &format!("chain-{:06}", number / DEEP_LEVELS))
            } else {
                self.add(above, &format!("level-{level:02}"))
            };
            self.hold(above);
        }
    }

    fn spread(&mut self, keys: u32) {
        self.first_keys = (keys / 10).max(LARGE_KEYS.min(keys.div_ceil(2)));
        self.other_keys = LEAF_KEYS;
        let mut above = [0; 4];
        for (level, name) in ["services", "instances", "partitions"].into_iter().enumerate() {
            above[level + 1] = self.add(above[level], &directory_name(name, 0));
        }
        let large = self.add(above[3], &directory_name("large", 0));
        self.hold(large);
        for leaf in 0..(keys - self.first_keys).div_ceil(LEAF_KEYS) {
            for (level, below) in LEAVES_BELOW.into_iter().enumerate() {
                if leaf % below == 0 {
                    above[level + 1] = self.add(above[level], &directory_name("d", leaf / below));
                }
            }
            let leaf = self.add(above[3], &directory_name("leaf", leaf));
            self.hold(leaf);
        }
    }

    fn add(&mut self, above: usize, name: &str) -> usize {
        self.directories[above].children += 1;
        let path = format!("{}{name}/", self.directories[above].path);
        self.directories.push(Directory { path, children: 0 });
        self.directories.len() - 1
    }

    fn hold(&mut self, directory: usize) {
        self.holders.push(u32::try_from(directory).expect("fewer directories than keys"));
    }
}

/// Appends the last name of a key's path.
#[inline]
pub(crate) fn append_key_name(out: &mut Vec<u8>, shape: TreeShape, key: u32) {
    match shape {
        TreeShape::Flat | TreeShape::Deep => {
            out.extend_from_slice(b"key-");
            append_digits::<8>(out, u64::from(key));
        }
        TreeShape::Production => {
            append_digits::<8>(out, u64::from(key));
            out.push(b'-');
            let mut random = Random(u64::from(key));
            // Nine bytes stand already, so names have 18 to 30, and 24 in the middle.
            let letters = 9 + index(random.below(13));
            append_letters(out, &mut random, letters);
        }
    }
}

/// How long a key's value is when nobody asks for a length, in bytes.
#[inline]
pub(crate) fn value_bytes(shape: TreeShape, key: u32) -> usize {
    match shape {
        TreeShape::Flat | TreeShape::Deep => 100,
        TreeShape::Production => {
            let mut random = Random(u64::from(key) ^ 0x5eed);
            // The others have 62 to 100 bytes, so that all together have 46 on average.
            if random.below(100) < 43 { 0 } else { index(62 + random.below(39)) }
        }
    }
}

/// Appends a number with at least `N` digits.
#[inline]
pub(crate) fn append_digits<const N: usize>(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; 20];
    let (mut at, mut rest) = (20, number);
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789"[index(u32::try_from(rest % 10).unwrap_or(0))];
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(20 - N)..]);
}

fn append_letters(out: &mut Vec<u8>, random: &mut Random, count: usize) {
    let mut bits = 0;
    for position in 0..count {
        if position % 12 == 0 {
            bits = random.next();
        }
        out.push(LETTERS[index(u32::try_from(bits & 31).unwrap_or(0))]);
        bits >>= 5;
    }
}

/// A name of a fixed length that says a little and differs from its neighbours'.
fn directory_name(word: &str, number: u32) -> String {
    let mut name = format!("{word}-{number}-").into_bytes();
    let missing = DIRECTORY_NAME_BYTES.saturating_sub(name.len());
    append_letters(&mut name, &mut Random(u64::from(number)), missing);
    String::from_utf8(name).expect("letters and digits")
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("usize has at least 32 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const ROOT: &str = "/bench/r0000000001";
    const SHAPES: [TreeShape; 3] = [TreeShape::Flat, TreeShape::Deep, TreeShape::Production];

    fn paths(shape: TreeShape, keys: u32) -> Vec<String> {
        let layout = Layout::new(shape, keys, ROOT);
        (0..keys)
            .map(|key| {
                let mut path = layout.directories[layout.holder(key)].path.clone().into_bytes();
                append_key_name(&mut path, shape, key);
                String::from_utf8(path).unwrap()
            })
            .collect()
    }

    fn mean(lengths: impl ExactSizeIterator<Item = usize>) -> f64 {
        let count = lengths.len() as f64;
        lengths.sum::<usize>() as f64 / count
    }

    #[test]
    fn no_two_keys_share_a_path() {
        for shape in SHAPES {
            let paths = paths(shape, 30_000);
            assert_eq!(paths.iter().collect::<HashSet<_>>().len(), 30_000, "{shape}");
            assert_eq!(paths, self::paths(shape, 30_000), "{shape} is not the same twice");
        }
    }

    #[test]
    fn directories_come_after_their_parents_and_know_their_children() {
        for shape in SHAPES {
            let layout = Layout::new(shape, 5_000, ROOT);
            let mut seen = HashSet::new();
            for Directory { path, .. } in &layout.directories {
                let above = &path[..path[..path.len() - 1].rfind('/').unwrap() + 1];
                assert!(seen.is_empty() || seen.contains(above), "{path}");
                assert!(seen.insert(path.as_str()), "{path} twice");
            }
            let children: u32 = layout.directories.iter().map(|d| d.children).sum();
            let below_the_root = u32::try_from(layout.directories.len() - 1).unwrap();
            assert_eq!(children, 5_000 + below_the_root, "{shape}");
        }
    }

    #[test]
    fn flat_keys_stand_below_the_root() {
        assert_eq!(paths(TreeShape::Flat, 12)[11], format!("{ROOT}/key-00000011"));
    }

    #[test]
    fn deep_keys_stand_sixteen_directories_down() {
        let paths = paths(TreeShape::Deep, 64 * 17);
        assert_eq!(paths[64 * 16 - 1].matches('/').count(), 2 + 16 + 1);
        assert_eq!(paths[64 * 16], format!("{ROOT}/chain-000001/key-00001024"));
    }

    #[test]
    fn production_has_the_lengths_of_the_snapshot_it_follows() {
        let keys = 300_000;
        let paths = paths(TreeShape::Production, keys);
        let path_bytes = mean(paths.iter().map(String::len));
        assert!((114.0..116.0).contains(&path_bytes), "{path_bytes}");
        let name_bytes = mean(paths.iter().map(|path| path.len() - path.rfind('/').unwrap() - 1));
        assert!((23.5..24.5).contains(&name_bytes), "{name_bytes}");
        let values: Vec<_> = (0..keys).map(|key| value_bytes(TreeShape::Production, key)).collect();
        let bytes = mean(values.iter().copied());
        assert!((45.0..48.0).contains(&bytes), "{bytes}");
        let empty = values.iter().filter(|bytes| **bytes == 0).count() as f64 / f64::from(keys);
        assert!((0.42..0.44).contains(&empty), "{empty}");
    }

    #[test]
    fn production_has_one_large_directory() {
        let largest = |keys| {
            let layout = Layout::new(TreeShape::Production, keys, ROOT);
            let mut children: Vec<_> = layout.directories.iter().map(|d| d.children).collect();
            children.sort_unstable_by_key(|children| std::cmp::Reverse(*children));
            assert!(children[1] < 100, "{:?}", &children[..3]);
            children[0]
        };
        assert_eq!(largest(1_000), 500);
        assert_eq!(largest(200_000), 100_000);
        assert_eq!(largest(2_000_000), 200_000);
    }

    #[test]
    fn digits_are_padded_and_never_cut() {
        for (number, text) in [(0, "0000"), (42, "0042"), (123_456, "123456")] {
            let mut out = Vec::new();
            append_digits::<4>(&mut out, number);
            assert_eq!(out, text.as_bytes());
        }
    }
}
