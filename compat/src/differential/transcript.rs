//! What a server said, in words that are equal where two servers behave alike: sessions by their order, times away,
//! sets sorted.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base::{SessionId, Zxid};
use wire::{
    Acl, Buffer, ClientInfo, ConnectResponse, DecodeError, MultiResult, OpCode, Reader, Stat, Text,
    read_results, session_password,
};

use crate::client::{self, Frame, reader};

/// Data longer than this is told by its length and a sum.
const SHOWN_BYTES: usize = 48;
/// How long a run may last: times of nodes lie between its start and this, in milliseconds.
const RUN_MS_MAX: i64 = 24 * 3600 * 1000;
/// How far the clocks of the servers' threads may be behind ours.
const CLOCK_SLACK_MS: i64 = 10_000;

/// Something that a server said or did.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The connection on which it was seen.
    pub slot: usize,
    /// What is compared.
    pub text: String,
    /// What is made of it.
    pub fact: Fact,
}

/// The parts of what was seen that generator and coverage go by.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The answer to a request of the step.
    Reply {
        /// Its place within the step.
        request: usize,
        /// The state it shows.
        zxid: Zxid,
        /// The error code.
        err: i32,
        /// What follows the header.
        body: Vec<u8>,
    },
    /// A notification, and the transaction that caused it.
    Event(Zxid),
    /// A handshake that gave a session.
    Connected,
    /// The end of the connection.
    Closed,
    /// Anything else.
    Other,
}

/// What one server's answers have to be seen against.
#[derive(Debug)]
pub struct Context {
    /// The sessions in the order in which they were given.
    pub sessions: Vec<SessionId>,
    started_ms: i64,
}

impl Default for Context {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Context {
            sessions: Vec::new(),
            started_ms: since
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }
}

impl Context {
    /// The place of a session in the order, which a new one is added to.
    pub fn session_index(&mut self, session: SessionId) -> usize {
        if let Some(index) = self.sessions.iter().position(|known| *known == session) {
            return index;
        }
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// A handshake's answer.
    pub fn tell_handshake(&mut self, answer: Option<&ConnectResponse>) -> String {
        let Some(answer) = answer else {
            return "hung up at the handshake".into();
        };
        let ConnectResponse { protocol_version, timeout_ms, session, password, read_only } = answer;
        let end =
            format!("timeout={timeout_ms} readOnly={read_only:?} protocol={protocol_version}");
        if *session == SessionId::NONE {
            return format!("no session, password={password:02x?} {end}");
        }
        let index = self.session_index(*session);
        let password = if *password == session_password(*session) { "right" } else { "wrong" };
        let server = session.0 >> 56;
        format!("session {index} of server {server}, password={password} {end}")
    }

    /// A notification.
    #[must_use]
    pub fn tell_event(&self, frame: &Frame) -> String {
        let header = frame.header;
        match client::event(frame) {
            Ok(event) => format!(
                "event {} of {:?} zxid={} state={} err={}",
                event_name(event.event_type),
                event.path,
                header.zxid.0,
                event.state,
                header.err
            ),
            Err(_) => format!("event zxid={} {:02x?}", header.zxid.0, frame.body),
        }
    }

    /// The answer to an operation.
    #[must_use]
    pub fn tell_reply(&self, op: i32, frame: &Frame) -> String {
        let header = frame.header;
        let mut text = format!(
            "reply to {} ({}) zxid={} err={}",
            header.xid,
            OpCode::from_code(op).map_or_else(|| op.to_string(), |op| format!("{op:?}")),
            header.zxid.0,
            header.err
        );
        let mut teller = Teller { context: self, input: reader(&frame.body), text: &mut text };
        let told = teller.body(op);
        let rest = teller.input.rest();
        if told.is_err() || !rest.is_empty() {
            // With an error there is no body, and whatever else is there is shown as it is.
            if !(frame.body.is_empty() && header.err != 0) {
                let _ = write!(text, " and bytes {:02x?}", frame.body);
            }
        }
        text
    }

    /// A node as a client sees it.
    #[must_use]
    pub fn tell_node(&self, node: &super::tree::Seen) -> String {
        format!("data={}{}{}", node.data, node.acl, self.stat(&node.stat))
    }

    fn time(&self, ms: i64) -> String {
        let run = self.started_ms - CLOCK_SLACK_MS..self.started_ms + RUN_MS_MAX;
        if run.contains(&ms) { "now".into() } else { ms.to_string() }
    }

    fn owner(&self, owner: i64) -> String {
        let known = self.sessions.iter().position(|known| known.0 == owner);
        known.map_or_else(|| format!("{owner:#x}"), |index| format!("session {index}"))
    }

    fn stat(&self, stat: &Stat) -> String {
        format!(
            " stat[c={} m={} p={} ctime={} mtime={} v={} cv={} av={} owner={} len={} children={}]",
            stat.czxid.0,
            stat.mzxid.0,
            stat.pzxid.0,
            self.time(stat.ctime),
            self.time(stat.mtime),
            stat.version,
            stat.cversion,
            stat.aversion,
            self.owner(stat.ephemeral_owner),
            stat.data_length,
            stat.num_children
        )
    }
}

fn event_name(kind: i32) -> String {
    match kind {
        1 => "NodeCreated".into(),
        2 => "NodeDeleted".into(),
        3 => "NodeDataChanged".into(),
        4 => "NodeChildrenChanged".into(),
        other => format!("type {other}"),
    }
}

/// Bytes in a line.
#[must_use]
pub fn data(data: Buffer<'_>) -> String {
    match data {
        None => "null".into(),
        Some(bytes) if bytes.len() <= SHOWN_BYTES => format!("\"{}\"", bytes.escape_ascii()),
        Some(bytes) => {
            let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
            });
            format!("{} bytes of sum {sum:016x}", bytes.len())
        }
    }
}

