//! Nouns without logic: zxid, epoch, server and session ids, instants, seeded randomness.
