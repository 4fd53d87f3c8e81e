//! `fan-out`, `sessions` and `watches`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bench::{Crowd, Place};

use super::output::Progress;
use super::{Failure, Servers};

#[derive(clap::Args)]
pub(crate) struct FanOut {
    #[command(flatten)]
    servers: Servers,
    /// Sessions that watch the znode.
    #[arg(long, default_value_t = 1000)]
    watchers: usize,
    /// How often it is changed.
    #[arg(long, default_value_t = 10)]
    events: usize,
    /// Persistent watches instead of ones that are registered anew after each event.
    #[arg(long)]
    persistent: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn fan_out(arguments: &FanOut, progress: &mut Progress) -> Result<(), Failure> {
    bench::raise_descriptor_limit()?;
    let fan_out = bench::FanOut {
        target: arguments.servers.target()?,
        watchers: arguments.watchers,
        events: arguments.events,
        persistent: arguments.persistent,
    };
    let report = bench::fan_out(&fan_out, &mut |moment| progress.tell(moment))?;
    progress.end();
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(())
}

#[derive(clap::Args)]
pub(crate) struct Sessions {
    #[command(flatten)]
    servers: Servers,
    /// Sessions to open.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Connects under way at once [default: all, up to 2,000].
    #[arg(long)]
    in_flight: Option<usize>,
    /// Print `ready` and keep the sessions until stdin closes.
    #[arg(long)]
    hold: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn sessions(arguments: &Sessions, progress: &mut Progress) -> Result<(), Failure> {
    bench::raise_descriptor_limit()?;
    let sessions = bench::Sessions {
        target: arguments.servers.target()?,
        count: arguments.count,
        in_flight: arguments.in_flight,
    };
    let (mut crowd, report) = bench::open_sessions(&sessions, &mut |moment| progress.tell(moment))?;
    progress.end();
    if arguments.hold {
        hold(&mut crowd)?;
    }
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
    Ok(crowd.close()?)
}

#[derive(clap::Args)]
#[group(id = "place", multiple = false)]
pub(crate) struct Where {
    /// Znodes, each watched by every session.
    #[arg(long)]
    shared: bool,
    /// Znodes, each watched by one session: the default.
    #[arg(long)]
    spread: bool,
    /// Paths at which there is nothing, each watched by one session.
    #[arg(long)]
    missing: bool,
}

impl Where {
    fn place(&self) -> Place {
        match (self.shared, self.missing) {
            (true, _) => Place::Shared,
            (_, true) => Place::Missing,
            _ => Place::Spread,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Watches {
    #[command(flatten)]
    servers: Servers,
    #[command(flatten)]
    place: Where,
    /// Paths to watch.
    #[arg(long, default_value_t = 1000)]
    count: u32,
    /// Watch znodes of the subtree that `fill` left there, and leave it again.
    #[arg(long, value_name = "PATH", conflicts_with = "missing")]
    at: Option<String>,
    /// Sessions that hold the watches.
    #[arg(long, default_value_t = 1)]
    sessions: usize,
    /// Print `ready` and keep the watches until stdin closes.
    #[arg(long)]
    hold: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn watches(arguments: &Watches, progress: &mut Progress) -> Result<(), Failure> {
    bench::raise_descriptor_limit()?;
    let watches = bench::Watches {
        target: arguments.servers.target()?,
        count: arguments.count,
        at: arguments.at.clone(),
        place: arguments.place.place(),
        sessions: arguments.sessions,
    };
    let mut watching = bench::register_watches(&watches, &mut |moment| progress.tell(moment))?;
    progress.end();
    if arguments.hold {
        hold(&mut watching.crowd)?;
    }
    if arguments.json {
        println!("{}", watching.report.json());
    } else {
        print!("{}", watching.report.table());
    }
    Ok(watching.release(&mut |moment| progress.tell(moment))?)
}

/// Says that all is ready, and keeps the sessions alive until stdin closes.
fn hold(crowd: &mut Crowd) -> Result<(), Failure> {
    println!("ready");
    let closed = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&closed);
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        noticed.store(true, Ordering::Release);
    });
    Ok(crowd.hold(&mut || closed.load(Ordering::Acquire))?)
}
