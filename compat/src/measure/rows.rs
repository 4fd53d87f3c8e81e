//! The rows: what is measured, on what, and what it has to come to.

use super::row::Goal::{AtLeast, AtMost, OfNull, Times};
use super::row::Unit::{Bytes, Count, Microseconds, PerSecond, Reached, Seconds, Share};
use super::row::{Data, Figure, Filling, Goal, Row, Stage, Traffic, Unit, Watched, Work};
use super::subject::Subject::{self, Java, Null, Rookeeper};

const MIB: f64 = 1024.0 * 1024.0;
const BOTH: &[Subject] = &[Java, Rookeeper];
const ALL: &[Subject] = &[Java, Rookeeper, Null];
/// As many operations as a figure of CPU time stands on.
const CPU_OPERATIONS: u64 = 2_000_000;

const EMPTY: Stage = Stage {
    name: "an empty server",
    tree: None,
    lines: &[],
    heap: "4g",
    sync_delay_us: 0,
    subjects: BOTH,
    rounds: 5,
};

const fn flat(keys: u32, value_bytes: u32) -> Option<Filling> {
    Some(Filling { keys, shape: "flat", value_bytes: Some(value_bytes) })
}

const fn production(keys: u32) -> Option<Filling> {
    Some(Filling { keys, shape: "production", value_bytes: None })
}

static MILLION: Stage =
    Stage { name: "1M znodes of 100 B", tree: flat(1_000_000, 100), subjects: ALL, ..EMPTY };
static PRODUCTION: Stage =
    Stage { name: "1M znodes of the production shape", tree: production(1_000_000), ..EMPTY };
static DIRECTORY: Stage = Stage { name: "a directory of 100k", tree: flat(100_000, 100), ..EMPTY };
static KILOBYTES: Stage =
    Stage { name: "100k znodes of 1 KB", tree: flat(100_000, 1024), subjects: ALL, ..EMPTY };
static TEN_KILOBYTES: Stage =
    Stage { name: "20k znodes of 10 KB", tree: flat(20_000, 10_240), subjects: ALL, ..EMPTY };
static SLOW_DISK: Stage = Stage {
    name: "a disk that takes 2 ms more to sync",
    tree: flat(100_000, 100),
    sync_delay_us: 2000,
    ..EMPTY
};
/// Where it is not the burst that is measured, nobody shall spend minutes on connecting: Java's default is 50.
const LONG_QUEUE: &[&str] = &["clientPortListenBacklog=4096"];
static IDLE: Stage = Stage { name: "idle sessions", lines: LONG_QUEUE, ..EMPTY };
static SPARSE: Stage = Stage { name: "sparse watches", ..EMPTY };
static MISSING: Stage = Stage { name: "watches of paths without a znode", ..EMPTY };
static SHARED: Stage = Stage { name: "shared watches", lines: LONG_QUEUE, ..EMPTY };
static FAN_OUT: Stage = Stage { name: "watchers", lines: LONG_QUEUE, subjects: ALL, ..EMPTY };
static BURST: Stage = Stage { name: "a burst of sessions", subjects: ALL, ..EMPTY };
static SNAPSHOTS: Stage = Stage {
    name: "1M znodes, snapshots only when wanted",
    tree: flat(1_000_000, 100),
    lines: &["snapCount=1000000000"],
    ..EMPTY
};
static START_EMPTY: Stage = Stage { name: "start of an empty server", ..EMPTY };
static START_SNAPSHOT: Stage = Stage { name: "start from a snapshot", ..EMPTY };
static START_LOG: Stage = Stage { name: "start from a log", ..EMPTY };
static SIZE: Stage = Stage { name: "what is installed", rounds: 1, ..EMPTY };
static THREADS: Stage = Stage { name: "I/O threads", subjects: &[Rookeeper], rounds: 9, ..EMPTY };
static STEADY: Stage = Stage { name: "ten minutes", tree: flat(100_000, 100), rounds: 1, ..EMPTY };

