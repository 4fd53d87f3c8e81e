//! Directories that another process uses. Locks are taken here only where nothing is started
//! meanwhile: a process being started holds a copy of every lock for a moment.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use storage::{DataDirectory, DirectoryOptions};

fn open(dir: &Path) -> Result<DataDirectory, String> {
    let options = DirectoryOptions {
        data_dir: dir.to_owned(),
        data_log_dir: dir.to_owned(),
        autocreate: true,
    };
    DataDirectory::open(&options).map_err(|e| e.to_string())
}

fn refused(dir: &Path) -> String {
    open(dir).expect_err("the directory must be refused")
}

/// A process that waits until it is dropped.
struct Waiting(Child);

impl Waiting {
    fn start(script: &str, arguments: &[&str]) -> Waiting {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{script}; echo ready; read line")]);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh starts");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says ready");
        assert_eq!(line, "ready\n");
        Waiting(child)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_that_writes_into_the_directory_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("version-2")).unwrap();
    let log = dir.path().join("version-2/log.1");
    let log = log.to_str().unwrap();
    {
        let writer = Waiting::start("exec 3>>\"$0\"", &[log]);
        let said = refused(dir.path());
        assert!(said.contains(&format!("process {}", writer.0.id())), "{said}");
    }
    let _reader = Waiting::start("exec 3<\"$0\"", &[log]);
    open(dir.path()).unwrap();
}

#[test]
fn an_idle_java_server_is_known_by_its_command_line_or_pid_file() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir_all(data.join("version-2")).unwrap();
    let config = dir.path().join("zoo.cfg");
    fs::write(&config, format!("tickTime=2000\ndataDir = {}\n", data.display())).unwrap();
    let main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    let java = Waiting::start("true", &[main, config.to_str().unwrap()]);
    let said = refused(&data);
    assert!(said.contains(&format!("process {}", java.0.id())), "{said}");
    let other = dir.path().join("other");
    fs::create_dir_all(other.join("version-2")).unwrap();
    fs::write(other.join("zookeeper_server.pid"), format!("{}", java.0.id())).unwrap();
    assert!(refused(&other).contains("zookeeper_server.pid"));
    drop(java);
    // A pid file outlives its process.
    open(&other).unwrap();
    open(&data).unwrap();
}
