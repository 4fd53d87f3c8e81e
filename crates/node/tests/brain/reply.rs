//! What a server sends, in words: one line a frame.

use std::fmt::Write;

use base::SessionId;
use wire::{
    Acl, ClientInfo, ConnectResponse, ErrorCode, Limits, MultiResult, OpCode, Reader, ReplyHeader,
    Stat, Text, WatcherEvent, read_results, session_password,
};

use crate::world::WALL_START_MS;

/// Gives a session its name in a script.
pub type SessionName<'n> = &'n dyn Fn(i64) -> String;

/// The answer to a handshake.
pub fn handshake(payload: &[u8], name: SessionName<'_>) -> String {
    let response = ConnectResponse::decode(payload, Limits::default()).unwrap();
    let ConnectResponse { timeout_ms, session, read_only, .. } = response;
    if session == SessionId::NONE {
        assert_eq!((timeout_ms, response.password), (0, [0; 16]));
        return "connected: no such session".into();
    }
    assert_eq!(response.password, session_password(session));
    let old = if read_only.is_none() { ", as an old client" } else { "" };
    format!("connected: {} for {timeout_ms} ms{old}", name(session.0))
}

/// An event; `None` for any other frame.
pub fn event(payload: &[u8]) -> Option<String> {
    let mut input = Reader::new(payload, Limits::default());
    let header: ReplyHeader = input.read().unwrap();
    if header.xid != ReplyHeader::NOTIFICATION_XID {
        return None;
    }
    let event: WatcherEvent<'_> = input.read().unwrap();
    assert_eq!((event.state, header.err, input.rest()), (3, 0, &[][..]));
    let kind = ["", "NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged"]
        [usize::try_from(event.event_type).unwrap()];
    Some(format!("event {kind} {} @{}", event.path, header.zxid.0))
}

/// The reply to an `op`: `#xid @zxid` and what it says.
pub fn reply(payload: &[u8], op: OpCode, name: SessionName<'_>) -> String {
    let mut input = Reader::new(payload, Limits::default());
    let header: ReplyHeader = input.read().unwrap();
    let mut line = format!("#{} @{} ", header.xid, header.zxid.0);
    if header.err == 0 {
        line += "ok";
        show_body(&mut input, op, name, &mut line);
    } else {
        line += error(header.err);
        if op == OpCode::MultiRead && !input.rest().is_empty() {
            show_results(&mut input, name, &mut line);
        }
    }
    assert!(input.rest().is_empty(), "bytes are left behind {line}");
    line
}

pub fn error(code: i32) -> &'static str {
    match ErrorCode::from_code(code) {
        Some(code) => code.name(),
        None => "unknown error",
    }
}

fn show_body(input: &mut Reader<'_>, op: OpCode, name: SessionName<'_>, line: &mut String) {
    match op {
        OpCode::Create => show_path(input, line),
        OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            show_path(input, line);
            show_stat(input, name, line);
        }
        OpCode::Sync => show_path(input, line),
        OpCode::Exists | OpCode::SetData | OpCode::SetAcl => show_stat(input, name, line),
        OpCode::GetData => {
            show_data(input.buffer().unwrap(), line);
            show_stat(input, name, line);
        }
        OpCode::GetAcl => {
            show_acl(&input.read::<Vec<Acl<'_>>>().unwrap(), line);
            show_stat(input, name, line);
        }
        OpCode::GetChildren | OpCode::GetEphemerals => show_names(input.read().unwrap(), line),
        OpCode::GetChildren2 => {
            show_names(input.read().unwrap(), line);
            show_stat(input, name, line);
        }
        OpCode::GetAllChildrenNumber => write!(line, " {}", input.read::<i32>().unwrap()).unwrap(),
        OpCode::AddWatch => assert_eq!(input.read::<i32>().unwrap(), 0),
        OpCode::WhoAmI => {
            for who in input.read::<Vec<ClientInfo<'_>>>().unwrap() {
                write!(line, " {}:{}", who.auth_scheme, who.user).unwrap();
            }
        }
        OpCode::Multi | OpCode::MultiRead => show_results(input, name, line),
        _ => {}
    }
}

fn show_path(input: &mut Reader<'_>, line: &mut String) {
    write!(line, " {}", input.read::<Text<'_>>().unwrap()).unwrap();
}

fn show_data(data: Option<&[u8]>, line: &mut String) {
    match data {
        None => line.push_str(" null"),
        Some(data) => write!(line, " \"{}\"", String::from_utf8_lossy(data)).unwrap(),
    }
}

/// Names come in no order.
fn show_names(mut names: Vec<Text<'_>>, line: &mut String) {
    names.sort();
    write!(line, " [{}]", names.join(" ")).unwrap();
}

fn show_acl(list: &[Acl<'_>], line: &mut String) {
    for Acl { perms, id } in list {
        let letters = "rwcda".chars().enumerate();
        let letters: String =
            letters.filter(|(bit, _)| perms & 1 << bit != 0).map(|(_, letter)| letter).collect();
        write!(line, " {}:{}={letters}", id.scheme(), id.name()).unwrap();
    }
}

fn show_stat(input: &mut Reader<'_>, name: SessionName<'_>, line: &mut String) {
    let stat: Stat = input.read().unwrap();
    show_stat_of(&stat, name, line);
}

/// Only what is not zero; times as since the start.
pub fn show_stat_of(stat: &Stat, name: SessionName<'_>, line: &mut String) {
    let since = |wall_ms: i64| if wall_ms == 0 { 0 } else { wall_ms - WALL_START_MS };
    let fields = [
        ("czxid", stat.czxid.0),
        ("mzxid", stat.mzxid.0),
        ("pzxid", stat.pzxid.0),
        ("ctime", since(stat.ctime)),
        ("mtime", since(stat.mtime)),
        ("version", stat.version.into()),
        ("cversion", stat.cversion.into()),
        ("aversion", stat.aversion.into()),
        ("length", stat.data_length.into()),
        ("children", stat.num_children.into()),
    ];
    let shown = fields.iter().filter(|(_, value)| *value != 0);
    let mut shown: Vec<String> = shown.map(|(key, value)| format!("{key}={value}")).collect();
    if stat.ephemeral_owner != 0 {
        shown.push(format!("owner={}", name(stat.ephemeral_owner)));
    }
    write!(line, " {{{}}}", shown.join(" ")).unwrap();
}

fn show_results(input: &mut Reader<'_>, name: SessionName<'_>, line: &mut String) {
    let results = read_results(input).unwrap();
    if results.is_empty() {
        line.push_str("; no results");
    }
    for result in results {
        line.push_str("; ");
        match result {
            MultiResult::Create(path) => write!(line, "create {path}").unwrap(),
            MultiResult::Create2(path, stat) => {
                write!(line, "create2 {path}").unwrap();
                show_stat_of(&stat, name, line);
            }
            MultiResult::Delete => line.push_str("delete"),
            MultiResult::SetData(stat) => {
                line.push_str("setData");
                show_stat_of(&stat, name, line);
            }
            MultiResult::Check => line.push_str("check"),
            MultiResult::Children(names) => {
                line.push_str("getChildren");
                show_names(names, line);
            }
            MultiResult::Data(data, stat) => {
                line.push_str("getData");
                show_data(data, line);
                show_stat_of(&stat, name, line);
            }
            MultiResult::Error(0) => line.push_str("undone"),
            MultiResult::Error(code) => line.push_str(error(code)),
        }
    }
}
