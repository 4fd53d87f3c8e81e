use std::fmt::{self, Write};
use std::net::SocketAddr;

use base::{SessionId, Zxid};
use wire::OpCode;

use super::address::JavaAddress;
use super::server::{ServerView, write_head, write_state};
use super::text::Text;

/// What `cons` and `stat` show of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// The client.
    pub remote: SocketAddr,
    /// What the server waits for on the socket: 1 to read, 4 to write, 0 for nothing (the
    /// connection that asks).
    pub interest_ops: u32,
    /// Requests received and not yet answered.
    pub queued: u64,
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// None before the handshake.
    pub session: Option<SessionView>,
}

/// What `cons` shows of a connection that has a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// The last request; none before the first.
    pub last_operation: Option<OpCode>,
    /// When the connection came, in ms since 1970.
    pub established_ms: i64,
    /// The negotiated timeout in ms.
    pub timeout_ms: i64,
    /// The client's number of the last request; none before the first.
    pub last_cxid: Option<i64>,
    /// The last transaction that the client was told of; -1 before the first.
    pub last_zxid: Zxid,
    /// When the last response was sent, in ms of the clock that never jumps.
    pub last_response_ms: i64,
    /// Of the last request.
    pub last_latency_ms: u64,
    /// The least.
    pub min_latency_ms: u64,
    /// The average, rounded down.
    pub avg_latency_ms: u64,
    /// The greatest.
    pub max_latency_ms: u64,
}

/// `cons`: all connections, plain and TLS.
///
/// # Errors
/// The text is full.
pub fn cons(out: &mut Text, connections: impl IntoIterator<Item = ConnectionView>) -> fmt::Result {
    for connection in connections {
        write_brief(out, &connection)?;
        connection.session.iter().try_for_each(|session| write_session(out, session))?;
        writeln!(out, ")")?;
    }
    writeln!(out)
}

/// `stat`: the state of the server, and its connections in short.
///
/// # Errors
/// The text is full.
pub fn stat(
    out: &mut Text,
    server: &ServerView<'_>,
    connections: impl IntoIterator<Item = ConnectionView>,
) -> fmt::Result {
    write_head(out, server)?;
    writeln!(out, "Clients:")?;
    for connection in connections {
        write_brief(out, &connection)?;
        writeln!(out, ")")?;
    }
    writeln!(out)?;
    write_state(out, server)
}

fn write_brief(out: &mut Text, connection: &ConnectionView) -> fmt::Result {
    let ConnectionView { interest_ops, queued, received, sent, .. } = connection;
    write!(out, " {}[{interest_ops:x}]", JavaAddress(connection.remote))?;
    write!(out, "(queued={queued},recved={received},sent={sent}")
}

fn write_session(out: &mut Text, session: &SessionView) -> fmt::Result {
    let last_operation = session.last_operation.map_or("NA", OpCode::letters);
    write!(out, ",sid={},lop={last_operation}", session.id)?;
    write!(out, ",est={},to={}", session.established_ms, session.timeout_ms)?;
    if let Some(cxid) = session.last_cxid {
        write!(out, ",lcxid=0x{cxid:x}")?;
    }
    write!(out, ",lzxid={},lresp={}", session.last_zxid, session.last_response_ms)?;
    write!(out, ",llat={},minlat={}", session.last_latency_ms, session.min_latency_ms)?;
    write!(out, ",avglat={},maxlat={}", session.avg_latency_ms, session.max_latency_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{LatencyView, Mode, answer};

    fn asking() -> ConnectionView {
        ConnectionView {
            remote: ([127, 0, 0, 1], 60514).into(),
            interest_ops: 0,
            queued: 0,
            received: 1,
            sent: 0,
            session: None,
        }
    }

    fn session() -> SessionView {
        SessionView {
            id: SessionId(0x0100_000c_4891_0001),
            last_operation: Some(OpCode::GetChildren),
            established_ms: 1_795_653_469_362,
            timeout_ms: 30000,
            last_cxid: Some(0x130),
            last_zxid: Zxid(0x135),
            last_response_ms: 861_505,
            last_latency_ms: 3,
            min_latency_ms: 0,
            avg_latency_ms: 0,
            max_latency_ms: 11,
        }
    }

    fn client(session: SessionView) -> ConnectionView {
        ConnectionView {
            remote: ([127, 0, 0, 1], 42438).into(),
            interest_ops: 1,
            queued: 0,
            received: 305,
            sent: 306,
            session: Some(session),
        }
    }

    #[test]
    fn cons_shows_what_each_session_did() {
        let text = answer(usize::MAX, |out| cons(out, [client(session()), asking()]));
        let expect = " /127.0.0.1:42438[1](queued=0,recved=305,sent=306,sid=0x100000c48910001,\
             lop=GETC,est=1795653469362,to=30000,lcxid=0x130,lzxid=0x135,lresp=861505,llat=3,\
             minlat=0,avglat=0,maxlat=11)\n /127.0.0.1:60514[0](queued=0,recved=1,sent=0)\n\n";
        assert_eq!(text, expect);
    }

    #[test]
    fn cons_after_a_reset_knows_neither_request_nor_zxid() {
        let reset = SessionView {
            last_operation: None,
            last_cxid: None,
            last_zxid: Zxid(-1),
            last_response_ms: 0,
            ..session()
        };
        let text = answer(usize::MAX, |out| cons(out, [client(reset)]));
        assert!(
            text.contains("lop=NA,est=1795653469362,to=30000,lzxid=0xffffffffffffffff,lresp=0")
        );
    }

    #[test]
    fn stat_shows_connections_in_short_between_version_and_state() {
        let server = ServerView {
            version: "3.9.5-x",
            mode: Mode::Standalone,
            latency: LatencyView::default(),
            received: 4,
            sent: 3,
            connections: 2,
            outstanding: 0,
            zxid: Zxid(0),
            node_count: 5,
            proposal_sizes: None,
        };
        let text = answer(usize::MAX, |out| stat(out, &server, [client(session()), asking()]));
        let expect = "Zookeeper version: 3.9.5-x\nClients:\n \
             /127.0.0.1:42438[1](queued=0,recved=305,sent=306)\n \
             /127.0.0.1:60514[0](queued=0,recved=1,sent=0)\n\n\
             Latency min/avg/max: 0/0.0/0\nReceived: 4\nSent: 3\nConnections: 2\n\
             Outstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n";
        assert_eq!(text, expect);
    }

    #[test]
    fn many_connections_do_not_make_an_endless_answer() {
        let text = answer(1000, |out| cons(out, std::iter::repeat_with(asking)));
        assert!(text.len() < 1100 && text.ends_with("The answer is cut at 1000 bytes.\n"));
    }
}
