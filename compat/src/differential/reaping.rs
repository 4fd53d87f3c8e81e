//! What servers do of their own accord: reap containers and nodes whose time is up, end sessions that fell silent.
//!
//! Each server does it in its own time, so a round has one thing only that will happen. Both are waited for, then all
//! is compared as ever, zxids included.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use wire::{Acl, CreateRequest, DeleteRequest, Id, OpCode, Perms};

use super::generator::{SUPER, SUPER_CREDENTIALS, auth};
use super::lockstep::{Answers, sort_events};
use super::player::Player;
use super::step::{Handshake, Request, Step};
use super::transcript::{Fact, Seen};
use super::{Pair, Phase};
use crate::client::{encoded, watch_body};

/// Reapers that come by often, and sessions that may be short. Not too often for a busy machine: Java's reaper asks again
/// for what it has not yet seen go, and each time takes a zxid.
pub const PHASE: Phase = Phase {
    name: "reaping",
    properties: &[
        "zookeeper.extendedTypesEnabled=true",
        "znode.container.checkIntervalMs=500",
        "znode.container.maxNeverUsedIntervalMs=1000",
    ],
    lines: &["tickTime=200", "minSessionTimeout=400"],
};

/// How long a thing may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Long enough for several visits of the reaper.
const SEVERAL_VISITS: Duration = Duration::from_millis(1250);

/// The connection that does.
const ACTOR: usize = 0;
/// The one that watches.
const WATCHER: usize = 1;
/// The one whose session ends.
const MORTAL: usize = 2;

/// Long enough that nobody falls silent unasked on a busy machine.
const MORTAL_TIMEOUT_MS: i32 = 2000;
/// The same for nodes that have to live through a step or two.
const TTL_MS: i64 = 1000;

const CONTAINER: i32 = 4;
const TTL: i32 = 5;
const TTL_SEQUENTIAL: i32 = 6;
const PERSISTENT: i32 = 0;
const EPHEMERAL: i32 = 1;

/// Plays every round once. The answers that differ, if any do.
///
/// # Errors
/// When a server cannot be reached, or does not do in time what it should.
pub fn run(pair: &mut Pair) -> Result<Option<Answers>> {
    let mut reaping = Reaping { pair, last_xid: 0, differing: None };
    reaping.begin()?;
    reaping.a_container_goes_with_its_last_child()?;
    reaping.a_container_never_used_goes_in_the_end()?;
    reaping.containers_go_from_the_inside()?;
    reaping.acls_do_not_hold_the_reaper()?;
    reaping.a_ttl_node_goes_in_time()?;
    reaping.a_ttl_node_stays_with_its_child()?;
    reaping.a_silent_session_takes_its_nodes_along()?;
    reaping.a_container_goes_after_an_ephemeral()?;
    Ok(reaping.differing)
}

struct Reaping<'a> {
    pair: &'a mut Pair,
    last_xid: i32,
    differing: Option<Answers>,
}

