//! Bodies of writes.

use wire::{
    Acl, CheckVersionRequest, CreateRequest, DeleteRequest, Id, MultiHeader, OpCode, PathRequest,
    Perms, ReconfigRequest, Record as _, SetAclRequest, SetDataRequest,
};

use super::generator::Generator;
use crate::client::encoded;

const ALICE: &str = "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=";
const BOB: &str = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=";

/// Names of nodes: plain ones, and valid ones that look odd.
const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "é", "x y", "...", ".a", "\u{a0}"];
/// Paths that are not valid, each in its own way.
const ODD_PATHS: [&str; 14] = [
    "",
    "a",
    "a/b",
    "/a/",
    "//",
    "/a//b",
    "/a/./b",
    "/..",
    "/a\0b",
    "/a/\u{1}",
    "/\u{e000}",
    "/\u{fff0}",
    "/\u{7f}b",
    "/😀",
];
/// Nodes that every server has.
const SYSTEM_PATHS: [&str; 5] =
    ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/quota/q"];
/// Limits that quotas are set to.
const LIMITS: [&str; 8] = [
    "count=-1,bytes=-1=;countHardLimit=3",
    "count=-1,bytes=-1=;byteHardLimit=30",
    "count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=5",
    "count=1,bytes=1=;byteHardLimit=0;countHardLimit=2",
    "count=3,bytes=20",
    "count=3,bytes=20=;byteHardLimit=-1;countHardLimit=-1",
    "count=10,bytes=-1",
    "count=2,bytes=10=;countHardLimit=6",
];

impl Generator {
    /// The body of a write.
    pub(super) fn write(&mut self, op: OpCode) -> Vec<u8> {
        match op {
            OpCode::Multi => self.multi(),
            OpCode::DeleteContainer => encoded(&PathRequest { path: self.doomed().into() }),
            OpCode::SetAcl => {
                let path = self.target();
                let aversion = self.model.node(&path).aversion;
                let acl = self.acl_for(&path);
                encoded(&SetAclRequest { path: path.into(), acl, version: self.version(aversion) })
            }
            OpCode::Reconfig => self.reconfig(),
            OpCode::CloseSession => Vec::new(),
            _ => {
                let mut body = Vec::new();
                self.simple(op, &mut body);
                body
            }
        }
    }

    /// Appends the body of a write that may stand within a multi.
    fn simple(&mut self, op: OpCode, body: &mut Vec<u8>) {
        match op {
            OpCode::Delete => {
                let path = self.doomed();
                let version = self.model.node(&path).version;
                DeleteRequest { path: path.into(), version: self.version(version) }.write(body);
            }
            OpCode::SetData => {
                let path = self.target();
                let version = self.model.node(&path).version;
                let data = self.data_for(&path);
                SetDataRequest {
                    path: path.into(),
                    data: data.as_deref(),
                    version: self.version(version),
                }
                .write(body);
            }
            OpCode::Check => {
                let path = if self.draw.chance(4) {
                    self.draw.one(&ODD_PATHS).into()
                } else {
                    self.target()
                };
                let version = self.model.node(&path).version;
                CheckVersionRequest { path: path.into(), version: self.version(version) }
                    .write(body);
            }
            _ => self.create(op, body),
        }
    }

    fn create(&mut self, op: OpCode, body: &mut Vec<u8>) {
        let (mut flags, ttl_ms) = self.mode(op);
        let mut path = self.birthplace();
        if path.starts_with("/zookeeper/") && matches!(flags, 1 | 3) {
            // A session's nodes go in no order: whether others still count when the limit goes would be chance.
            flags -= 1;
        }
        if matches!(flags, 2 | 3 | 6) && self.draw.chance(30) {
            // A name that is nothing but its number.
            path.truncate(path.rfind('/').map_or(0, |slash| slash + 1));
        }
        let data = self.data_for(&path);
        let acl = self.acl_for(&path);
        CreateRequest { op, path: path.into(), data: data.as_deref(), acl, flags, ttl_ms }
            .write(body);
    }

