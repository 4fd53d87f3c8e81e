//! A wall clock that jumps: sessions live and die by the time that passes, not by the time of day.

use std::fs;
use std::time::{Duration, Instant};

use compat::client::Session;
use wire::CreateMode;
use xtask::workspace;

use crate::{Place, open};

const TIMEOUT_MS: i32 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// 1366, 1626: a day forwards ended every session, a day back let the dead live on.
#[test]
fn fault_35_1366_1626_jumps_of_the_wall_clock_do_not_touch_sessions() {
    let mut place = Place::new().line("tickTime=200");
    let faketime = place.folder.path().join("faketime");
    let set_clock = |offset: &str| fs::write(&faketime, format!("{offset}\n")).unwrap();
    set_clock("+0");
    let library = "deb/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    let library = workspace::cache().join(library);
    assert!(library.exists(), "cargo xtask fetch brings {}", library.display());
    for (name, value) in [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", faketime.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ] {
        place.settings.env.push((name.into(), value));
    }
    let server = place.start();
    let mut watcher = open(&server);
    let mut living = Session::open(server.addr(), TIMEOUT_MS).unwrap();
    living.create("/living", b"", CreateMode::Ephemeral).unwrap();
    let mut last_ms = now_on(&mut watcher, "/now-0");
    for (round, (offset, days)) in [("+1d", 1), ("-1d", -2), ("+0", 1)].into_iter().enumerate() {
        let mut silent = Session::open(server.addr(), TIMEOUT_MS).unwrap();
        let path = format!("/silent-{round}");
        silent.create(&path, b"", CreateMode::Ephemeral).unwrap();
        let begun = Instant::now();
        set_clock(offset);
        let now_ms = now_on(&mut watcher, &format!("/now-{}", round + 1));
        let jumped_ms = now_ms - last_ms - days * DAY_MS;
        assert!(jumped_ms.abs() < 60_000, "the clock did not jump: {jumped_ms}");
        last_ms = now_ms;
        while watcher.exists(&path, false).unwrap().is_some() {
            living.ping().expect("who is heard lives on");
            assert!(begun.elapsed() < Duration::from_secs(15), "who is silent never ends");
            std::thread::sleep(Duration::from_millis(20));
        }
        let timeout = Duration::from_millis(TIMEOUT_MS.unsigned_abs().into());
        assert!(begun.elapsed() >= timeout, "ended after {:?}", begun.elapsed());
    }
    assert!(watcher.exists("/living", false).unwrap().is_some());
}

/// The server's time of day, as it stamps a node.
fn now_on(session: &mut Session, path: &str) -> i64 {
    session.create(path, b"", CreateMode::Ephemeral).unwrap();
    session.exists(path, false).unwrap().unwrap().ctime
}
