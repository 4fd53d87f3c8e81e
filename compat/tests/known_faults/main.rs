//! Faults that Apache ZooKeeper is known to have or to have had, as scenarios under the numbers of its issues. Each
//! test shows that ours does right; `docs/design/known-faults.md` lists them all, those of ensembles too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acls;
mod clock;
mod floods;
mod fuzzy;
mod history;
mod log_files;
mod secrets;
mod sessions;
mod snapshots;
mod transactions;
mod watches;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::SessionId;
use compat::client::{Session, encoded, reader};
use compat::{Kind, Refusal, Server, Settings};
use tempfile::TempDir;
use wire::{Acl, AclResponse, CreateRequest, ErrorCode, Id, OpCode, PathRequest, WriteRequest};

/// How long anything may take on a busy machine before it counts as never.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server's own client port and directory, with short logs.
struct Place {
    folder: TempDir,
    settings: Settings,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(folder.path()).property("zookeeper.preAllocSize=64");
        Place { folder, settings }
    }

    /// With another line in the configuration file.
    fn line(mut self, line: &str) -> Place {
        self.settings = self.settings.line(line);
        self
    }

    /// With another system property.
    fn property(mut self, property: &str) -> Place {
        self.settings = self.settings.property(property);
        self
    }

    /// A file among the data.
    fn file(&self, name: &str) -> PathBuf {
        self.settings.data_dir.join("version-2").join(name)
    }

    /// Puts a file among the data.
    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.file(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    fn start(&self) -> Server {
        Server::start(Kind::under_test(), &self.settings).expect("the server starts")
    }

    /// Starts once, so that there is a database, and ends.
    fn founded(self) -> Place {
        self.start().terminate().expect("the server ends");
        fs::remove_file(self.folder.path().join("server.log")).expect("a log");
        self
    }

    /// The words of a start that must be refused, and its code.
    fn refusal(&self) -> Refusal {
        Server::refusal(&Kind::rookeeper(), &self.settings).expect("the server ends")
    }
}

fn open(server: &Server) -> Session {
    Session::open(server.addr(), 30_000).expect("a session")
}

/// Sends a write and returns its error code.
fn write(session: &mut Session, request: &WriteRequest<'_>) -> i32 {
    let mut body = Vec::new();
    request.write(&mut body);
    session.call(request.op(), &body).expect("a reply").header.err
}

/// A node with an ACL of its own.
fn create<'a>(path: &'a str, acl: &[Acl<'a>], flags: i32) -> WriteRequest<'a> {
    WriteRequest::Create(CreateRequest {
        op: OpCode::Create,
        path: path.into(),
        data: Some(b"data"),
        acl: Some(acl.to_vec()),
        flags,
        ttl_ms: 0,
    })
}

fn digest(perms: i32, id: &str) -> Acl<'_> {
    Acl { perms, id: Id::new("digest", id) }
}

/// What getACL answers, as `perms scheme:id`, or the error.
fn acl_of(session: &mut Session, path: &str) -> Result<Vec<String>, i32> {
    let body = encoded(&PathRequest { path: path.into() });
    let reply = session.call(OpCode::GetAcl, &body).expect("a reply");
    if reply.header.err != 0 {
        return Err(reply.header.err);
    }
    let response: AclResponse<'_> = reader(&reply.body).read().expect("an ACL");
    let text = |acl: &Acl<'_>| format!("{} {}:{}", acl.perms, acl.id.scheme(), acl.id.name());
    Ok(response.acl.iter().map(text).collect())
}

/// The error of a request that must fail.
fn error_of<T>(answer: anyhow::Result<T>) -> Option<ErrorCode> {
    answer.err()?.downcast().ok()
}

/// A session that some file made by hand speaks of.
const SOMEBODY: SessionId = SessionId(0x0100_0000_0000_0007);

/// The document names every test, and no test that is not there.
#[test]
fn the_document_lists_what_is_tested() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(here.join("../docs/design/known-faults.md")).unwrap();
    let mut sources = String::new();
    for folder in ["tests/known_faults", "tests/process"] {
        for entry in fs::read_dir(here.join(folder)).unwrap() {
            sources += &fs::read_to_string(entry.unwrap().path()).unwrap();
        }
    }
    let named = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let numbered = words.filter(|word| word.starts_with("fault_") || word.starts_with("cve_"));
        numbered.map(String::from).collect()
    };
    let tests = sources.lines().filter_map(|line| line.strip_prefix("fn "));
    let tests: BTreeSet<String> = tests.flat_map(named).collect();
    assert_eq!(named(&document), tests);
}
