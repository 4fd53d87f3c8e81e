/// The two clocks of a server, read by its shell and handed to its brain with each input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never jumps. Timeouts and expiry go by this one only.
    pub mono_ms: i64,
    /// Milliseconds since 1970. It stamps transactions and decides nothing.
    pub wall_ms: i64,
}
