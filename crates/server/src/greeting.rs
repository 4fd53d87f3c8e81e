//! The first thing that a client sends: a four-letter word, or the handshake.

use node::{Handshake, Input};
use wire::{ConnectRequest, Frames, password_matches};

use crate::connection::{Connection, Desk, Stage};
use crate::inbox::Message;
use crate::metrics::{Counter, Recorder, Summary};
use crate::throttle::Errand;
use crate::words::Word;

impl Connection {
    /// Takes the first frame; returns its length.
    pub(crate) fn greet(&mut self, bytes: &[u8], desk: &mut Desk) -> usize {
        let Some(code) = bytes.first_chunk::<4>() else { return 0 };
        if let Some(word) = Word::from_code(*code) {
            self.answer_word(word, bytes, desk);
            return 0;
        }
        let mut frames = Frames::new(bytes, self.service.limits);
        match frames.next_frame() {
            Ok(Some(payload)) => self.shake_hands(payload, desk),
            Ok(None) => {}
            Err(error) => self.refuse(&error),
        }
        frames.consumed()
    }

    fn answer_word(&mut self, word: Word, bytes: &[u8], desk: &Desk) {
        // The mask follows the word, and may come later; who may not set it is told at once.
        let takes_mask = word == Word::Stmk && self.service.words.whitelist.allows(word);
        if takes_mask && bytes.len() < 12 {
            return;
        }
        self.note_received(&desk.recorder);
        let answer = self.service.words.answer(&self.service.hub, &self.client, word, &bytes[4..]);
        self.client.outbox.lock().append_greeting(&desk.recorder, |out| {
            out.extend_from_slice(answer.as_bytes());
        });
        self.end();
    }

    fn shake_hands(&mut self, payload: &[u8], desk: &mut Desk) {
        self.note_received(&desk.recorder);
        let request = match ConnectRequest::decode(payload, self.service.limits) {
            Ok(request) => request,
            Err(error) => return self.refuse(&error),
        };
        let handshake = Handshake {
            last_zxid_seen: request.last_zxid_seen,
            timeout_ms: request.timeout_ms,
            session: request.session,
            password_matches: password_matches(request.session, request.password),
            read_only: request.read_only,
        };
        if !self.is_admitted(&handshake, &desk.recorder) {
            let peer = self.client.peer;
            tracing::warn!(%peer, "closing the connection: too many clients connect at once");
            return self.end();
        }
        self.stage = Stage::Connecting;
        self.client.gate.enter();
        desk.post(Message::Input(Input::Connected {
            conn: self.client.id,
            gate: self.client.gate.clone(),
            identities: self.identities.clone(),
            handshake,
        }));
    }

    fn is_admitted(&self, handshake: &Handshake, recorder: &Recorder) -> bool {
        let is_new = handshake.session == base::SessionId::NONE;
        let errand = if is_new { Errand::New } else { Errand::Renew };
        let hub = &self.service.hub;
        let mut turnstile = hub.turnstile.lock();
        if !turnstile.admits(errand, hub.clock.mono_ms()) {
            recorder.add(Counter::ConnectionRejected, 1);
            return false;
        }
        recorder.sample(Summary::ConnectionTokenDeficit, turnstile.throttle.deficit());
        recorder.add(Counter::ConnectionRequestCount, 1);
        recorder.add(Counter::ConnectionRevalidateCount, u64::from(!is_new));
        true
    }
}
