//! Whether a live Java server uses a directory. It takes no lock, so its traces must do: the pid
//! file of its script, the files that it holds open for writing, and its command line.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DirectoryOptions, Layout};
use crate::error::Error;

/// Written by `zkServer.sh` into dataDir.
const PID_FILE: &str = "zookeeper_server.pid";
/// In the command line of every Java server.
const JAVA_PACKAGE: &str = "org.apache.zookeeper.server.";
/// Bits of `flags` in fdinfo that say how a file is open; 0 is for reading.
const ACCESS_MODE: u32 = 0o3;

/// Refuses directories that a live server of Java's uses. A process that may not be looked into
/// (another user's) is not seen.
pub(super) fn look(layout: &Layout, options: &DirectoryOptions) -> Result<(), Error> {
    by_pid_file(options)?;
    let dirs: Vec<PathBuf> = layout.dirs().filter_map(|d| d.canonicalize().ok()).collect();
    if dirs.is_empty() {
        return Ok(());
    }
    for pid in processes() {
        let holder = match () {
            () if writes_into(pid, &dirs) => "holds files in it open",
            () if serves(pid, &dirs) => "was started with it",
            () => continue,
        };
        let path = layout.snap_dir.clone();
        let holder = format!("process {pid} ({}), which {holder}", name(pid));
        return Err(Error::InUse { path, holder });
    }
    Ok(())
}

fn by_pid_file(options: &DirectoryOptions) -> Result<(), Error> {
    let path = options.data_dir.join(PID_FILE);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let Ok(pid) = text.trim().parse() else {
        return Ok(());
    };
    // The number may be another process's by now.
    if !is_java_server(&arguments(pid)) {
        return Ok(());
    }
    Err(Error::InUse {
        path: options.data_dir.clone(),
        holder: format!("a ZooKeeper server, process {pid} ({PID_FILE})"),
    })
}

/// All processes but this one and those that it descends from: a script that started it may show a
/// command line that looks like a server's.
fn processes() -> impl Iterator<Item = u32> {
    let mut own = vec![std::process::id()];
    while let Some(parent) = own.last().and_then(|pid| parent(*pid)) {
        own.push(parent);
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(move |pid| !own.contains(pid))
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().filter(|parent| *parent != 0)
}

fn writes_into(pid: u32, dirs: &[PathBuf]) -> bool {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"));
    entries.into_iter().flatten().flatten().any(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let inside = target.parent().is_some_and(|dir| dirs.iter().any(|d| d == dir));
        inside && for_writing(pid, &entry.file_name().to_string_lossy())
    })
}

/// Somebody who only reads, such as a backup, is no reason to refuse.
fn for_writing(pid: u32, fd: &str) -> bool {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS_MODE != 0)
}

/// Whether the process is a Java server whose arguments or configuration name one of `dirs`. An
/// idle one has no file open: this is all that there is to see of it.
fn serves(pid: u32, dirs: &[PathBuf]) -> bool {
    let arguments = arguments(pid);
    if !is_java_server(&arguments) {
        return false;
    }
    let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    let main = arguments.iter().position(|a| a.starts_with(JAVA_PACKAGE)).unwrap_or(0);
    let data_dirs = match &arguments[main + 1..] {
        [config] => configured(&cwd.join(config)),
        [_port, data_dir, ..] => vec![PathBuf::from(data_dir)],
        [] => Vec::new(),
    };
    data_dirs.iter().any(|data_dir| {
        let layout = Layout::new(&cwd.join(data_dir), Path::new(""));
        layout.snap_dir.canonicalize().is_ok_and(|dir| dirs.contains(&dir))
    })
}

/// `dataDir` and `dataLogDir` of a zoo.cfg, as far as they are plainly written.
fn configured(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let named = matches!(key.trim(), "dataDir" | "dataLogDir");
        named.then(|| PathBuf::from(value.trim()))
    };
    text.lines().filter_map(value).collect()
}

fn is_java_server(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument.starts_with(JAVA_PACKAGE))
}

fn arguments(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split_terminator('\0').map(str::to_owned).collect()
}

fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().to_owned()
}
