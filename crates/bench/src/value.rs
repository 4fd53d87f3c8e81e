//! Values that say whose they are.
//!
//! The first eight bytes are the key's number, the next eight the number of the write, and what follows is computed from both.
//! So whoever reads one can tell a value that was never written to that znode: of another key, of a write that was never
//! sent, or torn. Values of less than sixteen bytes are cut off and only their length can be checked.

use crate::error::BenchError;

/// Bytes that name the key and the write.
const NAME_BYTES: usize = 16;

/// Appends `length` bytes that say that they are write number `write` of `key`.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, key: u64, write: u64, length: usize) {
    let end = out.len() + length;
    out.reserve(length + 24);
    out.extend_from_slice(&key.to_be_bytes());
    out.extend_from_slice(&write.to_be_bytes());
    let mut filling = Filling::of(key, write);
    while out.len() < end {
        out.extend_from_slice(&filling.next());
    }
    out.truncate(end);
}

/// Checks that `value` is what [`append`] wrote to `key` with this length, and with a write no later than `last_write`.
#[inline]
pub(crate) fn check(
    value: &[u8],
    key: u64,
    length: usize,
    last_write: u64,
) -> Result<(), BenchError> {
    if value.len() != length {
        return Err(BenchError::ValueLength { expected: length, found: value.len() });
    }
    let Some((name, rest)) = value.split_first_chunk::<NAME_BYTES>() else {
        return Ok(());
    };
    let (found, write) = name.split_at(NAME_BYTES / 2);
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    let (found, write) = (number(found), number(write));
    if found != key {
        return Err(BenchError::Value { key, fault: "is another key's" });
    }
    if write > last_write {
        return Err(BenchError::Value { key, fault: "was never written" });
    }
    let mut filling = Filling::of(key, write);
    if rest.chunks(8).all(|chunk| filling.next()[..chunk.len()] == *chunk) {
        Ok(())
    } else {
        Err(BenchError::Value { key, fault: "is torn" })
    }
}

/// The words after the name: cheap to compute, and different wherever key, write or position is.
struct Filling(u64);

impl Filling {
    fn of(key: u64, write: u64) -> Self {
        Self(key.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ write.wrapping_mul(0xc4ce_b9fe_1a85_ec53))
    }

    fn next(&mut self) -> [u8; 8] {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: u64, write: u64, length: usize) -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, key, write, length);
        assert_eq!(out.len(), length);
        out
    }

    #[test]
    fn what_was_written_passes() {
        for length in [0, 1, 8, 15, 16, 17, 23, 24, 100, 1000] {
            check(&value(7, 3, length), 7, length, 3).unwrap();
        }
        assert_eq!(value(7, 3, 100), value(7, 3, 100));
    }

    #[test]
    fn another_value_is_found() {
        let good = value(7, 3, 100);
        let fault =
            |value: &[u8], key, length, last_write| match check(value, key, length, last_write) {
                Err(BenchError::Value { fault, .. }) => fault,
                Err(BenchError::ValueLength { .. }) => "length",
                other => panic!("{other:?}"),
            };
        assert_eq!(fault(&good, 8, 100, 3), "is another key's");
        assert_eq!(fault(&good, 7, 100, 2), "was never written");
        assert_eq!(fault(&good, 7, 99, 3), "length");
        for at in 16..100 {
            let mut torn = good.clone();
            torn[at] ^= 1;
            assert_eq!(fault(&torn, 7, 100, 3), "is torn", "byte {at}");
        }
    }

    #[test]
    fn the_first_half_of_one_and_the_second_of_another_is_torn() {
        let (older, newer) = (value(7, 3, 100), value(7, 4, 100));
        let mixed = [&newer[..60], &older[60..]].concat();
        assert!(matches!(check(&mixed, 7, 100, 9), Err(BenchError::Value { .. })));
    }
}
