//! Counts what goes to clients, by looking at the frames themselves.

use tree::Change;
use wire::{ReplyHeader, path};

use crate::metrics::{Counter, Recorder, SummarySet};

/// The size of a stat on the wire, which a read is counted with.
const STAT_BYTES: usize = 68;

/// Counts the replies and events in a run of whole frames; returns their number.
pub(crate) fn note_sent(recorder: &Recorder, mut frames: &[u8]) -> u64 {
    let mut packets = 0;
    while let Some((head, rest)) = frames.split_first_chunk::<4>() {
        let len = (u32::from_be_bytes(*head) as usize).min(rest.len());
        let (payload, behind) = rest.split_at(len);
        note_packet(recorder, payload);
        packets += 1;
        frames = behind;
    }
    packets
}

fn note_packet(recorder: &Recorder, payload: &[u8]) {
    let bytes = payload.len() as u64;
    recorder.packet_sent();
    recorder.response_encoded(bytes);
    match payload.first_chunk().map(|xid| i32::from_be_bytes(*xid)) {
        Some(ReplyHeader::NOTIFICATION_XID) => recorder.add(Counter::WatchBytes, bytes),
        // As in Java.
        Some(ReplyHeader::PING_XID | ReplyHeader::AUTH_XID) | None => {}
        Some(_) => recorder.add(Counter::ResponseBytes, bytes),
    }
}

/// Counts a read that has taken so many bytes from the node that its request's `body` begins with.
pub(crate) fn note_read(recorder: &Recorder, body: &[u8], bytes: usize) {
    if let Some(path) = path::leading(body) {
        note_set(recorder, SummarySet::ReadPerNamespace, path, path.len() + bytes + STAT_BYTES);
    }
}

/// Counts a change of a node.
pub(crate) fn note_write(recorder: &Recorder, change: &Change<'_>) {
    let path = change.path.as_bytes();
    let bytes = path.len() + change.data_bytes;
    note_set(recorder, SummarySet::WritePerNamespace, path, bytes);
}

fn note_set(recorder: &Recorder, set: SummarySet, path: &[u8], bytes: usize) {
    if let Some(namespace) = namespace(path) {
        recorder.sample_set(set, namespace, bytes as u64);
    }
}

/// The first component of a path, which is looked at no further: every read counts.
fn namespace(path: &[u8]) -> Option<&str> {
    let names = path.strip_prefix(b"/")?;
    let end = names.iter().position(|byte| *byte == b'/').unwrap_or(names.len());
    str::from_utf8(&names[..end]).ok().filter(|namespace| !namespace.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use base::Zxid;
    use wire::{EventType, WatcherEvent, write_reply};

    #[test]
    fn frames_are_told_apart_by_their_xids() {
        let metrics = Metrics::new();
        let mut out = Vec::new();
        WatcherEvent::new(EventType::NodeDeleted, "/a").write_framed(Zxid(5), &mut out);
        let event = out.len() as u64 - 4;
        for xid in [ReplyHeader::PING_XID, 7] {
            write_reply(&mut out, ReplyHeader { xid, zxid: Zxid(5), err: 0 }, |_| {});
        }
        assert_eq!(note_sent(&metrics.recorder(), &out), 3);
        let snapshot = metrics.snapshot();
        assert_eq!(snapshot.counter(Counter::WatchBytes), event);
        assert_eq!(snapshot.counter(Counter::ResponseBytes), 16);
        let server = snapshot.server();
        assert_eq!((server.packets_sent, server.response_bytes.count), (3, 3));
        assert_eq!(server.last_response_bytes, Some(16));
    }

    #[test]
    fn a_read_counts_path_data_and_stat_under_its_namespace() {
        let metrics = Metrics::new();
        let recorder = metrics.recorder();
        note_read(&recorder, b"\0\0\0\x04/a/b\0", 10);
        note_read(&recorder, b"\0\0\0\x01/\0", 10);
        note_read(&recorder, b"\0\0\xff\xff/a", 10);
        let sets = metrics.snapshot();
        let sets = sets.summary_set(SummarySet::ReadPerNamespace);
        assert_eq!(sets.keys().map(|key| &**key).collect::<Vec<_>>(), ["a"]);
        assert_eq!((sets["a"].count, sets["a"].sum), (1, 82));
    }
}
