use std::time::Duration;

/// How fast a snapshot is written: asked each time that a piece of it is durable.
pub trait Pace {
    /// How many bytes are written before the next sync. `synced` of the file are durable. May wait
    /// before it answers.
    fn next_piece(&mut self, synced: u64) -> u64;
}

/// As fast as the disk goes: for whoever has the disk to itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullSpeed;

impl Pace for FullSpeed {
    fn next_piece(&mut self, _synced: u64) -> u64 {
        PIECE_MAX
    }
}

/// The piece while somebody else waits for the disk, in bytes: a millisecond's worth or two.
const PIECE_MIN: u64 = 256 << 10;

/// The largest piece, in bytes. A journal's commit takes along what is dirty of a file that grows,
/// and whoever syncs another file waits for it.
const PIECE_MAX: u64 = 4 << 20;

/// Rest for each piece, in times of what the piece took.
const REST: u32 = 19;

/// The longest rest.
const REST_MAX: Duration = Duration::from_millis(100);

/// How a snapshot shares the disk, and the processor, with the log.
///
/// While nothing is logged, it has all of the disk. Else it takes a twentieth of the time in small
/// pieces, or more if that is not enough: it never falls behind the log that is written meanwhile,
/// so that neither what its view must keep nor what a start must replay grows without bounds.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    logged_at_begin: u64,
    logged: u64,
    piece: u64,
}

/// How things are when a piece is durable.
#[derive(Clone, Copy, Debug)]
pub struct PieceDone {
    /// Bytes of the snapshot that are durable.
    pub synced: u64,
    /// How long the piece took to write and sync.
    pub took: Duration,
    /// Bytes that have been logged, ever.
    pub logged: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long to wait first.
    pub rest: Duration,
    /// Bytes to write then.
    pub piece: u64,
}

impl Shared {
    /// A snapshot begins when so many bytes have been logged, ever.
    #[must_use]
    pub fn new(logged: u64) -> Shared {
        Shared { logged_at_begin: logged, logged, piece: PIECE_MIN }
    }

    /// A piece is durable.
    pub fn next(&mut self, done: PieceDone) -> Step {
        let is_quiet = done.logged == self.logged;
        self.logged = done.logged;
        if is_quiet {
            self.piece = PIECE_MAX.min(self.piece * 2);
            return Step { rest: Duration::ZERO, piece: self.piece };
        }
        self.piece = PIECE_MIN;
        let is_behind = done.synced < done.logged - self.logged_at_begin;
        let rest = if is_behind { Duration::ZERO } else { REST_MAX.min(done.took * REST) };
        Step { rest, piece: self.piece }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(2);

    fn done(synced: u64, logged: u64) -> PieceDone {
        PieceDone { synced, took: TOOK, logged }
    }

    #[test]
    fn a_disk_that_nobody_else_wants_is_used_whole() {
        let mut shared = Shared::new(7000);
        let pieces: Vec<u64> = (1..7).map(|n| shared.next(done(n, 7000)).piece).collect();
        assert_eq!(pieces, [512 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 4 << 20]);
        assert_eq!(shared.next(done(9, 7000)).rest, Duration::ZERO);
    }

    #[test]
    fn beside_a_log_it_rests_most_of_the_time() {
        let mut shared = Shared::new(7000);
        shared.next(done(1 << 20, 7000));
        let step = shared.next(done(2 << 20, 7001));
        assert_eq!(step, Step { rest: TOOK * 19, piece: 256 << 10 });
        let slow = PieceDone { took: Duration::from_secs(1), ..done(3 << 20, 7002) };
        assert_eq!(shared.next(slow).rest, Duration::from_millis(100));
    }

    #[test]
    fn it_keeps_up_with_a_log_that_grows_fast() {
        let mut shared = Shared::new(7000);
        assert_eq!(shared.next(done(1000, 8001)).rest, Duration::ZERO);
        assert_ne!(shared.next(done(2000, 8002)).rest, Duration::ZERO);
    }
}
