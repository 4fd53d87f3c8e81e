//! The words of a script's client commands, and the requests that they stand for.
//!
//! `create /a "x" ephemeral acl=anyone=r` and the like: operation, path, then words in any order.

use tree::DigestScheme;
use wire::{
    Acl, AddWatchMode, AddWatchRequest, CheckVersionRequest, CheckWatchesRequest, CreateRequest,
    DeleteRequest, Id, MultiHeader, OpCode, PathRequest, Perms, ReconfigRequest, Record,
    SetAclRequest, SetDataRequest, SetWatchesRequest, Text, WatchRequest, WatchedKind,
    WriteRequest,
};

use base::Zxid;

/// What follows the operation: words, some of them `key=value`.
#[derive(Clone, Copy)]
pub struct Words<'s>(&'s [&'s str]);

impl<'s> Words<'s> {
    pub fn new(words: &'s [&'s str]) -> Words<'s> {
        Words(words)
    }

    pub fn at(&self, index: usize) -> &'s str {
        self.0.get(index).unwrap_or_else(|| panic!("word {index} is missing in {:?}", self.0))
    }

    pub fn path(&self) -> Text<'s> {
        self.at(0).into()
    }

    pub fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    pub fn value(&self, key: &str) -> Option<&'s str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    pub fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        let parse = |text: &str| text.parse().unwrap_or_else(|_| panic!("{key}={text}"));
        self.value(key).map(parse)
    }

    /// The data: the first word in quotes.
    fn data(&self) -> Option<&'s [u8]> {
        let quoted = |word: &'s str| word.strip_prefix('"')?.strip_suffix('"');
        self.0.iter().copied().find_map(quoted).map(str::as_bytes)
    }

    fn version(&self) -> i32 {
        self.number("version").unwrap_or(-1)
    }

    fn paths(&self, key: &str) -> Vec<Text<'s>> {
        self.value(key).map(|list| list.split(',').map(Text::from).collect()).unwrap_or_default()
    }
}

/// The operation that a word names.
pub fn op(word: &str) -> OpCode {
    let named = |op: &&OpCode| format!("{op:?}").eq_ignore_ascii_case(word);
    *OpCode::ALL.iter().find(named).unwrap_or_else(|| panic!("{word} is no operation"))
}

/// The body of the request that the words describe.
pub fn body(op: OpCode, words: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    let args = Words::new(words);
    match op {
        OpCode::Multi | OpCode::MultiRead => multi(words, &mut out),
        _ if op.is_write() || op == OpCode::Check => write(op, args).write(&mut out),
        _ => write_read(op, args, &mut out),
    }
    out
}

fn multi(words: &[&str], out: &mut Vec<u8>) {
    for part in words.split(|word| *word == ";").filter(|part| !part.is_empty()) {
        let part_op = op(part[0]);
        MultiHeader { op: part_op.code(), done: false, err: -1 }.write(out);
        out.extend(body(part_op, &part[1..]));
    }
    MultiHeader { op: -1, done: true, err: -1 }.write(out);
}

fn write(op: OpCode, args: Words<'_>) -> WriteRequest<'_> {
    match op {
        OpCode::Delete => {
            WriteRequest::Delete(DeleteRequest { path: args.path(), version: args.version() })
        }
        OpCode::DeleteContainer => WriteRequest::DeleteContainer(PathRequest { path: args.path() }),
        OpCode::SetData => WriteRequest::SetData(SetDataRequest {
            path: args.path(),
            data: args.data(),
            version: args.version(),
        }),
        OpCode::SetAcl => WriteRequest::SetAcl(SetAclRequest {
            path: args.path(),
            acl: args.value("acl").map(acl),
            version: args.version(),
        }),
        OpCode::Check => {
            WriteRequest::Check(CheckVersionRequest { path: args.path(), version: args.version() })
        }
        OpCode::Reconfig => WriteRequest::Reconfig(ReconfigRequest {
            joining_servers: Some(args.path()),
            leaving_servers: None,
            new_members: None,
            config_id: -1,
        }),
        OpCode::CloseSession => WriteRequest::CloseSession,
        _ => WriteRequest::Create(create(op, args)),
    }
}

fn create(op: OpCode, args: Words<'_>) -> CreateRequest<'_> {
    let flags = i32::from(args.has("ephemeral")) + 2 * i32::from(args.has("sequential"));
    let flags = match op {
        OpCode::CreateContainer => 4,
        OpCode::CreateTtl => 5 + i32::from(args.has("sequential")),
        _ => flags,
    };
    CreateRequest {
        op,
        path: args.path(),
        data: args.data(),
        acl: acl_or_open(args),
        flags: args.number("flags").unwrap_or(flags),
        ttl_ms: args.number("ttl").unwrap_or(0),
    }
}

fn acl_or_open(args: Words<'_>) -> Option<Vec<Acl<'static>>> {
    match args.value("acl") {
        None => Some(vec![Acl::world(Perms::ALL)]),
        Some("null") => None,
        Some(list) => Some(acl(list)),
    }
}

/// `anyone=r,digest:u:p=cdrwa`: a password is hashed as its owner's identity is.
fn acl(list: &str) -> Vec<Acl<'static>> {
    let entry = |text: &str| {
        let (who, perms) = text.rsplit_once('=').unwrap();
        let perms = perms.chars().map(|letter| 1 << "rwcda".find(letter).unwrap()).sum();
        let id = match who.split_once(':') {
            None if who == "anyone" => Id::new("world", "anyone"),
            None => Id::new(who.to_owned(), ""),
            Some(("digest", name)) if name.contains(':') => {
                Id::new("digest", DigestScheme::default().identity(name))
            }
            Some((scheme, name)) => Id::new(scheme.to_owned(), name.to_owned()),
        };
        Acl { perms, id }
    };
    list.split(',').filter(|text| !text.is_empty()).map(entry).collect()
}

fn write_read(op: OpCode, args: Words<'_>, out: &mut Vec<u8>) {
    match op {
        OpCode::Ping | OpCode::WhoAmI => {}
        OpCode::Sync | OpCode::GetAcl | OpCode::GetAllChildrenNumber => args.path().write(out),
        OpCode::GetEphemerals => args.0.first().map(|path| Text::from(*path)).write(out),
        OpCode::AddWatch => {
            let recursive = args.has("recursive");
            let mode = match recursive {
                true => AddWatchMode::PersistentRecursive,
                false => AddWatchMode::Persistent,
            };
            AddWatchRequest { path: args.path(), mode }.write(out);
        }
        OpCode::CheckWatches | OpCode::RemoveWatches => {
            CheckWatchesRequest { path: args.path(), kind: watched(args.at(1)) }.write(out);
        }
        OpCode::SetWatches | OpCode::SetWatches2 => {
            let set = SetWatchesRequest {
                relative_zxid: Zxid(args.number("since").unwrap()),
                data: args.paths("data"),
                exist: args.paths("exist"),
                child: args.paths("child"),
                persistent: args.paths("persistent"),
                persistent_recursive: args.paths("recursive"),
            };
            set.write(op, out);
        }
        _ => WatchRequest { path: args.path(), watch: args.has("watch") }.write(out),
    }
}

fn watched(word: &str) -> WatchedKind {
    match word {
        "children" => WatchedKind::Children,
        "data" => WatchedKind::Data,
        "any" => WatchedKind::Any,
        "persistent" => WatchedKind::Persistent,
        "recursive" => WatchedKind::PersistentRecursive,
        _ => panic!("{word} is no kind of watch"),
    }
}
