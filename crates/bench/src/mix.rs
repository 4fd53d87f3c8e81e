use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// What a load can ask of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `getData` of a random key.
    Get,
    /// `setData` of a random key.
    Set,
    /// `exists` of a random key.
    Exists,
    /// `getChildren2` of a random directory.
    Children,
    /// `create` of a new znode.
    Create,
    /// `create` of a znode that the server numbers.
    CreateSequential,
    /// `create` of a znode that ends with the session.
    CreateEphemeral,
    /// `delete` of the oldest znode that the connection created; if there is none it creates one.
    Delete,
    /// `sync`.
    Sync,
    /// A multi of creates, each followed by the delete of what it created.
    Multi,
    /// A multi of `setData`.
    MultiSet,
    /// A multiRead of `getData`.
    MultiRead,
    /// A multi with nothing but the check of one version.
    Check,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 13] = [
        Self::Get,
        Self::Set,
        Self::Exists,
        Self::Children,
        Self::Create,
        Self::CreateSequential,
        Self::CreateEphemeral,
        Self::Delete,
        Self::Sync,
        Self::Multi,
        Self::MultiSet,
        Self::MultiRead,
        Self::Check,
    ];

    /// The name in a mix and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Exists => "exists",
            Self::Children => "children",
            Self::Create => "create",
            Self::CreateSequential => "create-sequential",
            Self::CreateEphemeral => "create-ephemeral",
            Self::Delete => "delete",
            Self::Sync => "sync",
            Self::Multi => "multi",
            Self::MultiSet => "multi-set",
            Self::MultiRead => "multi-read",
            Self::Check => "check",
        }
    }

    /// The place in [`ALL`](Self::ALL).
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|operation| operation.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is none of {names}")
        })
    }
}

/// Which operations a load sends, and how often each: `get=90,set=10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Operations with their weights; none twice, no weight zero.
    weights: Vec<(Operation, u32)>,
    total: u32,
}

impl Mix {
    /// Nothing but one operation.
    #[must_use]
    pub fn only(operation: Operation) -> Self {
        Self { weights: vec![(operation, 1)], total: 1 }
    }

    pub(crate) fn has(&self, operation: Operation) -> bool {
        self.weights.iter().any(|(had, _)| *had == operation)
    }

    #[inline]
    pub(crate) fn pick(&self, random: &mut Random) -> Operation {
        let [(first, _), rest @ ..] = self.weights.as_slice() else {
            unreachable!("a mix has an operation")
        };
        if rest.is_empty() {
            return *first;
        }
        let mut drawn = random.below(self.total);
        for (operation, weight) in &self.weights {
            match drawn.checked_sub(*weight) {
                None => return *operation,
                Some(left) => drawn = left,
            }
        }
        *first
    }
}

impl FromStr for Mix {
    type Err = String;

    /// Reads `OPERATION=WEIGHT,…`; a weight may be left out and is 1 then.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut weights: Vec<(Operation, u32)> = Vec::new();
        let mut total = 0_u32;
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let operation: Operation = name.trim().parse()?;
            let weight: u32 =
                weight.trim().parse().map_err(|_| format!("`{weight}` is no weight"))?;
            if weights.iter().any(|(had, _)| *had == operation) {
                return Err(format!("`{}` stands twice", operation.name()));
            }
            total = total.checked_add(weight).ok_or("the weights are too large")?;
            if weight > 0 {
                weights.push((operation, weight));
            }
        }
        if weights.is_empty() {
            Err("all weights are zero".to_owned())
        } else {
            Ok(Self { weights, total })
        }
    }
}

impl fmt::Display for Mix {
    /// As it is read; a mix of one operation is only its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(only, _)] = self.weights.as_slice() {
            return f.write_str(only.name());
        }
        for (index, (operation, weight)) in self.weights.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}={weight}", operation.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_read_back_as_they_print() {
        for text in ["get", "get=90,set=10", "multi-read=1,create=2,delete=2", "check"] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
        }
        assert_eq!("get=100".parse::<Mix>().unwrap().to_string(), "get");
        assert_eq!(" get = 1, set=0".parse::<Mix>().unwrap(), Mix::only(Operation::Get));
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for text in ["", "put", "get=", "get=-1", "get=1,get=2", "get=0", "get=4294967295,set=1"] {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
    }

    #[test]
    fn operations_are_drawn_by_their_weights() {
        let mix: Mix = "get=90,set=9,sync=1".parse().unwrap();
        let mut random = Random(3);
        let mut drawn = [0_u32; 13];
        for _ in 0..100_000 {
            drawn[mix.pick(&mut random).index()] += 1;
        }
        let of = |operation: Operation| drawn[operation.index()];
        assert!((89_000..91_000).contains(&of(Operation::Get)), "{drawn:?}");
        assert!((8_500..9_500).contains(&of(Operation::Set)), "{drawn:?}");
        assert!((800..1_200).contains(&of(Operation::Sync)), "{drawn:?}");
    }

    #[test]
    fn every_operation_is_at_its_place() {
        for (index, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation.index(), index);
            assert_eq!(operation.name().parse(), Ok(operation));
        }
    }
}
