//! Random choices, all from one seed.

use base::Prng;

/// A source of random choices.
#[derive(Debug)]
pub struct Draw(Prng);

impl Draw {
    /// Choices that depend on `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Draw {
        Draw(Prng::new(seed))
    }

    /// A number in `0..bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.0.below(bound)).unwrap_or(0)
    }

    /// True in `percent` of 100 draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// One of `items`.
    ///
    /// # Panics
    /// If there is none.
    pub fn one<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// One of `items`, each as likely as its weight says.
    ///
    /// # Panics
    /// If all weights are zero.
    pub fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> T {
        let total: u64 = items.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut at = self.0.below(total);
        for (weight, item) in items {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return *item,
            }
        }
        unreachable!("a draw lies below the sum of the weights")
    }

    /// A node's data: mostly short, sometimes empty, null or long.
    pub fn data(&mut self) -> Option<Vec<u8>> {
        let len = match self.below(100) {
            0..5 => return None,
            5..10 => 0,
            10..97 => 1 + self.below(24),
            _ => 1 + self.below(6000),
        };
        Some((0..len).map(|_| self.one(b"abcdefgh\0\xff")).collect())
    }

    /// The front of `body`, too short to be whole, or the body with a length in it that cannot be.
    pub fn spoilt(&mut self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        if body.len() >= 4 && self.chance(35) {
            let length: i32 = self.one(&[-2, i32::MIN, i32::MAX, 0x7fff_fff0, 3_000_000]);
            body[..4].copy_from_slice(&length.to_be_bytes());
        } else {
            body.truncate(self.below(body.len()));
        }
        body
    }
}