fn sorted(names: Vec<Text<'_>>) -> String {
    let mut names = names;
    names.sort_unstable();
    format!(" {names:?}")
}

/// An ACL in its order. Only what `auth` stands for has none: identities with equal permissions.
#[must_use]
pub fn acl(list: &[Acl<'_>]) -> String {
    let mut list: Vec<&Acl<'_>> = list.iter().collect();
    for run in list.chunk_by_mut(|a, b| a.perms == b.perms && a.id.scheme() == b.id.scheme()) {
        run.sort_by(|a, b| a.id.name().cmp(b.id.name()));
    }
    let entries = list
        .iter()
        .map(|entry| format!("{}:{}:{}", entry.id.scheme(), entry.id.name(), entry.perms));
    format!(" acl={:?}", entries.collect::<Vec<_>>())
}

/// Reads a reply's body and appends its words.
struct Teller<'a> {
    context: &'a Context,
    input: Reader<'a>,
    text: &'a mut String,
}

impl Teller<'_> {
    fn body(&mut self, op: i32) -> Result<(), DecodeError> {
        match OpCode::from_code(op) {
            Some(OpCode::Create | OpCode::Sync) => self.path(),
            Some(OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl) => {
                self.path()?;
                self.stat()
            }
            Some(OpCode::Exists | OpCode::SetData | OpCode::SetAcl) => self.stat(),
            Some(OpCode::GetData | OpCode::Reconfig) => {
                self.data()?;
                self.stat()
            }
            Some(OpCode::GetAcl) => self.acl(),
            Some(OpCode::GetChildren | OpCode::GetEphemerals) => self.names(),
            Some(OpCode::GetChildren2) => {
                self.names()?;
                self.stat()
            }
            Some(OpCode::GetAllChildrenNumber | OpCode::AddWatch) => self.number(),
            Some(OpCode::Sasl) => self.data(),
            Some(OpCode::WhoAmI) => self.identities(),
            Some(OpCode::Multi | OpCode::MultiRead) => self.results(),
            _ => Ok(()),
        }
    }

    fn path(&mut self) -> Result<(), DecodeError> {
        let path: Text<'_> = self.input.read()?;
        let _ = write!(self.text, " {path:?}");
        Ok(())
    }

    fn stat(&mut self) -> Result<(), DecodeError> {
        let stat = self.input.read()?;
        self.text.push_str(&self.context.stat(&stat));
        Ok(())
    }

    fn data(&mut self) -> Result<(), DecodeError> {
        let bytes: Buffer<'_> = self.input.read()?;
        let _ = write!(self.text, " data={}", data(bytes));
        Ok(())
    }

    fn number(&mut self) -> Result<(), DecodeError> {
        let number: i32 = self.input.read()?;
        let _ = write!(self.text, " {number}");
        Ok(())
    }

    fn names(&mut self) -> Result<(), DecodeError> {
        let names = self.input.read()?;
        self.text.push_str(&sorted(names));
        Ok(())
    }

    fn acl(&mut self) -> Result<(), DecodeError> {
        let list: Vec<Acl<'_>> = self.input.read()?;
        self.text.push_str(&acl(&list));
        self.stat()
    }

    fn identities(&mut self) -> Result<(), DecodeError> {
        let identities: Vec<ClientInfo<'_>> = self.input.read()?;
        let mut names: Vec<String> =
            identities.iter().map(|info| format!("{}:{}", info.auth_scheme, info.user)).collect();
        names.sort_unstable();
        let _ = write!(self.text, " {names:?}");
        Ok(())
    }

    fn results(&mut self) -> Result<(), DecodeError> {
        for result in read_results(&mut self.input)? {
            let words = match result {
                MultiResult::Create(path) => format!("create {path:?}"),
                MultiResult::Create2(path, stat) => {
                    format!("create2 {path:?}{}", self.context.stat(&stat))
                }
                MultiResult::Delete => "delete".into(),
                MultiResult::SetData(stat) => format!("setData{}", self.context.stat(&stat)),
                MultiResult::Check => "check".into(),
                MultiResult::Children(names) => format!("children{}", sorted(names)),
                MultiResult::Data(bytes, stat) => {
                    format!("data={}{}", data(bytes), self.context.stat(&stat))
                }
                MultiResult::Error(code) => format!("error {code}"),
            };
            let _ = write!(self.text, " ({words})");
        }
        Ok(())
    }
}
