//! Disks that are full or fail: the server stops and says so, nothing acknowledged is lost, and it starts again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use compat::client::Session;
use compat::strace::traced;
use compat::{Kind, Server, Settings};
use wire::CreateMode;

use crate::{PATIENCE, await_that, folder, settings, start};

/// How the server ends when its disk fails (C-012).
const DISK_FAILED: Option<i32> = Some(10);

/// A file system of a few megabytes that nobody else sees: it lives in a mount namespace of its own, and goes with
/// the process that holds it.
struct SmallDisk {
    holder: Child,
    at: PathBuf,
}

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> SmallDisk {
        fs::create_dir(at).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs {} && echo ready; read line",
            at.display()
        );
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "--map-root-user", "sh", "-c", &script]);
        let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no small disk");
        SmallDisk { holder, at: at.to_owned() }
    }

    /// What runs a command where the disk is.
    fn entering(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let words =
            ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &pid, "--"];
        words.map(String::from).into()
    }

    fn resize(&self, size: &str) {
        let (program, args) = (&self.entering()[0], &self.entering()[1..]);
        let mut remount = Command::new(program);
        remount.args(args).args(["mount", "-o", &format!("remount,size={size}")]).arg(&self.at);
        assert!(remount.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Gone already is good as well.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Creates nodes one at a time until the server is gone; returns how many it acknowledged.
fn create_until_gone(session: &mut Session, data: &[u8]) -> usize {
    (0..2000)
        .find(|n| session.create(&format!("/n{n}"), data, CreateMode::Persistent).is_err())
        .expect("the disk never failed")
}

/// Everything acknowledged is there and whole; nothing is there but what was asked for.
fn check(server: &Server, acknowledged: usize, data: &[u8]) {
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    for n in 0..acknowledged {
        let found = session.get_data(&format!("/n{n}"), false).unwrap().0;
        assert!(found.as_deref() == Some(data), "/n{n} is not what was written");
    }
    let there = session.children("/", false).unwrap().len() - 1;
    // The create that was under way may be there or not.
    assert!((acknowledged..=acknowledged + 1).contains(&there), "{there} of {acknowledged}");
    session.create("/goes-on", b"", CreateMode::Persistent).unwrap();
}

#[test]
fn fault_29_3701_a_full_disk_stops_the_server_and_room_starts_it_again() {
    let folder = folder();
    let disk = SmallDisk::mount(&folder.path().join("small"), "3m");
    let mut settings = settings(&folder).data_dir(disk.at.join("data"));
    settings.wrapper = disk.entering();
    let mut server = start(&settings);
    let data = vec![7; 100_000];
    let acknowledged = {
        let mut session = Session::open(server.addr(), 30_000).unwrap();
        create_until_gone(&mut session, &data)
    };
    assert!(acknowledged >= 10, "{acknowledged}");
    assert_eq!(server.wait(PATIENCE).unwrap().code(), DISK_FAILED);
    let log = server.log();
    let file = disk.at.join("data/version-2/log.1");
    for words in [file.to_str().unwrap(), "No space left", "free space"] {
        assert!(log.contains(words), "{words:?} is missing:\n{log}");
    }
    disk.resize("30m");
    server.restart().unwrap();
    check(&server, acknowledged, &data);
}

/// Makes the system answer `call` of the log's thread with `error` from its `nth` time on.
fn failing(settings: &Settings, call: &str, error: &str, nth: u32) -> Settings {
    let fault = format!("--inject={call}:error={error}:when={nth}+");
    let trace = format!("--trace={call}");
    traced(settings.clone(), &["-qq", "-o", "/dev/null", &trace, &fault])
}

/// Calls are counted for each thread by itself. The log's syncs its new file once before the first group; then there
/// is one group for the session, and one for each create.
#[test]
fn fault_29_2247_a_failed_write_or_sync_is_never_acknowledged() {
    for (call, error, words) in [
        ("fdatasync", "EIO", "Input/output error"),
        ("fdatasync", "ENOSPC", "No space left"),
        ("pwrite64", "EIO", "Input/output error"),
        ("ftruncate", "ENOSPC", "No space left"),
    ] {
        let folder = folder();
        let settings = settings(&folder);
        // A database that is there already: what is counted is the log's.
        start(&settings).terminate().unwrap();
        let nth = match call {
            "ftruncate" => 2,
            _ => 6,
        };
        let mut server =
            Server::start(Kind::rookeeper(), &failing(&settings, call, error, nth)).unwrap();
        let data = vec![7; 20_000];
        let mut session = Session::open(server.addr(), 30_000).unwrap();
        let acknowledged = create_until_gone(&mut session, &data);
        if call == "fdatasync" {
            assert_eq!(acknowledged, 3, "header, session and three creates were synced");
        }
        assert_eq!(server.wait(PATIENCE).unwrap().code(), DISK_FAILED, "{}", server.log());
        let log = server.log();
        assert!(log.contains(words) && log.contains("version-2/log."), "{call}: {log}");

        drop(server);
        check(&start(&settings), acknowledged, &data);
    }
}

/// A snapshot is for the next start to be faster: without it the log has everything.
#[test]
fn a_snapshot_that_cannot_be_written_does_not_end_the_server() {
    let folder = folder();
    let settings = settings(&folder).property("zookeeper.snapCount=10");
    start(&settings).terminate().unwrap();
    let server = Server::start(Kind::rookeeper(), &failing(&settings, "rename", "EIO", 1)).unwrap();
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    for n in 0..30 {
        session.create(&format!("/n{n}"), b"x", CreateMode::Persistent).unwrap();
    }
    await_that("a failed snapshot is counted", || {
        let mntr = server.word("mntr").unwrap();
        let count = mntr.lines().find_map(|line| line.strip_prefix("zk_snapshot_error_count\t"));
        count.is_some_and(|count| count != "0")
    });
    session.create("/n30", b"x", CreateMode::Persistent).unwrap();
    assert!(server.log().contains("Input/output error"), "{}", server.log());
    drop(server);
    check(&start(&settings), 31, b"x");
}
