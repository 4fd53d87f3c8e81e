//! Ours beside Apache ZooKeeper in one run: get and set, 32 connections with 16 requests outstanding each.
//!
//! `cargo run --release -p compat --example first_speed [rounds [seconds]]`

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use bench::{Limit, Load, Mix, Operation, Target};
use compat::{Kind, Release, Server, Settings};

/// What is measured, and the ratio that it is to reach.
const ROWS: [(Operation, f64); 2] = [(Operation::Get, 5.0), (Operation::Set, 3.0)];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    for (operation, goal) in ROWS {
        let (mut ours, mut java) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            java.push(measure(&Kind::Java(Release::V3_9), operation, seconds)?);
            ours.push(measure(&Kind::rookeeper(), operation, seconds)?);
        }
        let ratios: Vec<f64> = ours.iter().zip(&java).map(|(ours, java)| ours / java).collect();
        println!("{} 32x16, {rounds} rounds of {seconds} s, in turn", operation.name());
        println!("  Apache ZooKeeper 3.9  {}", spread(&java, "/s"));
        println!("  Rookeeper             {}", spread(&ours, "/s"));
        println!("  ratio                 {} (goal {goal}x)", spread(&ratios, "x"));
    }
    Ok(())
}

/// Operations per second on a fresh server of this kind.
fn measure(kind: &Kind, operation: Operation, seconds: u64) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let settings = Settings { jvm: vec!["-Xmx4g".into()], ..Settings::new(folder.path()) };
    let server = Server::start(kind.clone(), &settings)?;
    let address: SocketAddr = server.addr();
    let load = Load {
        target: Target::one(address),
        mix: Mix::only(operation),
        connections: 32,
        outstanding: 16,
        limit: Limit::Time(Duration::from_secs(seconds)),
        warm_up: Duration::from_secs(3),
        ..Load::default()
    };
    Ok(bench::run(&load)?.operations_per_second())
}

fn spread(values: &[f64], unit: &str) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let digits = if at(0) < 1000.0 { 2 } else { 0 };
    let (min, median, max) = (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)));
    format!("min {min:.digits$}  median {median:.digits$}  max {max:.digits$} {unit}")
}
