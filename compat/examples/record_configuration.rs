//! Records the table of configurations anew: runs Apache ZooKeeper on every case, asks ours, writes both down, and makes the parts of the document that follow from it. Look
//! at the difference before it is committed. Arguments are names of cases; without any it is all of them. `--ours` leaves
//! Apache ZooKeeper out.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use compat::configuration::{Case, Table, document, read, run};
use compat::{Kind, Release};

const WORKERS: usize = 2;

fn main() -> Result<()> {
    let (options, names): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let java = options.is_empty();
    let mut table = Table::load()?;
    let chosen =
        table.case.iter_mut().filter(|case| names.is_empty() || names.contains(&case.name));
    let chosen: Vec<Mutex<&mut Case>> = chosen.map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                record(java, &mut case.lock().expect("no worker panics"))?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    table.save()?;
    document::save(&table)
}

fn record(java: bool, case: &mut Case) -> Result<()> {
    if java {
        case.java = run(&Kind::Java(Release::V3_9), case)?;
    }
    let (ours, says) = read(case)?;
    if !case.at_start {
        case.ours = ours;
    }
    case.says = says;
    Ok(())
}
