//! The requests of the random runs.

use base::Prng;

const PATHS: &[&str] = &["/", "/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/z", "/missing"];
/// Who may do what with a node, of the few lists that the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    All,
    /// Everybody may read, and nothing else.
    Read,
    /// The user `u` alone.
    User,
}

impl Access {
    pub fn words(self) -> &'static str {
        match self {
            Access::All => "anyone=cdrwa",
            Access::Read => "anyone=r",
            Access::User => "digest:u:p=cdrwa",
        }
    }

    pub fn permits_change(self, who: Who) -> bool {
        self == Access::All || (self == Access::User && who.is_user)
    }

    pub fn permits_read(self, who: Who) -> bool {
        self != Access::User || who.is_user
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    pub session: i64,
    /// Whether it has proved to be the user `u`.
    pub is_user: bool,
}

/// A request, as the model understands it.
#[derive(Clone, Debug)]
pub enum Ask {
    Create {
        path: String,
        data: String,
        ephemeral: bool,
        sequential: bool,
        access: Access,
    },
    Delete {
        path: String,
        version: i32,
    },
    SetData {
        path: String,
        data: String,
        version: i32,
    },
    SetAcl {
        path: String,
        access: Access,
        version: i32,
    },
    Check {
        path: String,
        version: i32,
    },
    Multi(Vec<Ask>),
    CloseSession,
    Exists {
        path: String,
        watch: bool,
    },
    GetData {
        path: String,
        watch: bool,
    },
    GetChildren {
        path: String,
        watch: bool,
    },
    GetEphemerals,
    Sync,
    Ping,
    AddWatch {
        path: String,
        recursive: bool,
    },
    RemoveWatches {
        path: String,
    },
    SetWatches {
        since: i64,
        path: String,
    },
    /// With a body that is cut short.
    Undecodable(&'static str),
}

impl Ask {
    pub fn is_write(&self) -> bool {
        match self {
            Ask::Create { .. }
            | Ask::Delete { .. }
            | Ask::SetData { .. }
            | Ask::SetAcl { .. }
            | Ask::Check { .. }
            | Ask::Multi(_)
            | Ask::CloseSession => true,
            // Only this one takes a place in the order.
            Ask::Undecodable(op) => *op == "multi",
            _ => false,
        }
    }

    /// In the words of `command`.
    pub fn line(&self) -> String {
        let watched = |watch: bool| if watch { " watch" } else { "" };
        match self {
            Ask::Create { path, data, ephemeral, sequential, access } => {
                let ephemeral = if *ephemeral { " ephemeral" } else { "" };
                let sequential = if *sequential { " sequential" } else { "" };
                let acl = access.words();
                format!("create2 {path} \"{data}\"{ephemeral}{sequential} acl={acl}")
            }
            Ask::Delete { path, version } => format!("delete {path} version={version}"),
            Ask::SetData { path, data, version } => {
                format!("setData {path} \"{data}\" version={version}")
            }
            Ask::SetAcl { path, access, version } => {
                format!("setACL {path} acl={} version={version}", access.words())
            }
            Ask::Check { path, version } => format!("check {path} version={version}"),
            Ask::Multi(parts) => {
                let parts: Vec<String> = parts.iter().map(Ask::line).collect();
                format!("multi {}", parts.join(" ; "))
            }
            Ask::CloseSession => "closeSession".into(),
            Ask::Exists { path, watch } => format!("exists {path}{}", watched(*watch)),
            Ask::GetData { path, watch } => format!("getData {path}{}", watched(*watch)),
            Ask::GetChildren { path, watch } => format!("getChildren2 {path}{}", watched(*watch)),
            Ask::GetEphemerals => "getEphemerals".into(),
            Ask::Sync => "sync /any".into(),
            Ask::Ping => "ping".into(),
            Ask::AddWatch { path, recursive: true } => format!("addWatch {path} recursive"),
            Ask::AddWatch { path, .. } => format!("addWatch {path} persistent"),
            Ask::RemoveWatches { path } => format!("removeWatches {path} any"),
            Ask::SetWatches { since, path } => {
                format!("setWatches since={since} data={path} exist={path} child={path}")
            }
            Ask::Undecodable(op) => format!("{op} …"),
        }
    }
}

/// Draws requests.
pub struct Draw<'p>(pub &'p mut Prng);

impl Draw<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(u64::try_from(bound).unwrap())).unwrap()
    }

    fn path(&mut self) -> String {
        PATHS[self.below(PATHS.len())].into()
    }

    fn version(&mut self) -> i32 {
        [-1, -1, 0, 1][self.below(4)]
    }

    fn access(&mut self) -> Access {
        [Access::All, Access::All, Access::All, Access::Read, Access::User][self.below(5)]
    }

    /// Anything at all, from a client that has seen the state `seen`.
    pub fn ask(&mut self, seen: i64) -> Ask {
        let (path, watch) = (self.path(), self.0.one_in(2));
        match self.below(40) {
            0..12 => self.part(path),
            12..15 => {
                let count = self.below(4);
                Ask::Multi((0..count).map(|_| self.part_of_multi()).collect())
            }
            // Takes somebody's place.
            38 => {
                let delete = Ask::Delete { path: path.clone(), version: -1 };
                let (data, access) = (String::from("mine"), Access::All);
                let create = Ask::Create { path, data, ephemeral: true, sequential: false, access };
                Ask::Multi(vec![delete, create])
            }
            // The root's list would end the test's world.
            15 if path != "/" => {
                Ask::SetAcl { path, access: self.access(), version: self.version() }
            }
            16..20 => Ask::Exists { path, watch },
            20..25 => Ask::GetData { path, watch },
            25..29 => Ask::GetChildren { path, watch },
            29 => Ask::GetEphemerals,
            30 => Ask::Sync,
            31..33 => Ask::Ping,
            33 => Ask::AddWatch { path, recursive: watch },
            34 => Ask::RemoveWatches { path },
            35 => Ask::SetWatches { since: seen, path },
            36 => Ask::Undecodable(["create", "getData", "multi", "addWatch"][self.below(4)]),
            37 if self.0.one_in(3) => Ask::CloseSession,
            _ => Ask::GetData { path, watch },
        }
    }

    fn part_of_multi(&mut self) -> Ask {
        let (path, version) = (self.path(), self.version());
        if self.0.one_in(5) { Ask::Check { path, version } } else { self.part(path) }
    }

    /// A write that may stand in a multi, and by itself.
    fn part(&mut self, path: String) -> Ask {
        let version = self.version();
        let data = format!("{}", self.0.below(1000));
        match self.below(8) {
            0..3 => {
                let (ephemeral, sequential) = (self.0.one_in(2), self.0.one_in(6));
                Ask::Create { path, data, ephemeral, sequential, access: self.access() }
            }
            3..5 => Ask::SetData { path, data, version },
            _ => Ask::Delete { path, version },
        }
    }
}
