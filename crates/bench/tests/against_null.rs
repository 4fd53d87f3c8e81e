//! Every command of the benchmark, shortly, against the null server in the same process.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use bench::{
    BenchError, FanOut, Fill, Keys, Limit, Load, Mix, Moment, NullServer, NullSettings,
    NullStopper, Operation, Pace, Place, Sessions, Target, TreeShape, Watches,
};

/// A null server on a thread of its own, stopped when the test ends.
struct Null {
    address: SocketAddr,
    stopper: NullStopper,
    thread: Option<JoinHandle<Result<(), BenchError>>>,
    _dir: tempfile::TempDir,
}

impl Null {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = NullSettings { address, dir: dir.path().to_owned(), value_bytes: 100 };
        let mut server = NullServer::bind(&settings).expect("a free port");
        let (address, stopper) = (server.address().expect("an address"), server.stopper());
        let thread = Some(std::thread::spawn(move || server.serve()));
        Self { address, stopper, thread, _dir: dir }
    }

    fn target(&self) -> Target {
        Target::one(self.address)
    }

    fn load(&self, mix: &str, operations: u64) -> Load {
        Load {
            target: self.target(),
            mix: mix.parse().expect("a mix"),
            connections: 3,
            outstanding: 4,
            keys: Keys { count: 100, ..Keys::default() },
            limit: Limit::Operations(operations),
            warm_up: Duration::ZERO,
            unchecked_values: true,
            ..Load::default()
        }
    }
}

impl Drop for Null {
    fn drop(&mut self) {
        self.stopper.stop().expect("a server to wake");
        let served = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(served, Some(Ok(Ok(())))), "{served:?}");
        }
    }
}

fn quiet() -> impl FnMut(&Moment) {
    |_| ()
}

#[test]
fn every_operation_is_answered_and_counted() {
    let null = Null::start();
    for operation in Operation::ALL {
        let report = bench::run(&null.load(operation.name(), 300)).unwrap();
        assert_eq!(report.operations, 300, "{}", operation.name());
        assert_eq!(report.name, format!("{} 3x4", operation.name()));
    }
}

#[test]
fn a_mix_of_all_operations_runs() {
    let null = Null::start();
    let mix = Operation::ALL.map(Operation::name).join(",");
    let report = bench::run(&null.load(&mix, 3_000)).unwrap();
    let counted: u64 = report.by_operation.iter().map(|(_, latency)| latency.len()).sum();
    assert_eq!((counted, report.by_operation.len()), (3_000, Operation::ALL.len()));
}

#[test]
fn values_that_nobody_wrote_are_found() {
    let null = Null::start();
    let load = Load { unchecked_values: false, ..null.load("get", 10) };
    let failed = bench::run(&load).unwrap_err();
    let BenchError::Abandoned { path, cause } = failed else { panic!("{failed:?}") };
    assert!(path.starts_with("/bench/r"), "{path}");
    assert!(matches!(*cause, BenchError::Value { .. }), "{cause:?}");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let null = Null::start();
    let load = Load {
        pace: Pace::Open { per_second: 1_000 },
        limit: Limit::Time(Duration::from_millis(300)),
        ..null.load("get=1,set=1", 0)
    };
    let report = bench::run(&load).unwrap();
    assert_eq!(report.operations + report.missed, 300);
    assert!(report.operations > 0);
    assert_eq!(report.name, "get=1,set=1 3x4 at 1000/s");
}

#[test]
fn trees_of_every_shape_are_filled_and_cleared() {
    let null = Null::start();
    for shape in [TreeShape::Flat, TreeShape::Deep, TreeShape::Production] {
        let keys = Keys { count: 1_000, shape, value_bytes: None };
        let fill = Fill { target: null.target(), keys, connections: 2, outstanding: 16 };
        let report = bench::fill(&fill, &mut quiet()).unwrap();
        assert_eq!(report.operations, 1_000, "{shape}");
        let at = Load { at: Some(report.path.clone()), keys, ..null.load("get", 100) };
        assert_eq!(bench::run(&at).unwrap().path, report.path);
        // The null server lists no children, so there is only the root to delete.
        assert_eq!(bench::clear(&null.target(), &report.path, &mut quiet()).unwrap().znodes, 1);
    }
}

#[test]
fn one_change_reaches_every_watcher() {
    let null = Null::start();
    for persistent in [false, true] {
        let fan_out = FanOut { target: null.target(), watchers: 20, events: 3, persistent };
        let report = bench::fan_out(&fan_out, &mut quiet()).unwrap();
        assert_eq!(report.events.len(), 3);
        for event in &report.events {
            assert!(event.first_us <= event.median_us && event.median_us <= event.last_us);
        }
    }
}

#[test]
fn sessions_open_and_stay() {
    let null = Null::start();
    for in_flight in [None, Some(3)] {
        let sessions = Sessions { target: null.target(), count: 50, in_flight };
        let (mut crowd, report) = bench::open_sessions(&sessions, &mut quiet()).unwrap();
        assert_eq!((report.sessions, report.refused, crowd.len()), (50, 0, 50));
        let mut asked = 0;
        crowd
            .hold(&mut || {
                asked += 1;
                asked > 2
            })
            .unwrap();
        crowd.close().unwrap();
    }
}

#[test]
fn sessions_that_are_refused_are_counted() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sessions = Sessions { target: Target::one(nobody), count: 5, in_flight: None };
    let (crowd, report) = bench::open_sessions(&sessions, &mut quiet()).unwrap();
    assert_eq!((report.sessions, report.refused), (0, 5));
    assert!(crowd.is_empty());
}

#[test]
fn watches_are_registered_everywhere() {
    let null = Null::start();
    for (place, sessions, expected) in
        [(Place::Shared, 4, 120), (Place::Spread, 4, 30), (Place::Missing, 1, 30)]
    {
        let watches = Watches { target: null.target(), count: 30, at: None, place, sessions };
        let watching = bench::register_watches(&watches, &mut quiet()).unwrap();
        assert_eq!(watching.report.watches, expected);
        watching.release(&mut quiet()).unwrap();
    }
}

#[test]
fn a_load_without_sense_is_refused_before_anything_is_sent() {
    let nobody =
        Load { target: Target::one(SocketAddr::from(([127, 0, 0, 1], 1))), ..Load::default() };
    for load in [
        Load { connections: 0, ..nobody.clone() },
        Load { outstanding: 0, ..nobody.clone() },
        Load { keys: Keys { count: 0, ..Keys::default() }, ..nobody.clone() },
        Load { keys: Keys { value_bytes: Some(1 << 20), ..Keys::default() }, ..nobody.clone() },
        Load { pace: Pace::Open { per_second: 0 }, ..nobody.clone() },
        Load { multi_size: 0, mix: Mix::only(Operation::Multi), ..nobody },
    ] {
        assert!(matches!(bench::run(&load), Err(BenchError::Load(_))), "{load:?}");
    }
}