    fn multi(&mut self) -> Vec<u8> {
        const WITHIN: &[(u32, OpCode)] = &[
            (22, OpCode::Create),
            (14, OpCode::Create2),
            (8, OpCode::CreateContainer),
            (8, OpCode::CreateTtl),
            (20, OpCode::Delete),
            (20, OpCode::SetData),
            (22, OpCode::Check),
        ];
        let mut body = Vec::new();
        for _ in 0..self.draw.below(5) {
            let op = self.draw.weighted(WITHIN);
            // Now and then what may not stand there.
            let number = if self.draw.chance(2) {
                self.draw.one(&[3, 4, 7, 14, 20, 0, 99])
            } else {
                op.code()
            };
            MultiHeader { op: number, done: false, err: -1 }.write(&mut body);
            self.simple(op, &mut body);
        }
        MultiHeader { op: -1, done: true, err: -1 }.write(&mut body);
        body
    }

    fn reconfig(&mut self) -> Vec<u8> {
        let joining = self.draw.one(&[
            None,
            Some(""),
            Some("server.2=127.0.0.1:2888:3888;2181"),
            Some("nonsense"),
        ]);
        let leaving = self.draw.one(&[None, Some("1"), Some("x")]);
        encoded(&ReconfigRequest {
            joining_servers: joining.map(Into::into),
            leaving_servers: leaving.map(Into::into),
            new_members: None,
            config_id: self.draw.one(&[-1, 0, 7]),
        })
    }

    /// A node to look at or change: mostly one that exists.
    pub(super) fn target(&mut self) -> String {
        let draw = &mut self.draw;
        let found = match draw.below(100) {
            0..66 => self.model.any(draw),
            66..78 => self.model.restricted(draw),
            78..83 => return draw.one(&SYSTEM_PATHS).into(),
            83..87 => return draw.one(&ODD_PATHS).into(),
            87..89 => return self.quota_path(),
            89..92 => return draw.one(&["/q/n", "/q/b"]).into(),
            _ => return self.absent(),
        };
        found.unwrap_or("/none").into()
    }

    /// A node to delete: mostly one that can be.
    fn doomed(&mut self) -> String {
        let draw = &mut self.draw;
        let found = match draw.below(100) {
            0..58 => self.model.leaf(draw),
            58..74 => self.model.parent(draw),
            74..80 => self.model.ephemeral(draw),
            80..86 => {
                let parent = self.model.restricted(draw).unwrap_or("/none");
                return format!("{parent}/a");
            }
            86..90 => return draw.one(&SYSTEM_PATHS[..4]).into(),
            90..94 => return draw.one(&ODD_PATHS).into(),
            94..96 => return self.quota_path(),
            _ => return self.absent(),
        };
        found.unwrap_or("/none").into()
    }

    /// The name of a node to create: mostly one that can be.
    fn birthplace(&mut self) -> String {
        const DEPTH_MAX: usize = 5;
        let name = self.name();
        let draw = &mut self.draw;
        let parent = match draw.below(100) {
            0..12 => Some(""),
            12..64 => self.model.any(draw).filter(|path| path.matches('/').count() < DEPTH_MAX),
            64..70 => return self.model.any(draw).unwrap_or("/").into(),
            70..75 => return format!("{}/a", self.absent()),
            75..80 => self.model.ephemeral(draw),
            80..85 => self.model.restricted(draw),
            85..88 => return draw.one(&ODD_PATHS).into(),
            88..98 => Some(draw.one(&["/q/n", "/q/b"])),
            _ => return self.quota_path(),
        };
        format!("{}/{name}", parent.unwrap_or_default())
    }

    fn quota_path(&mut self) -> String {
        let folder = self.draw.one(&["", "/n", "/b"]);
        let leaf = self.draw.one(&["", "/zookeeper_limits", "/zookeeper_stats"]);
        format!("/zookeeper/quota/q{folder}{leaf}")
    }

    fn name(&mut self) -> String {
        let name = self.draw.one(&NAMES);
        if self.draw.chance(60) { format!("{name}{}", self.draw.below(40)) } else { name.into() }
    }

    /// A path at which there is nothing, as far as is known.
    fn absent(&mut self) -> String {
        let parent = self.model.any(&mut self.draw).unwrap_or_default();
        format!("{parent}/none")
    }

    fn version(&mut self, current: i32) -> i32 {
        match self.draw.below(100) {
            0..60 => -1,
            60..88 => current,
            88..96 => current + 1,
            _ => self.draw.one(&[-2, i32::MIN, i32::MAX]),
        }
    }

