//! How a connection gets its session, and how both end.

use alloc::vec::Vec;

use base::{Now, SessionId, Zxid};
use tree::{ConnId, Tree, Watches};
use wire::{ConnectResponse, OpCode, session_password};

use super::{Brain, Caller};
use crate::flight::Asked;
use crate::lane::{Ask, Queued};
use crate::replica::{Replica, WatchLock};
use crate::session::Handshake;
use crate::sink::Sink;

impl Brain {
    pub(super) fn connect<L: WatchLock>(
        &mut self,
        replica: &Replica<L>,
        now: Now,
        conn: ConnId,
        handshake: &Handshake,
        sink: &mut dyn Sink,
    ) {
        if handshake.last_zxid_seen > replica.tree.last_zxid() {
            // The client has seen a newer state than ours; it must find another server.
            self.end(conn, sink);
            return;
        }
        let timeout_ms = self.settings.sessions.negotiate(handshake.timeout_ms);
        if handshake.session == SessionId::NONE {
            self.create_session(&replica.tree, now, conn, timeout_ms);
            return;
        }
        let session = handshake.session;
        let alive = self.tracker.session(session).is_some_and(|tracked| !tracked.closing);
        if !(handshake.password_matches && alive) {
            let response = ConnectResponse::invalid(handshake.read_only.map(|_| false));
            sink.append(conn, &mut |out| write_connect_response(out, &response));
            self.end(conn, sink);
            return;
        }
        if let Some(old) = self.by_session.get(&session).copied() {
            self.end(old, sink);
            replica.watches.with(|watches| watches.remove_conn(old));
        }
        self.tracker.track(session, timeout_ms, now.mono_ms);
        self.renew(conn, session, sink);
    }

    /// The session has a new connection, which must see what was asked through the old one: whoever
    /// looks whether a write of unknown fate was carried out finds it now or never.
    fn renew(&mut self, conn: ConnId, session: SessionId, sink: &mut dyn Sink) {
        self.by_session.insert(session, conn);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session = session;
        }
        match self.flight.last_in_flight() {
            Some(last) => self.renewals.push_back((last, conn)),
            None => self.establish(conn, session, sink),
        }
    }

    /// Goes on with the renewals that waited for no more than `applied`.
    pub(super) fn renew_waiting(&mut self, applied: Zxid, sink: &mut dyn Sink) {
        while let Some((_, conn)) = self.renewals.pop_front_if(|(last, _)| *last <= applied) {
            let session = self.connections.get(&conn).map(|connection| connection.session);
            if let Some(session) = session {
                self.establish(conn, session, sink);
            }
        }
    }

    fn create_session(&mut self, tree: &Tree, now: Now, conn: ConnId, timeout_ms: i32) {
        let mut session = self.ids.next();
        while session == SessionId::NONE || self.tracker.session(session).is_some() {
            session = self.ids.next();
        }
        self.tracker.track(session, timeout_ms, now.mono_ms);
        let origin = self.origin(now, &Caller::server(session));
        let op = OpCode::CreateSession;
        let asked = Asked { conn, ask: Ask { xid: 0, op, bytes: 0, received_ms: now.mono_ms } };
        let overlay = &mut self.overlay;
        self.flight.add(Some(asked), |out| {
            overlay.prepare_session(tree, &origin, timeout_ms, out);
        });
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.lane.push(Queued::Write, &mut self.backlog);
        }
    }

    /// The handshake ends well: the client gets its session, the connection its requests.
    pub(super) fn establish(&mut self, conn: ConnId, session: SessionId, sink: &mut dyn Sink) {
        let timeout_ms = self.tracker.session(session).map_or(0, |tracked| tracked.timeout_ms);
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.session = session;
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms,
            session,
            password: session_password(session),
            read_only: connection.read_only,
        };
        self.by_session.insert(session, conn);
        sink.append(conn, &mut |out| write_connect_response(out, &response));
        sink.established(conn, session, timeout_ms);
        connection.gate.leave();
    }

    /// Ends a connection from our side.
    pub(super) fn end(&mut self, conn: ConnId, sink: &mut dyn Sink) {
        self.disconnect(conn, sink);
        sink.close(conn);
    }

    /// Forgets a connection. Its session lives on, its timeout counted from what was heard last.
    pub(super) fn disconnect(&mut self, conn: ConnId, sink: &dyn Sink) {
        let Some(mut connection) = self.connections.remove(&conn) else {
            return;
        };
        connection.lane.clear(&mut self.backlog);
        if self.by_session.get(&connection.session) == Some(&conn) {
            self.by_session.remove(&connection.session);
            if let Some(heard_ms) = sink.heard_ms(conn) {
                self.tracker.touch(connection.session, heard_ms);
            }
        }
    }

    /// A session is gone: so is its connection, unless it asked for this and gets its answer first.
    pub(super) fn session_ended(
        &mut self,
        session: SessionId,
        asked: Option<Asked>,
        watches: &mut Watches,
        sink: &mut dyn Sink,
    ) {
        self.tracker.remove(session);
        let conn = self.by_session.get(&session).copied();
        if let Some(conn) = conn.filter(|conn| asked.is_none_or(|asked| asked.conn != *conn)) {
            self.end(conn, sink);
            watches.remove_conn(conn);
        }
    }
}

fn write_connect_response(out: &mut Vec<u8>, response: &ConnectResponse) {
    let start = wire::begin_frame(out);
    response.write(out);
    wire::end_frame(out, start);
}
