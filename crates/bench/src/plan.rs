//! Which requests a phase sends.

use std::time::Instant;

use crate::connection::Connection;
use crate::frame::{CreateMode, Operation};

/// Queues requests: what a phase does.
pub(crate) trait Plan {
    /// Queues the next request on `connection`.
    fn request(&mut self, connection: &mut Connection, now: Instant);
}

/// Numbered znodes of one subtree.
pub(crate) struct Paths {
    prefix: String,
    /// How many were handed out.
    pub(crate) used: u64,
}

impl Paths {
    pub(crate) fn new(subtree: &str, name: &str) -> Self {
        Self { prefix: format!("{subtree}/{name}-"), used: 0 }
    }

    fn advance(&mut self) -> String {
        let path = format!("{}{:08}", self.prefix, self.used);
        self.used += 1;
        path
    }
}

/// Creates one znode after the other.
pub(crate) struct Creating {
    pub(crate) paths: Paths,
    pub(crate) value: Vec<u8>,
}

impl Plan for Creating {
    fn request(&mut self, connection: &mut Connection, now: Instant) {
        let path = self.paths.advance();
        connection.request(Operation::Create, now, |mut encoder, xid| {
            encoder.create(xid, &path, &self.value, CreateMode::Persistent);
        });
    }
}

/// Deletes one znode after the other.
pub(crate) struct Deleting {
    pub(crate) paths: Paths,
}

impl Plan for Deleting {
    fn request(&mut self, connection: &mut Connection, now: Instant) {
        let path = self.paths.advance();
        connection.request(Operation::Delete, now, |mut encoder, xid| encoder.delete(xid, &path));
    }
}

/// Reads and writes random keys.
pub(crate) struct Picking {
    pub(crate) keys: Vec<String>,
    pub(crate) value: Vec<u8>,
    /// Share of reads, 0 to 100.
    pub(crate) get_percent: u8,
    pub(crate) random: Random,
}

impl Plan for Picking {
    fn request(&mut self, connection: &mut Connection, now: Instant) {
        let key = &self.keys[self.random.below(self.keys.len())];
        if self.random.below(100) < usize::from(self.get_percent) {
            connection.request(Operation::Get, now, |mut encoder, xid| encoder.get(xid, key));
        } else {
            connection.request(Operation::Set, now, |mut encoder, xid| {
                encoder.set(xid, key, &self.value)
            });
        }
    }
}

/// SplitMix64: one addition and three multiplications, so that choosing costs nothing beside a request.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`, which must not be zero.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("usize has at most 64 bits");
        usize::try_from(self.next() % bound).expect("below a usize")
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_drawn_evenly() {
        let mut random = Random(7);
        let mut drawn = [0_u32; 10];
        for _ in 0..10_000 {
            drawn[random.below(10)] += 1;
        }
        assert!(drawn.iter().all(|count| (900..1_100).contains(count)), "{drawn:?}");
    }

    #[test]
    fn paths_count_up_from_zero() {
        let mut paths = Paths::new("/bench/r1", "key");
        assert_eq!(paths.advance(), "/bench/r1/key-00000000");
        assert_eq!(paths.advance(), "/bench/r1/key-00000001");
        assert_eq!(paths.used, 2);
    }
}
