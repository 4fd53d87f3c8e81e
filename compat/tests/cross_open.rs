//! One data directory, handed back and forth between Apache ZooKeeper and ours, under load and through kills: whoever
//! opens it has what the other left.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use compat::load::{self, Burst, End, Load, SeenTree, seen};
use compat::{Kind, Release, Server, Settings};
use tempfile::TempDir;
use xtask::workspace;

/// Rounds in the gate. `ROOKEEPER_ROUNDS` asks for more.
const ROUNDS: usize = 10;
const WORKERS: u64 = 8;
/// What is acknowledged in each half of a round.
const WRITES: usize = 1500;

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// SIGTERM, with all answered.
    Quiet,
    /// SIGTERM, under load.
    Busy,
    /// SIGKILL, under load.
    Killed,
}

const STOPS: [Stop; 3] = [Stop::Killed, Stop::Quiet, Stop::Busy];
/// The compression of snapshots, which every server has to know by itself from the files of the one before.
const COMPRESSIONS: [&str; 4] = ["", "gz", "snappy", ""];

#[test]
fn a_directory_goes_back_and_forth() -> Result<()> {
    let rounds = match std::env::var("ROOKEEPER_ROUNDS") {
        Ok(given) => given.parse()?,
        Err(_) => ROUNDS,
    };
    let seed = workspace::seed()?;
    let mut directory = Directory::new(seed)?;
    for number in 0..rounds {
        let round = Round::new(number, seed);
        if let Err(error) = directory.open(&round) {
            let left = directory.folder.keep();
            return Err(error.context(format!("seed {seed}, {round}, files in {}", left.display())));
        }
    }
    println!(
        "{} tree digests told again by the next server, {} times the newest snapshot was the other kind's",
        directory.agreed, directory.crossed
    );
    // How many depends on where snapshots fall: about one a round. Every server also checks those in the log.
    ensure!(directory.agreed * 5 >= rounds, "too few digests were told twice");
    // Of three handovers, one may fall into a time without a snapshot of one's own.
    ensure!(directory.crossed * 3 >= (rounds - 1) * 2, "too few snapshots crossed over");
    Ok(())
}

/// Who opens the directory, and how it goes away.
#[derive(Debug)]
struct Round {
    number: usize,
    kind: Kind,
    compression: &'static str,
    stop: Stop,
}

impl Round {
    fn new(number: usize, seed: u64) -> Round {
        let kind = match number % 4 {
            0 => Kind::Java(Release::V3_9),
            2 => Kind::Java(Release::V3_8),
            _ => Kind::rookeeper(),
        };
        let turn = |len: u64| usize::try_from((seed >> 8) % len).unwrap_or_default() + number;
        let compression = COMPRESSIONS[(turn(4) + number / 4) % 4];
        Round { number, kind, compression, stop: STOPS[turn(3) % 3] }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Round { number, kind, compression, stop } = self;
        write!(f, "round {number}: {kind}, snapshots {compression:?}, {stop:?}")
    }
}

/// The directory, and what must be in it.
struct Directory {
    folder: TempDir,
    seed: u64,
    load: Option<Load>,
    /// The last tree that was read, and whether nothing was written since.
    left: SeenTree,
    is_final: bool,
    /// Digests of the tree by their zxid, as whatever server told them.
    digests: BTreeMap<i64, i64>,
    /// How often the next server told a digest again.
    agreed: usize,
    /// Who wrote each snapshot: ours or not.
    snapshots: BTreeMap<String, bool>,
    /// How often the newest snapshot that a server found was the other kind's.
    crossed: usize,
}

impl Directory {
    fn new(seed: u64) -> Result<Directory> {
        Ok(Directory {
            folder: TempDir::new()?,
            seed,
            load: None,
            left: SeenTree::new(),
            is_final: false,
            digests: BTreeMap::new(),
            agreed: 0,
            snapshots: BTreeMap::new(),
            crossed: 0,
        })
    }

    fn settings(&self, round: &Round) -> Settings {
        let folder = self.folder.path().join(format!("round-{}", round.number));
        let mut settings = load::settings(&folder)
            .data_dir(self.folder.path().join("data"))
            .property(format!("zookeeper.snapshot.compression.method={}", round.compression));
        // A short run is not worth a compiler's effort.
        settings.jvm.push("-XX:TieredStopAtLevel=1".into());
        settings
    }