const fn growth(name: &'static str, keys: u32, subjects: &'static [Subject]) -> Stage {
    Stage { name, tree: production(keys), heap: "14g", subjects, rounds: 1, ..EMPTY }
}

static GROWTH_1K: Stage = Stage { rounds: 3, ..growth("1k znodes", 1000, BOTH) };
static GROWTH_100K: Stage = Stage { rounds: 3, ..growth("100k znodes", 100_000, BOTH) };
static GROWTH_1M: Stage = Stage { rounds: 3, ..growth("1M znodes", 1_000_000, BOTH) };
static GROWTH_10M: Stage = growth("10M znodes", 10_000_000, BOTH);
static GROWTH_20M: Stage = growth("20M znodes", 20_000_000, &[Rookeeper]);

const fn traffic(mix: &'static str, connections: u32, outstanding: u32) -> Traffic {
    Traffic { mix, connections, outstanding, multi_size: 1000 }
}

const fn figure(
    key: &'static str,
    name: &'static str,
    unit: Unit,
    goals: &'static [Goal],
) -> Figure {
    Figure { key, name, unit, goals }
}

const fn speed(goals: &'static [Goal]) -> Figure {
    figure("ops_per_s", "throughput", PerSecond, goals)
}

const fn p50() -> Figure {
    figure("p50_us", "p50", Microseconds, &[])
}

const fn p99(goals: &'static [Goal]) -> Figure {
    figure("p99_us", "p99", Microseconds, goals)
}

const fn p99_9(goals: &'static [Goal]) -> Figure {
    figure("p99_9_us", "p99.9", Microseconds, goals)
}

const fn memory(goals: &'static [Goal]) -> Figure {
    figure("rss_bytes", "memory (RSS)", Bytes, goals)
}

const fn cpu(goals: &'static [Goal]) -> Figure {
    figure("cpu_s_per_million", "CPU seconds of the server per 1M", Seconds, goals)
}

const fn load(
    id: &'static str,
    title: &'static str,
    stage: &'static Stage,
    traffic: Traffic,
    figures: &'static [Figure],
) -> Row {
    Row { id, title, stage, work: Work::Load(traffic), figures }
}

/// Plain latencies, without goals.
const PLAIN: &[Figure] = &[speed(&[]), p50(), p99(&[]), p99_9(&[])];

const GROWN: &[Figure] = &[
    memory(&[]),
    figure("fill_per_s", "creates", PerSecond, &[]),
    figure("get_per_s", "get 32x16", PerSecond, &[]),
    figure("get_p99_us", "get 32x16, p99", Microseconds, &[]),
    figure("set_per_s", "set 32x16", PerSecond, &[]),
    figure("set_p99_us", "set 32x16, p99", Microseconds, &[]),
    figure("start_s", "start", Seconds, &[]),
];

const GROWN_20M: &[Figure] = &[
    memory(&[AtMost(4.5 * 1024.0 * MIB)]),
    figure("fill_per_s", "creates", PerSecond, &[]),
    figure("get_per_s", "get 32x16", PerSecond, &[]),
    figure("get_p99_us", "get 32x16, p99", Microseconds, &[]),
    figure("set_per_s", "set 32x16", PerSecond, &[]),
    figure("set_p99_us", "set 32x16, p99", Microseconds, &[]),
    figure("start_s", "start", Seconds, &[AtMost(12.0)]),
    figure("snapshot_of_disk", "rate of a snapshot to that of the disk", Reached, &[AtLeast(0.7)]),
];

