//! Apache ZooKeeper's own shell, `ZooKeeperMain`: one command at a time and a whole session.

use std::process::Command;

use anyhow::Result;
use compat::{Dialogue, Kind, Release, Server, Settings};

/// A session: what is typed, and what the answer has to contain.
const SESSION: &[(&str, &str)] = &[
    ("create /a one", "Created /a"),
    ("create -s /a/s- x", "Created /a/s-0000000000"),
    ("create -s /a/s- y", "Created /a/s-0000000001"),
    ("create -e /e e", "Created /e"),
    ("create -c /cont", "Created /cont"),
    ("create -t 60000 /ttl x", "Created /ttl"),
    ("get /a", "one"),
    ("get -s /a", "numChildren = 2"),
    ("set -s /a two", "dataVersion = 1"),
    ("set -v 0 /a three", "version No is not valid : /a"),
    ("stat /a", "pZxid = 0x"),
    ("ls /a", "[s-0000000000, s-0000000001]"),
    ("ls -R /", "/a/s-0000000001"),
    ("ls -s /a", "cversion = 2"),
    ("ls -w /a", "[s-0000000000, s-0000000001]"),
    ("create /a/kid", "type:NodeChildrenChanged path:/a"),
    ("get -w /a", "two"),
    ("set /a four", "type:NodeDataChanged path:/a"),
    ("stat -w /later", "Node does not exist: /later"),
    ("create /later", "type:NodeCreated path:/later"),
    ("delete /a", "Node not empty: /a"),
    ("deleteall /a", ""),
    ("get /a", "Node does not exist: /a"),
    ("create /a/b", "Node does not exist: /a/b"),
    ("getAcl /e", ": cdrwa"),
    ("setAcl -s /e world:anyone:r", "aclVersion = 1"),
    ("getAcl /e", ": r"),
    ("set /e x", "Insufficient permission : /e"),
    ("addauth digest u:p", ""),
    ("create /acl d auth::cdrwa", "Created /acl"),
    ("getAcl /acl", "'digest,'u:"),
    ("whoami", "digest: u"),
    ("getAllChildrenNumber /", "] 8"),
    ("getEphemerals", "[/e]"),
    ("setquota -n 5 /later", ""),
    (
        "listquota /later",
        "Output quota for /later count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
    ),
    ("delquota /later", ""),
    ("listquota /later", "quota for /later does not exist"),
    ("sync /", "Sync is OK"),
    ("addWatch -m PERSISTENT_RECURSIVE /later", ""),
    ("create /later/x y", "type:NodeCreated path:/later/x"),
    ("removewatches /later", "type:PersistentWatchRemoved path:/later"),
    ("config", ""),
    ("reconfig -remove 1", "Reconfig is disabled"),
];

/// A session with the shell of 3.4.
const OLD_SESSION: &[(&str, &str)] = &[
    ("create /o one", "Created /o"),
    ("create -s /o/s- x", "Created /o/s-0000000000"),
    ("create -e /o/e x", "Created /o/e"),
    ("get /o", "numChildren = 2"),
    ("set /o two", "dataVersion = 1"),
    ("ls /o watch", "s-0000000000"),
    ("create /o/kid x", "type:NodeChildrenChanged path:/o"),
    ("ls2 /o", "numChildren = 3"),
    ("delete /o", "Node not empty: /o"),
    ("getAcl /o", ": cdrwa"),
    ("rmr /o", ""),
    ("get /o", "Node does not exist: /o"),
];

#[test]
fn a_session_with_the_shell_of_3_9() -> Result<()> {
    talk(Release::V3_9, SESSION)
}

#[test]
fn a_session_with_the_shell_of_3_4() -> Result<()> {
    talk(Release::V3_4, OLD_SESSION)
}

#[test]
fn one_command_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder).unwrap();
    for (line, answer, code) in [
        ("create /one x", "Created /one", 0),
        ("ls /", "[one, zookeeper]", 0),
        ("get /gone", "Node does not exist: /gone", 1),
    ] {
        let (status, heard) = Dialogue::start(shell(Release::V3_9, &server).args(line.split(' ')))
            .unwrap()
            .finish()
            .unwrap();
        assert!(heard.contains(answer), "{line}: {heard}");
        assert_eq!(status.code(), Some(code), "{line}: {heard}");
    }
}

fn talk(release: Release, session: &[(&str, &str)]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder)?;
    let mut shell = Dialogue::start(&mut shell(release, &server))?;
    shell.hear("state:SyncConnected")?;
    for (line, answer) in session {
        shell.say(line)?;
        if !answer.is_empty() {
            shell.hear(answer)?;
        }
    }
    shell.say("quit")?;
    shell.finish()?;
    Ok(())
}

fn start(folder: &tempfile::TempDir) -> Result<Server> {
    let settings = Settings::new(folder.path()).line("extendedTypesEnabled=true");
    Server::start(Kind::under_test(), &settings)
}

fn shell(release: Release, server: &Server) -> Command {
    let mut java = Command::new("java");
    java.args([
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        &release.class_path(),
    ]);
    java.args(["org.apache.zookeeper.ZooKeeperMain", "-server", &server.addr().to_string()]);
    java
}