    /// Data that its place can bear: quota nodes hold text that is parsed.
    fn data_for(&mut self, path: &str) -> Option<Vec<u8>> {
        if path.ends_with("zookeeper_limits") {
            Some(self.draw.one(&LIMITS).into())
        } else if path.ends_with("zookeeper_stats") {
            Some(b"count=0,bytes=0".into())
        } else {
            self.draw.data()
        }
    }

    /// Flags and time to live of a create.
    fn mode(&mut self, op: OpCode) -> (i32, i64) {
        const FLAGS: &[(u32, i32)] = &[
            (44, 0),
            (16, 1),
            (14, 2),
            (12, 3),
            (3, 4),
            (5, 5),
            (4, 6),
            (3, 7),
            (1, -1),
            (2, 100),
        ];
        const CONTAINER_FLAGS: &[(u32, i32)] = &[(76, 4), (3, 0), (3, 1), (4, 2), (13, 5), (6, 7)];
        match op {
            OpCode::CreateContainer => (self.draw.weighted(CONTAINER_FLAGS), 0),
            OpCode::CreateTtl => match self.draw.below(100) {
                0..80 => (self.draw.one(&[5, 5, 6]), self.draw.one(&TTLS_MS)),
                80..90 => (
                    self.draw.one(&[5, 6]),
                    self.draw.one(&[0, -1, 0x100_0000_0000, i64::MIN, i64::MAX]),
                ),
                // With a negative ttl Apache ZooKeeper would accept these and then stop at them for ever.
                90..95 => (self.draw.one(&[0, 1, 2, 3, 4]), self.draw.one(&TTLS_MS)),
                _ => (self.draw.one(&[7, -1]), 1000),
            },
            _ => (self.draw.weighted(FLAGS), 0),
        }
    }

    /// Folders with quotas stay open, or their limits would seldom be met.
    fn acl_for(&mut self, path: &str) -> Option<Vec<Acl<'static>>> {
        if path.starts_with("/q") { Some(vec![Acl::world(Perms::ALL)]) } else { self.acl() }
    }

    fn acl(&mut self) -> Option<Vec<Acl<'static>>> {
        let open = || Acl::world(Perms::ALL);
        let of =
            |scheme: &'static str, id: &'static str, perms| Acl { perms, id: Id::new(scheme, id) };
        Some(match self.draw.below(100) {
            0..70 => vec![open()],
            70..72 => vec![open(), open(), of("digest", BOB, Perms::READ)],
            72..75 => vec![Acl::world(Perms::READ)],
            75..79 => vec![of("auth", "", Perms::ALL)],
            79..82 => vec![of("digest", ALICE, Perms::ALL), Acl::world(Perms::READ)],
            82..85 => vec![of("digest", BOB, Perms::ALL)],
            85..87 => vec![of("ip", "127.0.0.1", Perms::ALL)],
            87..88 => vec![of("ip", "127.0.0.0/8", Perms::ALL & !Perms::DELETE)],
            88..89 => vec![of("ip", "10.1.0.0/16", Perms::ALL)],
            89..90 => vec![Acl::world(self.draw.one(&[0, 32, -1, 31 | 64]))],
            90..91 => vec![of("digest", ALICE, Perms::ADMIN), Acl::world(Perms::CREATE)],
            91 => vec![],
            92 => return None,
            93 => vec![of("world", "somebody", Perms::ALL)],
            94 => vec![of("nosuch", "x", Perms::ALL)],
            95 => vec![of("digest", "nocolon", Perms::ALL)],
            96 => vec![of("ip", self.draw.one(&["1.2.3", "1.2.3.4/33", "x"]), 31)],
            97 => vec![open(), of(self.draw.one(&["sasl", "x509", "super"]), "x", 31)],
            98 => vec![Acl {
                perms: 31,
                id: Id {
                    scheme: self.draw.one(&[None, Some("world".into()), Some("auth".into())]),
                    id: None,
                },
            }],
            _ => vec![of("auth", "ignored", Perms::READ), open()],
        })
    }
}

/// Times to live, in milliseconds: far longer than a run.
const TTLS_MS: [i64; 3] = [10_000_000, 0xff_ffff_ffff, 86_400_000];

/// The body of a create of a plain node open to all.
pub(super) fn open_create(path: &str, data: &[u8]) -> Vec<u8> {
    crate::client::create_body(path, Some(data), wire::CreateMode::Persistent)
}
