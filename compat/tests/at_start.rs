//! What the table of configurations says of ours is what the process does: of every row that only sockets and
//! directories decide, and of a sample of the others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use compat::Kind;
use compat::configuration::{Case, Table, decisive, run};

/// One row in so many is tried besides those that need a real start.
const SAMPLE: usize = 10;
/// Servers at once: a start waits more than it works.
const AT_ONCE: usize = 4;

#[test]
fn a_started_process_does_what_the_table_says() {
    let cases = Table::load().expect("the table can be read").case;
    let tried: Vec<Case> = cases
        .into_iter()
        .enumerate()
        .filter(|(row, case)| case.at_start || row % SAMPLE == 0)
        .map(|(_, case)| case)
        .collect();
    for name in ["data-dir-is-a-file", "client-port-address-not-ours"] {
        assert!(tried.iter().any(|case| case.name == name), "{name} needs a real start");
    }
    let wrong = all_wrong(&tried);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What the process did instead, a line for each case in which it did.
fn all_wrong(cases: &[Case]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = || cases.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(taken).filter_map(wrong).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn wrong(case: &Case) -> Option<String> {
    let outcome = run(&Kind::rookeeper(), case).expect("the case can be run");
    let right = decisive(&outcome) == decisive(&case.ours);
    (!right).then(|| format!("{}: {outcome}\n    instead of: {}", case.name, case.ours))
}
