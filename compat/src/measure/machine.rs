//! What the figures were measured on.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A machine, as far as it matters; figures of different ones are not mixed in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name and the number of its cores.
    pub cpu: String,
    /// Memory, kernel and Java.
    pub system: String,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn this() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown processor", |(_, model)| model);
        let cores = std::thread::available_parallelism()?;
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let kilobytes: u64 = meminfo
            .lines()
            .find_map(|line| {
                line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok()
            })
            .context("/proc/meminfo")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            cpu: format!("{model}, {cores} cores"),
            system: format!("{} GiB, Linux {}, {}", kilobytes >> 20, kernel.trim(), java()?),
        })
    }
}

/// The first line of `java -version`.
fn java() -> Result<String> {
    let output = Command::new("java").arg("-version").output().context("java does not start")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(text.lines().next().unwrap_or("no Java").replace('"', ""))
}

/// What the disk can do where the servers' data lies.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Median time of fdatasync after 4 KiB were written to a file that is there already.
    pub sync: Duration,
    /// Bytes per second of one long write, synced.
    pub write_rate: f64,
}

impl Disk {
    /// Measures it in `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn measure(folder: &Path) -> Result<Self> {
        const BYTES: f64 = 512.0 * 1024.0 * 1024.0;
        Ok(Self { sync: sync_time(folder)?, write_rate: sequential_write_rate(folder, BYTES)? })
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sync_ms, megabytes) = (self.sync.as_secs_f64() * 1000.0, self.write_rate / 1e6);
        write!(f, "fdatasync {sync_ms:.2} ms, sequential write {megabytes:.0} MB/s")
    }
}

fn sync_time(folder: &Path) -> Result<Duration> {
    const BLOCK: usize = 4096;
    const TIMES: usize = 401;
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; BLOCK * TIMES])?;
    file.sync_all()?;
    let mut file = File::options().write(true).open(&path)?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        file.write_all(&[1; BLOCK])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[TIMES / 2])
}

/// Bytes per second of one long write in `folder`, with the sync at its end.
///
/// # Errors
/// When it cannot be written.
pub fn sequential_write_rate(folder: &Path, bytes: f64) -> Result<f64> {
    const CHUNK: usize = 4 << 20;
    let chunk = vec![0xa5; CHUNK];
    let path = folder.join("rate");
    let begun = Instant::now();
    let mut file = File::create(&path)?;
    let mut written = 0.0;
    while written < bytes {
        file.write_all(&chunk)?;
        written += CHUNK as f64;
    }
    file.sync_data()?;
    let rate = written / begun.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// Connections that the kernel dropped because a listener's queue was full, since the machine's start.
///
/// # Errors
/// When the kernel does not say.
pub fn listen_drops() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/netstat")?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().context("TcpExt")?, lines.next().context("TcpExt")?);
    let column = names.split_whitespace().position(|name| name == "ListenDrops");
    let value = values.split_whitespace().nth(column.context("ListenDrops")?);
    Ok(value.context("ListenDrops")?.parse()?)
}

/// CPU time since boot that a hypervisor gave to others, and all of it: `(stolen, all)` in ticks.
///
/// # Errors
/// When the kernel does not say.
pub fn ticks() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat")?;
    let ticks: Vec<u64> =
        line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
    // user, nice, system, idle, iowait, irq, softirq, steal
    Ok((ticks.get(7).copied().unwrap_or(0), ticks.iter().take(8).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_is_asked() {
        listen_drops().unwrap();
        let (stolen, all) = ticks().unwrap();
        assert!(all > 0 && stolen < all);
        assert!(Machine::this().unwrap().cpu.contains("cores"));
    }

    #[test]
    fn the_disk_is_measured_and_left_clean() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sequential_write_rate(folder.path(), 1e6).unwrap() > 0.0);
        assert!(sync_time(folder.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