    /// A server opens it, has what is due, and writes on.
    fn open(&mut self, round: &Round) -> Result<()> {
        let begun = Instant::now();
        let ours = matches!(round.kind, Kind::Rookeeper(_));
        let newest = self.snapshots.last_key_value();
        self.crossed += usize::from(newest.is_some_and(|(_, &writer)| writer != ours));
        let mut server = Server::start(round.kind.clone(), &self.settings(round))?;
        let started = begun.elapsed();
        let outcome = self.serve(round, &mut server);
        let burst = outcome.with_context(|| server.log_tail())?;
        let log = server.log();
        ensure!(!log.to_lowercase().contains("digests are not matching"), "{log}");
        self.note_snapshots(ours)?;
        println!(
            "{round}: started in {:.1} s, {} writes acknowledged, {} cut off, {} nodes, {:.1} s in all",
            started.as_secs_f64(),
            burst.acknowledged,
            burst.outstanding,
            self.left.len(),
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    fn serve(&mut self, round: &Round, server: &mut Server) -> Result<Burst> {
        let address = server.addr();
        self.agreed += self.compare_digests(server)?;
        let tree = seen::read(address)?;
        self.compare(&tree)?;
        let mut load = match self.load.take() {
            None => Load::begin(address, WORKERS, self.seed)?,
            Some(mut load) => {
                load.settle(&tree)?;
                load.resume(address)?;
                load
            }
        };
        load.burst(address, WRITES, End::Answered, || Ok(()))?;
        self.left = seen::read(address)?;
        load.settle(&self.left)?;
        self.compare_digests(server)?;
        self.is_final = round.stop == Stop::Quiet;
        let burst = match round.stop {
            Stop::Quiet => server.terminate().map(|_| Burst::default()),
            Stop::Busy => load.burst(address, WRITES, End::Cut, || server.terminate().map(drop)),
            Stop::Killed => load.burst(address, WRITES, End::Cut, || server.kill9()),
        };
        self.load = Some(load);
        burst
    }

    /// Whatever was not written since is as it was; after a quiet end that is everything.
    fn compare(&self, tree: &SeenTree) -> Result<()> {
        for (path, was) in &self.left {
            let Some(is) = tree.get(path) else {
                ensure!(!self.is_final, "{path} is gone");
                continue;
            };
            let reborn = is.stat.czxid != was.stat.czxid;
            let rewritten = is.stat.mzxid != was.stat.mzxid;
            ensure!(
                reborn || is.stat.ctime == was.stat.ctime,
                "{path} is older or younger: {was:?}, {is:?}"
            );
            ensure!(
                rewritten || (is.stat.mtime, &is.data) == (was.stat.mtime, &was.data),
                "{path} was changed by nobody: {was:?}, {is:?}"
            );
            ensure!(!self.is_final || is == was, "{path}: {was:?}, {is:?}");
        }
        let added = tree.keys().find(|path| !self.left.contains_key(*path));
        ensure!(!self.is_final || added.is_none(), "{added:?} was created by nobody");
        Ok(())
    }

    /// What the server computes is what others computed at the same zxids, and what they wrote into the log. Returns
    /// how many digests were known.
    fn compare_digests(&mut self, server: &Server) -> Result<usize> {
        let mntr = server.word("mntr")?;
        let mismatches =
            mntr.lines().find_map(|line| line.strip_prefix("zk_digest_mismatches_count\t"));
        ensure!(mismatches == Some("0"), "digests that do not match: {mismatches:?}");
        let before = self.digests.len();
        let answer = server.word("hash")?;
        for line in answer.lines() {
            let (zxid, digest) = line.split_once(": ").with_context(|| line.to_owned())?;
            let zxid = i64::from_str_radix(zxid, 16)?;
            let digest = digest.parse()?;
            let known = *self.digests.entry(zxid).or_insert(digest);
            ensure!(known == digest, "the digest at {zxid:#x} was {known}, is {digest}");
        }
        Ok(answer.lines().count() - (self.digests.len() - before))
    }

    /// Every whole snapshot that is new is the one's that was just ended.
    fn note_snapshots(&mut self, ours: bool) -> Result<()> {
        for entry in fs::read_dir(self.folder.path().join("data/version-2"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(zxid) = name.strip_prefix("snapshot.") {
                let zxid = zxid.split('.').next().unwrap_or_default();
                self.snapshots.entry(format!("{zxid:0>16}")).or_insert(ours);
            }
        }
        Ok(())
    }
}