impl Reaping<'_> {
    fn begin(&mut self) -> Result<()> {
        for slot in [ACTOR, WATCHER, SUPER] {
            self.connect(slot, 60_000)?;
        }
        // Who looks whether nodes are gone may see all of them.
        let proof = auth("digest", SUPER_CREDENTIALS.as_bytes());
        self.play(&Step::Requests { slot: SUPER, requests: vec![proof] })?;
        // A recursive watch on everything: mode 1.
        self.request(WATCHER, OpCode::AddWatch, numbered("/", 1))
    }

    fn a_container_goes_with_its_last_child(&mut self) -> Result<()> {
        self.create("/c", CONTAINER, 0)?;
        self.create("/c/x", PERSISTENT, 0)?;
        self.request(WATCHER, OpCode::GetData, watch_body("/c", true))?;
        self.request(WATCHER, OpCode::GetChildren, watch_body("/c", true))?;
        self.request(WATCHER, OpCode::GetChildren, watch_body("/", true))?;
        self.delete("/c/x")?;
        self.gone(&["/c"])
    }

    fn a_container_never_used_goes_in_the_end(&mut self) -> Result<()> {
        self.create("/never", CONTAINER, 0)?;
        self.request(WATCHER, OpCode::Exists, watch_body("/never", true))?;
        self.gone(&["/never"])
    }

    fn containers_go_from_the_inside(&mut self) -> Result<()> {
        for path in ["/a", "/a/b", "/a/b/c"] {
            self.create(path, CONTAINER, 0)?;
        }
        self.create("/a/b/c/x", PERSISTENT, 0)?;
        self.request(WATCHER, OpCode::GetChildren2, watch_body("/a/b", true))?;
        self.delete("/a/b/c/x")?;
        self.gone(&["/a/b/c", "/a/b", "/a"])
    }

    fn acls_do_not_hold_the_reaper(&mut self) -> Result<()> {
        let closed = Acl { perms: Perms::CREATE | Perms::DELETE, id: Id::new("world", "anyone") };
        self.create_with("/closed", CONTAINER, 0, closed)?;
        self.create("/closed/x", PERSISTENT, 0)?;
        self.delete("/closed/x")?;
        self.gone(&["/closed"])
    }

    fn a_ttl_node_goes_in_time(&mut self) -> Result<()> {
        self.create("/ttl", TTL, 60)?;
        self.gone(&["/ttl"])?;
        self.create("/ttl-", TTL_SEQUENTIAL, 1)?;
        // The number follows from what was created under the root before: /c, /never, /a, /closed, /ttl.
        self.gone(&["/ttl-0000000005"])
    }

    fn a_ttl_node_stays_with_its_child(&mut self) -> Result<()> {
        self.create("/stays", PERSISTENT, 0)?;
        self.create("/stays/ttl", TTL, TTL_MS)?;
        self.create("/stays/ttl/x", PERSISTENT, 0)?;
        std::thread::sleep(Duration::from_millis(TTL_MS.cast_unsigned()) + SEVERAL_VISITS);
        self.request(ACTOR, OpCode::GetChildren2, watch_body("/stays/ttl", false))?;
        self.request(WATCHER, OpCode::GetData, watch_body("/stays/ttl", true))?;
        self.delete("/stays/ttl/x")?;
        self.gone(&["/stays/ttl"])
    }

    fn a_silent_session_takes_its_nodes_along(&mut self) -> Result<()> {
        self.connect(MORTAL, MORTAL_TIMEOUT_MS)?;
        for path in ["/stays/e1", "/stays/e2", "/stays/e3"] {
            self.request(MORTAL, OpCode::Create2, create(OpCode::Create2, path, EPHEMERAL, 0))?;
        }
        self.request(WATCHER, OpCode::GetChildren, watch_body("/stays", true))?;
        self.request(WATCHER, OpCode::Exists, watch_body("/stays/e2", true))?;
        self.silent(&["/stays/e1", "/stays/e2", "/stays/e3"])
    }

    fn a_container_goes_after_an_ephemeral(&mut self) -> Result<()> {
        self.connect(MORTAL, MORTAL_TIMEOUT_MS)?;
        self.create("/box", CONTAINER, 0)?;
        self.request(MORTAL, OpCode::Create, create(OpCode::Create, "/box/e", EPHEMERAL, 0))?;
        self.silent(&["/box/e", "/box"])
    }

    fn connect(&mut self, slot: usize, timeout_ms: i32) -> Result<()> {
        self.play(&Step::Connect {
            slot,
            how: Handshake::New { timeout_ms, read_only: Some(false), null_password: false },
        })
    }

    fn create(&mut self, path: &str, flags: i32, ttl_ms: i64) -> Result<()> {
        self.create_with(path, flags, ttl_ms, Acl::world(Perms::ALL))
    }

    fn create_with(&mut self, path: &str, flags: i32, ttl_ms: i64, acl: Acl<'_>) -> Result<()> {
        let op = match flags {
            CONTAINER => OpCode::CreateContainer,
            TTL | TTL_SEQUENTIAL => OpCode::CreateTtl,
            _ => OpCode::Create2,
        };
        self.request(ACTOR, op, create_with(op, path, flags, ttl_ms, acl))
    }

    fn delete(&mut self, path: &str) -> Result<()> {
        let body = encoded(&DeleteRequest { path: path.into(), version: -1 });
        self.request(ACTOR, OpCode::Delete, body)
    }

    fn request(&mut self, slot: usize, op: OpCode, body: Vec<u8>) -> Result<()> {
        self.last_xid += 1;
        let request = Request { xid: self.last_xid, op: op.code(), body };
        self.play(&Step::Requests { slot, requests: vec![request] })
    }

    /// Makes a move and compares its answers. Events that come of it are compared once all has come to rest.
    fn play(&mut self, step: &Step) -> Result<()> {
        let answers = self.pair.lockstep.play(step, false)?;
        ensure!(
            answers.judge.iter().all(|seen| match seen.fact {
                Fact::Reply { err, .. } => err == 0 || err == -101,
                _ => true,
            }),
            "{step} fails: {}",
            answers.side_by_side()
        );
        self.compare(answers);
        Ok(())
    }

    fn compare(&mut self, answers: Answers) {
        if self.differing.is_none() && !answers.agree() {
            self.differing = Some(answers);
        }
    }

    /// Waits on both until nodes are gone, and compares what was seen meanwhile, and after.
    fn gone(&mut self, paths: &[&str]) -> Result<()> {
        let mut answers = Answers {
            judge: until_gone(&mut self.pair.lockstep.judge, paths)?,
            tried: until_gone(&mut self.pair.lockstep.tried, paths)?,
        };
        sort_events(&mut answers.judge);
        sort_events(&mut answers.tried);
        self.compare(answers);
        let mut rest = Answers { judge: Vec::new(), tried: Vec::new() };
        self.pair.lockstep.settle(&mut rest)?;
        self.compare(rest);
        Ok(())
    }

    /// The mortal falls silent; waits until its nodes, and what they held, are gone.
    fn silent(&mut self, paths: &[&str]) -> Result<()> {
        self.pair.lockstep.judge.silence(MORTAL);
        self.pair.lockstep.tried.silence(MORTAL);
        self.gone(paths)?;
        let answers = Answers {
            judge: self.pair.lockstep.judge.last_words(MORTAL),
            tried: self.pair.lockstep.tried.last_words(MORTAL),
        };
        self.compare(answers);
        Ok(())
    }
}

