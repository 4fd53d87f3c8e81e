//! What a row of the benchmark is: a table of data, so that a new one is a few lines.

use super::subject::Subject;

/// One row: a piece of work, and what its figures have to come to.
#[derive(Debug)]
pub struct Row {
    /// Its id, as the goals name it.
    pub id: &'static str,
    /// What it measures, in a few words.
    pub title: &'static str,
    /// The server and tree that it is done on.
    pub stage: &'static Stage,
    /// What is done.
    pub work: Work,
    /// What is shown of it.
    pub figures: &'static [Figure],
}

/// A server that was just started, with the tree that it holds. Rows of one stage share it.
#[derive(Debug, PartialEq)]
pub struct Stage {
    /// Its name, for progress.
    pub name: &'static str,
    /// What is there when the work begins.
    pub tree: Option<Filling>,
    /// Lines of `zoo.cfg`, for both kinds of server.
    pub lines: &'static [&'static str],
    /// The largest heap of the JVM, as `-Xmx` takes it.
    pub heap: &'static str,
    /// Delay of each fsync and fdatasync that is injected, in microseconds.
    pub sync_delay_us: u32,
    /// Whom it is measured on, in this order.
    pub subjects: &'static [Subject],
    /// How many rounds there are, unless asked otherwise.
    pub rounds: u32,
}

/// A tree as `rookeeper bench fill` makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filling {
    /// Znodes.
    pub keys: u32,
    /// flat, deep or production.
    pub shape: &'static str,
    /// Bytes of each value; none leaves it to the shape.
    pub value_bytes: Option<u32>,
}

/// A load that goes on for a time.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// The operations and their weights, as `--mix` takes them.
    pub mix: &'static str,
    /// Connections.
    pub connections: u32,
    /// Requests outstanding on each.
    pub outstanding: u32,
    /// Operations in a multi.
    pub multi_size: u32,
}

/// What a row does.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Nothing more than the stage has done: the filling's own figures, and the memory after it.
    Filling,
    /// A load on the stage's tree.
    Load(Traffic),
    /// A load beside a quiet client of which it is measured how much it is delayed.
    Disturbing(Traffic),
    /// A number of operations, of which the server's CPU time is measured.
    Cpu(Traffic, u64),
    /// The same with other numbers of I/O threads, each on a server of its own.
    CpuByThreads(Traffic, u64),
    /// A load for so many seconds, its speed and the server's memory at the begin and at the end.
    Steady(Traffic, u32),
    /// Sessions that do nothing, and what each adds to the server's memory.
    IdleSessions(u32),
    /// Watches, and what each adds to the memory.
    Watches(Watched),
    /// Changes of one znode that so many sessions watch.
    FanOut(u32),
    /// So many sessions opened at once.
    Burst(u32),
    /// A load with and without snapshots going on all the time.
    Snapshots(Traffic),
    /// The time from the start of the process until it serves.
    Start(Data),
    /// The bytes that are installed: the stripped binary, or the jars, to which a JVM comes.
    Size,
    /// What a tree of that size costs: memory, speed, start, snapshot.
    Growth,
}

/// Where watches are.
#[derive(Debug, Clone, Copy)]
pub enum Watched {
    /// One session's, each on a znode of its own.
    Sparse(u32),
    /// The same, each on a path at which there is nothing: the server keeps the path as well.
    Missing(u32),
    /// Those of so many sessions, each on all of so many paths.
    Shared {
        /// How many watch each path.
        sessions: u32,
        /// The paths.
        paths: u32,
    },
}

/// What a server finds when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing.
    Nothing,
    /// A snapshot of so many znodes.
    Snapshot(u32),
    /// A log of so many creates, and no snapshot.
    Log(u32),
}

/// A figure of a row, as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its key in the records.
    pub key: &'static str,
    /// Its name, in a few words.
    pub name: &'static str,
    /// How it is shown, and whether more of it is better.
    pub unit: Unit,
    /// What it has to come to.
    pub goals: &'static [Goal],
}

/// How a figure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Per second; more is better.
    PerSecond,
    /// Microseconds, shown as milliseconds; less is better.
    Microseconds,
    /// Seconds; less is better.
    Seconds,
    /// Bytes, shown in a unit that fits; less is better.
    Bytes,
    /// A plain number; less is better.
    Count,
    /// A share of something, shown as a percentage; less is better.
    Share,
    /// A share of what is possible, shown as a percentage; more is better.
    Reached,
}

impl Unit {
    /// Whether more is better.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::PerSecond | Self::Reached)
    }
}

/// What a figure has to come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Better than Apache ZooKeeper by this factor in the same run; and what would be better still.
    Times(f64, f64),
    /// Our median is at most this, in the figure's unit.
    AtMost(f64),
    /// Our median is at least this, in the figure's unit.
    AtLeast(f64),
    /// Our median is at least this share of the null server's.
    OfNull(f64),
}
