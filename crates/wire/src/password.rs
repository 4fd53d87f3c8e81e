use base::SessionId;

use crate::connect::PASSWORD_LEN;

/// Mixed into every session id before its password is drawn (`ZooKeeperServer.superSecret`). It is
/// public and the same everywhere, so that sessions can move between servers: the password guards
/// against mistakes, not against attackers.
const SECRET: i64 = 0xB341_5C00;

/// The password of a session: 16 bytes of `java.util.Random` seeded with the id.
#[must_use]
pub fn session_password(session: SessionId) -> [u8; PASSWORD_LEN] {
    const MASK: u64 = (1 << 48) - 1;
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    let mut seed = ((session.0 ^ SECRET).cast_unsigned() ^ MULTIPLIER) & MASK;
    let mut password = [0; PASSWORD_LEN];
    for word in password.chunks_exact_mut(4) {
        seed = seed.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        // The 32 bits above the lowest 16, least significant byte first.
        let [_, _, b3, b2, b1, b0, _, _] = seed.to_be_bytes();
        word.copy_from_slice(&[b0, b1, b2, b3]);
    }
    password
}

/// Whether `password` belongs to `session`. Session 0 has none.
#[must_use]
pub fn password_matches(session: SessionId, password: Option<&[u8]>) -> bool {
    session != SessionId::NONE && password == Some(&session_password(session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_those_of_java() {
        let hex = |id: i64| {
            session_password(SessionId(id)).iter().fold(0u128, |sum, b| sum << 8 | u128::from(*b))
        };
        assert_eq!(hex(0x0100_0000_0000_0000), 0xf22a_cd4a_97e6_9d6d_20a4_9bb6_38ea_db38);
        assert_eq!(hex(0x0100_0123_4567_89ab), 0x2377_10bc_62d7_7989_a42e_8da7_7022_789d);
    }
}