/// All rows; those of one stage together.
pub static ROWS: &[Row] = &[
    Row {
        id: "W4",
        title: "create 1M 32x16",
        stage: &MILLION,
        work: Work::Filling,
        figures: &[speed(&[Times(4.0, 8.0)]), p50(), p99(&[]), p99_9(&[AtMost(15_000.0)])],
    },
    Row {
        id: "M1",
        title: "memory of 1M znodes of 100 B",
        stage: &MILLION,
        work: Work::Filling,
        figures: &[
            memory(&[AtMost(260.0 * MIB)]),
            figure("peak_of_rss", "peak with snapshots, of that", Share, &[AtMost(1.15)]),
        ],
    },
    load(
        "R1",
        "get 1x1",
        &MILLION,
        traffic("get=100", 1, 1),
        &[speed(&[Times(2.0, 2.4)]), p50(), p99(&[]), p99_9(&[])],
    ),
    load(
        "R2",
        "get 1x64",
        &MILLION,
        traffic("get=100", 1, 64),
        &[speed(&[Times(10.0, 20.0)]), p50(), p99(&[]), p99_9(&[])],
    ),
    load(
        "R3",
        "get 32x1",
        &MILLION,
        traffic("get=100", 32, 1),
        &[speed(&[Times(2.4, 2.9)]), p50(), p99(&[]), p99_9(&[])],
    ),
    load(
        "R4",
        "get 32x16",
        &MILLION,
        traffic("get=100", 32, 16),
        &[speed(&[Times(7.0, 11.0)]), p50(), p99(&[AtMost(2000.0)]), p99_9(&[])],
    ),
    load(
        "R5",
        "get 200x10",
        &MILLION,
        traffic("get=100", 200, 10),
        &[speed(&[Times(7.0, 11.0), OfNull(0.45)]), p50(), p99(&[]), p99_9(&[AtMost(10_000.0)])],
    ),
    load(
        "W1",
        "set 1x1",
        &MILLION,
        traffic("set=100", 1, 1),
        &[speed(&[Times(2.5, 3.2)]), p50(), p99(&[]), p99_9(&[])],
    ),
    load(
        "W2",
        "set 32x1",
        &MILLION,
        traffic("set=100", 32, 1),
        &[speed(&[Times(2.3, 3.0)]), p50(), p99(&[]), p99_9(&[])],
    ),
    load(
        "W3",
        "set 32x16",
        &MILLION,
        traffic("set=100", 32, 16),
        &[speed(&[Times(5.0, 9.0)]), p50(), p99(&[AtMost(5000.0)]), p99_9(&[])],
    ),
    load(
        "X1",
        "90 % get, 10 % set, 32x16",
        &MILLION,
        traffic("get=90,set=10", 32, 16),
        &[speed(&[Times(7.0, 11.0)]), p50(), p99(&[AtMost(4000.0)]), p99_9(&[])],
    ),
    load(
        "X2",
        "90 % get, 10 % set, 32x1",
        &MILLION,
        traffic("get=90,set=10", 32, 1),
        &[speed(&[Times(2.3, 2.8)]), p50(), p99(&[]), p99_9(&[])],
    ),
    Row {
        id: "E1-get",
        title: "CPU of 2M gets 32x16",
        stage: &MILLION,
        work: Work::Cpu(traffic("get=100", 32, 16), CPU_OPERATIONS),
        figures: &[cpu(&[Times(5.0, 10.0)])],
    },
    Row {
        id: "E1-set",
        title: "CPU of 2M sets 32x16",
        stage: &MILLION,
        work: Work::Cpu(traffic("set=100", 32, 16), CPU_OPERATIONS),
        figures: &[cpu(&[Times(5.0, 10.0)])],
    },
    Row {
        id: "M2",
        title: "memory of 1M znodes of the production shape",
        stage: &PRODUCTION,
        work: Work::Filling,
        figures: &[memory(&[Times(6.0, 9.0)]), speed(&[])],
    },
    load("R4-production", "get 32x16", &PRODUCTION, traffic("get=100", 32, 16), PLAIN),
    Row {
        id: "L1-children",
        title: "getChildren2 of 100k, beside others",
        stage: &DIRECTORY,
        work: Work::Disturbing(traffic("children=100", 1, 1)),
        figures: &[
            speed(&[Times(4.0, 8.0)]),
            p50(),
            figure("others_p99_us", "delay of others, p99", Microseconds, &[AtMost(5000.0)]),
        ],
    },
    Row {
        id: "L1-multi",
        title: "multi of 1,000 sets, beside others",
        stage: &DIRECTORY,
        work: Work::Disturbing(traffic("multi-set=100", 1, 1)),
        figures: &[
            speed(&[Times(4.0, 8.0)]),
            p50(),
            figure("others_p99_us", "delay of others, p99", Microseconds, &[AtMost(5000.0)]),
        ],
    },
    Row {
        id: "M3",
        title: "18k idle sessions",
        stage: &IDLE,
        work: Work::IdleSessions(18_000),
        figures: &[figure("bytes_each", "memory of each", Bytes, &[AtMost(2560.0)])],
    },
    Row {
        id: "M4-sparse",
        title: "1M watches, each on a znode of its own",
        stage: &SPARSE,
        work: Work::Watches(Watched::Sparse(1_000_000)),
        figures: &[figure("bytes_each", "memory of each", Bytes, &[AtMost(32.0)])],
    },
    Row {
        id: "M4-missing",
        title: "1M watches, each on a path without a znode",
        stage: &MISSING,
        work: Work::Watches(Watched::Missing(1_000_000)),
        figures: &[figure("bytes_each", "memory of each, with its path", Bytes, &[])],
    },
    Row {
        id: "M4-shared",
        title: "10k sessions watch each of 100 paths",
        stage: &SHARED,
        work: Work::Watches(Watched::Shared { sessions: 10_000, paths: 100 }),
        figures: &[figure("bytes_each", "memory of each watch", Bytes, &[AtMost(4.0)])],
    },
    Row {
        id: "H1",
        title: "one event to 10k watchers",
        stage: &FAN_OUT,
        work: Work::FanOut(10_000),
        figures: &[
            figure("last_us", "until the last knows", Microseconds, &[AtMost(40_000.0)]),
            figure(
                "ping_late_us",
                "longest delay of a ping meanwhile",
                Microseconds,
                &[AtMost(5000.0)],
            ),
        ],
    },
    Row {
        id: "C1",
        title: "10k sessions in a burst",
        stage: &BURST,
        work: Work::Burst(10_000),
        figures: &[
            figure("elapsed_s", "until all are open", Seconds, &[AtMost(0.8)]),
            figure("listen_drops", "connections dropped by the queue", Count, &[AtMost(0.0)]),
        ],
    },
    Row {
        id: "S1",
        title: "set 8x1 on 1M znodes while snapshots are taken",
        stage: &SNAPSHOTS,
        work: Work::Snapshots(traffic("set=100", 8, 1)),
        figures: &[
            figure("loss", "throughput lost to snapshots", Share, &[AtMost(0.03)]),
            figure("quiet_max_us", "longest request without", Microseconds, &[]),
            figure("max_us", "longest request with", Microseconds, &[AtMost(5000.0)]),
            figure("quiet_p99_us", "p99 without", Microseconds, &[]),
            figure("p99_us", "p99 with", Microseconds, &[]),
        ],
    },
    Row {
        id: "T1",
        title: "start of an empty server",
        stage: &START_EMPTY,
        work: Work::Start(Data::Nothing),
        figures: &[
            figure("start_s", "until it serves", Seconds, &[AtMost(0.015)]),
            memory(&[AtMost(8.0 * MIB)]),
        ],
    },
    Row {
        id: "T2-snapshot",
        title: "start from a snapshot of 1M",
        stage: &START_SNAPSHOT,
        work: Work::Start(Data::Snapshot(1_000_000)),
        figures: &[figure("start_s", "until it serves", Seconds, &[AtMost(0.6)]), memory(&[])],
    },
    Row {
        id: "T2-log",
        title: "start from a log of 1M creates",
        stage: &START_LOG,
        work: Work::Start(Data::Log(1_000_000)),
        figures: &[figure("start_s", "until it serves", Seconds, &[AtMost(1.2)]), memory(&[])],
    },
    Row {
        id: "B1",
        title: "size, stripped; of Java's the jars without a JVM",
        stage: &SIZE,
        work: Work::Size,
        figures: &[figure("installed_bytes", "size", Bytes, &[AtMost(8.0 * MIB)])],
    },
    load("R4-1KB", "get 32x16", &KILOBYTES, traffic("get=100", 32, 16), PLAIN),
    load("W3-1KB", "set 32x16", &KILOBYTES, traffic("set=100", 32, 16), PLAIN),
    load("R4-10KB", "get 32x16", &TEN_KILOBYTES, traffic("get=100", 32, 16), PLAIN),
    load("W3-10KB", "set 32x16", &TEN_KILOBYTES, traffic("set=100", 32, 16), PLAIN),
    load("W1-2ms", "set 1x1", &SLOW_DISK, traffic("set=100", 1, 1), PLAIN),
    load("W3-2ms", "set 32x16", &SLOW_DISK, traffic("set=100", 32, 16), PLAIN),
    load(
        "X1-2ms",
        "90 % get, 10 % set, 32x16",
        &SLOW_DISK,
        traffic("get=90,set=10", 32, 16),
        PLAIN,
    ),
    load("R4-2ms", "get 32x16", &SLOW_DISK, traffic("get=100", 32, 16), PLAIN),
    Row {
        id: "IO",
        title: "CPU of 2M gets 32x16 by I/O threads",
        stage: &THREADS,
        work: Work::CpuByThreads(traffic("get=100", 32, 16), CPU_OPERATIONS),
        figures: &[
            figure("threads_1", "CPU seconds per 1M with 1", Seconds, &[]),
            figure("threads_2", "with 2", Seconds, &[]),
            figure("threads_4", "with 4", Seconds, &[]),
            figure("growth", "most of them to least", Share, &[AtMost(1.15)]),
        ],
    },
    Row {
        id: "STEADY",
        title: "90 % get, 10 % set, 32x16 for ten minutes",
        stage: &STEADY,
        work: Work::Steady(traffic("get=90,set=10", 32, 16), 600),
        figures: &[
            speed(&[]),
            p99(&[]),
            p99_9(&[]),
            figure(
                "last_to_first",
                "throughput of the last minute to that of the first",
                Reached,
                &[AtLeast(0.9)],
            ),
            figure(
                "memory_growth",
                "memory at the end to that after one minute",
                Share,
                &[AtMost(1.1)],
            ),
        ],
    },
    Row {
        id: "N1-1k",
        title: "1k znodes, production shape",
        stage: &GROWTH_1K,
        work: Work::Growth,
        figures: GROWN,
    },
    Row {
        id: "N1-100k",
        title: "100k znodes, production shape",
        stage: &GROWTH_100K,
        work: Work::Growth,
        figures: GROWN,
    },
    Row {
        id: "N1-1M",
        title: "1M znodes, production shape",
        stage: &GROWTH_1M,
        work: Work::Growth,
        figures: GROWN,
    },
    Row {
        id: "N1-10M",
        title: "10M znodes, production shape",
        stage: &GROWTH_10M,
        work: Work::Growth,
        figures: GROWN,
    },
    Row {
        id: "N1-20M",
        title: "20M znodes, production shape",
        stage: &GROWTH_20M,
        work: Work::Growth,
        figures: GROWN_20M,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_told_apart() {
        let ids: HashSet<_> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len());
    }

    #[test]
    fn rows_of_a_stage_stand_together() {
        let mut seen: Vec<&str> = Vec::new();
        for row in ROWS {
            if seen.last() != Some(&row.stage.name) {
                assert!(!seen.contains(&row.stage.name), "{}", row.id);
                seen.push(row.stage.name);
            }
        }
    }
}
