//! A server that is told to end, and the one that comes after it.

use compat::Settings;
use compat::client::{Session, create_body};
use rustix::process::Signal;
use wire::{CreateMode, OpCode};

use crate::{folder, settings, start};

/// Requests under way when the signal comes.
const UNDER_WAY: usize = 500;

/// C-007: the codes are those of a JVM.
#[test]
fn a_signal_ends_it_with_javas_code_and_all_that_was_answered_durable() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let folder = folder();
        let mut server = start(&heeding(&settings(&folder), "--default-signal"));
        let mut session = Session::open(server.addr(), 30_000).unwrap();
        session.create("/mine", b"", CreateMode::Ephemeral).unwrap();
        for n in 0..UNDER_WAY {
            let body = create_body(&format!("/n{n}"), Some(b"x"), CreateMode::Persistent);
            session.queue(OpCode::Create, &body);
        }
        session.connection.flush().unwrap();
        session.reply().unwrap().into_body().unwrap();
        server.signal(signal).unwrap();
        let mut answered = 1;
        while let Some(frame) = session.connection.next_frame().unwrap() {
            assert_eq!(frame.header.err, 0);
            session.last_zxid = frame.header.zxid;
            answered += 1;
        }
        assert_eq!(server.wait(crate::PATIENCE).unwrap().code(), Some(code));
        let log = server.log();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");

        server.restart().unwrap();
        let mut session = session.renew(server.addr()).unwrap();
        let names = session.children("/", false).unwrap();
        assert!(names.len() >= answered + 2, "{} of {answered} are there", names.len());
        assert!((0..answered).all(|n| names.contains(&format!("n{n}"))));
        assert!(session.exists("/mine", false).unwrap().is_some(), "its session lives on");
    }
}

/// Whoever runs the tests may ignore signals, and processes inherit that.
fn heeding(settings: &Settings, how: &str) -> Settings {
    let wrapper = ["env", &format!("{how}=INT,TERM,HUP")].map(String::from).into();
    Settings { wrapper, ..settings.clone() }
}

/// As `nohup` starts it: closing the terminal does not end it.
#[test]
fn a_signal_that_was_ignored_at_its_start_does_not_end_it() {
    let folder = folder();
    let mut server = start(&heeding(&settings(&folder), "--ignore-signal"));
    server.signal(Signal::HUP).unwrap();
    server.signal(Signal::INT).unwrap();
    assert_eq!(server.word("ruok").unwrap(), "imok");
    server.kill9().unwrap();
}

#[test]
fn an_idle_server_ends_at_once_and_leaves_the_directory_free() {
    let folder = folder();
    let mut server = start(&settings(&folder));
    assert_eq!(server.terminate().unwrap().code(), Some(143));
    let second = start(&settings(&folder));
    assert_eq!(second.word("ruok").unwrap(), "imok");
}

#[test]
fn a_restart_goes_on_where_the_server_before_ended() {
    let folder = folder();
    let mut server = start(&settings(&folder));
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.create("/q", b"", CreateMode::Persistent).unwrap();
    let first = session.create("/q/n-", b"", CreateMode::EphemeralSequential).unwrap();
    session.set_data("/q", b"two").unwrap();
    let zxid = session.last_zxid;
    server.terminate().unwrap();
    server.restart().unwrap();

    let mut session = session.renew(server.addr()).unwrap();
    let second = session.create("/q/n-", b"", CreateMode::EphemeralSequential).unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("/q/n-0000000000", "/q/n-0000000001"));
    assert_eq!(session.last_zxid, zxid.next());
    let (data, stat) = session.get_data("/q", false).unwrap();
    assert_eq!((data.as_deref(), stat.version), (Some(&b"two"[..]), 1));
    let owner = session.exists(&first, false).unwrap().unwrap().ephemeral_owner;
    assert_eq!(owner, session.id.0);
    let other = Session::open(server.addr(), 30_000).unwrap();
    assert_ne!(other.id, session.id);
}