/// Looks until nodes are gone; hands back the events seen meanwhile.
fn until_gone(player: &mut Player, paths: &[&str]) -> Result<Vec<Seen>> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    for path in paths {
        while player.exists(SUPER, path)? {
            ensure!(Instant::now() < deadline, "{path} stays");
            player.send_markers()?;
            player.receive_markers(&mut seen);
            std::thread::sleep(PAUSE);
        }
    }
    player.send_markers()?;
    player.receive_markers(&mut seen);
    // How many signs of life there were is a matter of time.
    seen.retain(|sight| !matches!(sight.fact, Fact::Other));
    seen.sort_by_key(|sight| sight.slot);
    Ok(seen)
}

fn create(op: OpCode, path: &str, flags: i32, ttl_ms: i64) -> Vec<u8> {
    create_with(op, path, flags, ttl_ms, Acl::world(Perms::ALL))
}

fn create_with(op: OpCode, path: &str, flags: i32, ttl_ms: i64, acl: Acl<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    CreateRequest { op, path: path.into(), data: Some(b"x"), acl: Some(vec![acl]), flags, ttl_ms }
        .write(&mut body);
    body
}

fn numbered(path: &str, number: i32) -> Vec<u8> {
    let mut body = encoded(&wire::Text::from(path));
    body.extend(number.to_be_bytes());
    body
}
