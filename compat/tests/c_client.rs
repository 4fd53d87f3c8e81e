//! Debian's C client: its shell `cli_mt`, talked to as a person would.

use std::process::Command;

use anyhow::Result;
use compat::{Dialogue, Kind, Server, Settings};
use xtask::workspace;

/// What is typed, and what the answer has to contain: nothing where the shell says nothing.
/// `ZNONODE` is -101, `ZNOCHILDRENFOREPHEMERALS` -108, `ZNODEEXISTS` -110, `ZNOTEMPTY` -111.
const SESSION: &[(&str, &str)] = &[
    ("create /c", "name = /c"),
    ("set /c world", "version=1"),
    ("get /c", "world"),
    ("create /c", "[/c]: rc = -110"),
    ("create /gone/c", "[/gone/c]: rc = -101"),
    ("create +s /c/k-", "name = /c/k-0000000000"),
    ("create +s /c/k-", "name = /c/k-0000000001"),
    ("ls /c", "k-0000000001"),
    ("delete /c", "/c: rc = -111"),
    ("create +e /e", "name = /e"),
    ("create /e/k", "[/e/k]: rc = -108"),
    ("create2 +es /es-", "name = /es-0000000002"),
    ("create +c /container", "name = /container"),
    ("create +t=60000 /ttl", "name = /ttl"),
    ("create2 /two", "ephemeralOwner = 0"),
    ("get /gone", "/gone: rc = -101"),
    ("sync /c", "[/c]: rc = 0"),
    ("aget /c", "world"),
    ("wexists /w", "Error -101 for /w"),
    ("create /w", "CREATED_EVENT state = CONNECTED_STATE for path /w"),
    ("wexists /w", ""),
    ("set /w x", "CHANGED_EVENT state = CONNECTED_STATE for path /w"),
    ("wexists /w", ""),
    ("delete /w", "DELETED_EVENT state = CONNECTED_STATE for path /w"),
    ("ls /c", "k-0000000000"),
    ("create /c/more", "CHILD_EVENT state = CONNECTED_STATE for path /c"),
    ("ls2 /c", "more"),
];

#[test]
fn the_c_shell_does_what_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let mut shell = connect(&server, &[]).unwrap();
    for (line, answer) in SESSION {
        shell.say(line).unwrap();
        if !answer.is_empty() {
            shell.hear(answer).unwrap();
        }
    }
    shell.say("quit").unwrap();
    assert!(shell.finish().unwrap().0.success());
}

#[test]
fn the_c_shell_runs_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder);
    let shell = connect(&server, &["-c", "ls /"]).unwrap();
    let (_, heard) = shell.finish().unwrap();
    assert!(heard.contains("/: rc = 0\n\tzookeeper\n"), "{heard}");
}

#[test]
fn the_c_client_comes_back_to_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(&folder);
    let mut shell = connect(&server, &[]).unwrap();
    shell.ask("create +e /mine", "name = /mine").unwrap();
    shell.ask("wexists /later", "Error -101").unwrap();
    server.kill9().unwrap();
    shell.hear("CONNECTING_STATE").unwrap();
    server.restart().unwrap();
    shell.hear("state = CONNECTED_STATE").unwrap();
    shell.ask("create /later", "CREATED_EVENT state = CONNECTED_STATE for path /later").unwrap();
    let owner = shell.ask("get /mine", "ephemeralOwner").unwrap();
    assert!(!owner.ends_with("= 0"), "{owner}");
}

fn start(folder: &tempfile::TempDir) -> Server {
    let settings = Settings::new(folder.path()).line("extendedTypesEnabled=true");
    Server::start(Kind::under_test(), &settings).expect("the server starts")
}

/// Starts the shell and waits until its session is there.
fn connect(server: &Server, args: &[&str]) -> Result<Dialogue> {
    let packages = workspace::cache().join("deb");
    let mut command = Command::new(packages.join("usr/lib/zookeeper/bin/cli_mt"));
    command.env("LD_LIBRARY_PATH", packages.join("usr/lib/x86_64-linux-gnu"));
    let mut shell = Dialogue::start(command.args(["-h", &server.addr().to_string()]).args(args))?;
    shell.hear("Got a new session id")?;
    Ok(shell)
}
