//! Directories and ports that a server must not use: each its own words and exit code, and nothing is touched.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use compat::client::Session;
use compat::image::image;
use compat::{Kind, Refusal, Release, Server, Settings};
use wire::CreateMode;

use crate::{folder, settings, start};

/// The end of a start that must come to nothing and leave the data as it was. Who has to look into the directory
/// locks it meanwhile: a lock that was there before is no data, and one that was not does not stay.
#[track_caller]
fn refused(settings: &Settings, code: i32, words: &[&str]) {
    let lock = settings.data_dir.join("version-2/rookeeper.lock");
    let was_locked = lock.exists();
    let data = || {
        let mut image = image(&settings.data_dir).unwrap();
        if was_locked {
            image.remove(&lock);
        }
        image
    };
    let before = data();
    let Refusal { code: ended, log } = Server::refusal(&Kind::rookeeper(), settings).unwrap();
    assert_eq!(ended, Some(code), "{log}");
    for word in words {
        assert!(log.contains(word), "{word:?} is missing:\n{log}");
    }
    assert_eq!(data(), before, "something was touched\n{log}");
}

/// Data that a server wrote and left.
fn with_data(settings: &Settings) {
    let mut server = start(settings);
    let mut session = Session::open(server.addr(), 30_000).unwrap();
    session.create("/kept", b"data", CreateMode::Persistent).unwrap();
    server.terminate().unwrap();
    fs::remove_file(server.log_path()).unwrap();
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_taken_port_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    for data in [false, true] {
        let folder = folder();
        let mut settings = settings(&folder);
        if data {
            with_data(&settings);
        }
        settings.port = Some(port);
        let address = format!("127.0.0.1:{port}");
        refused(&settings, 1, &[&address, "in use", "clientPort"]);
    }
}

/// Root obeys modes once it has given up the capability not to.
fn without_privilege(mut settings: Settings) -> Settings {
    if rustix::process::geteuid().is_root() {
        let capabilities = "--bounding-set=-dac_override,-dac_read_search";
        settings.wrapper = ["setpriv", capabilities, "--"].map(String::from).into();
    }
    settings
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let folder = folder();
    let settings = without_privilege(settings(&folder));
    with_data(&settings);
    let version_2 = settings.data_dir.join("version-2");
    fs::set_permissions(&version_2, fs::Permissions::from_mode(0o555)).unwrap();
    fs::remove_file(version_2.join("rookeeper.lock")).unwrap();
    refused(&settings, 3, &[text(&version_2), "ermission denied", "user"]);
    fs::set_permissions(&version_2, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let folder = folder();
    let parent = folder.path().join("parent");
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o555)).unwrap();
    let settings = without_privilege(settings(&folder)).data_dir(parent.join("data"));
    refused(&settings, 3, &[text(&parent), "ermission denied"]);
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_directory_of_another_server_of_ours_is_named_with_its_process() {
    let folder = folder();
    let settings = settings(&folder);
    let first = start(&settings);
    let mut second = settings.clone();
    second.folder = folder.path().join("second");
    let pid = format!("process {}", first.pid());
    refused(&second, 1, &[text(&settings.data_dir), "in use", &pid]);
    assert_eq!(first.word("ruok").unwrap(), "imok");
}

/// Java takes no lock: its open files and its command line tell.
#[test]
fn a_directory_of_a_live_java_server_is_named_with_its_process() {
    let folder = folder();
    let settings = settings(&folder);
    let java = Server::start(Kind::Java(Release::V3_9), &settings).unwrap();
    let mut second = settings.clone();
    second.folder = folder.path().join("second");
    let pid = format!("process {}", java.pid());
    refused(&second, 1, &[text(&settings.data_dir), "in use", &pid]);
    let mut session = Session::open(java.addr(), 30_000).unwrap();
    session.create("/a", b"", CreateMode::Persistent).unwrap();
    refused(&second, 1, &["in use", &pid]);
    session.create("/b", b"", CreateMode::Persistent).unwrap();
}

#[test]
fn a_foreign_file_is_named_and_left_alone() {
    let folder = folder();
    let settings = settings(&folder);
    with_data(&settings);
    let foreign = settings.data_dir.join("version-2/notes.txt");
    fs::write(&foreign, "do not touch").unwrap();
    let mut server = start(&settings);
    let log = server.log();
    assert!(log.contains(text(&foreign)) && log.contains("none of the server's"), "{log}");
    assert!(
        Session::open(server.addr(), 30_000).unwrap().exists("/kept", false).unwrap().is_some()
    );
    server.terminate().unwrap();
    assert_eq!(fs::read(&foreign).unwrap(), b"do not touch");
}

#[test]
fn a_foreign_file_with_a_logs_name_stops_the_start() {
    let folder = folder();
    let settings = settings(&folder);
    with_data(&settings);
    let foreign = settings.data_dir.join("version-2/log.4");
    fs::write(&foreign, "this is somebody's diary, and no log of transactions").unwrap();
    refused(&settings, 1, &[text(&foreign), "log-magic"]);
}
