//! The bytes of ZooKeeper, as captured: every message form once, read and written back.
#![allow(clippy::unwrap_used, reason = "tests")]

use base::{SessionId, Zxid};
use wire::{
    Acl, ConnectResponse, CreateRequest, Frames, Limits, LogEntry, MultiResult, OpCode, Reader,
    RequestHeader, Txn, WatcherEvent, WriteRequest, session_password,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn connect_response() {
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms: 30_000,
        session: SessionId(0x0100_0000_0000_0000),
        password: session_password(SessionId(0x0100_0000_0000_0000)),
        read_only: Some(false),
    };
    let mut out = Vec::new();
    response.write(&mut out);
    let expected =
        bytes("00000000 00007530 0100000000000000 00000010 f22acd4a97e69d6d20a49bb638eadb38 00");
    assert_eq!(out, expected);
    assert_eq!(ConnectResponse::decode(&expected, Limits::default()), Ok(response));
}

#[test]
fn create_request() {
    let frame = bytes(
        "00000032 00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64
         00000006 616e796f6e65 00000000",
    );
    let payload = Frames::new(&frame, Limits::default()).next_frame().unwrap().unwrap();
    let mut input = Reader::new(payload, Limits::default());
    let header: RequestHeader = input.read().unwrap();
    assert_eq!(header, RequestHeader { xid: 1, op: 1 });
    let create = CreateRequest {
        op: OpCode::Create,
        path: "/a".into(),
        data: Some(b"x"),
        acl: Some(vec![Acl::world(31)]),
        flags: 0,
        ttl_ms: 0,
    };
    let decoded = WriteRequest::decode(OpCode::Create, input.rest(), Limits::default());
    assert_eq!(decoded, Ok(WriteRequest::Create(create)));
    let mut written = Vec::new();
    decoded.unwrap().write(&mut written);
    assert_eq!(written, input.rest());
}

#[test]
fn notification() {
    let mut out = Vec::new();
    let event = WatcherEvent::new(wire::EventType::NodeDataChanged, "/a");
    event.write_framed(Zxid(9), &mut out);
    assert_eq!(
        out,
        bytes("0000001e ffffffff 0000000000000009 00000000 00000003 00000003 00000002 2f61")
    );
}

#[test]
fn multi() {
    let body = bytes("00000002 00 ffffffff 00000002 2f61 ffffffff ffffffff 01 ffffffff");
    let request = WriteRequest::decode(OpCode::Multi, &body, Limits::default()).unwrap();
    let mut written = Vec::new();
    request.write(&mut written);
    assert_eq!(written, body);

    let reply = bytes("ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff");
    let results = wire::read_results(&mut Reader::new(&reply, Limits::default())).unwrap();
    assert_eq!(results, [MultiResult::Error(-101)]);
    let mut written = Vec::new();
    results.iter().for_each(|result| result.write(&mut written));
    MultiResult::write_end(&mut written);
    assert_eq!(written, reply);
}

#[test]
fn a_create_of_before_3_4_has_no_parent_cversion() {
    let mut entry = bytes("0100000000000000 00000001 0000000000000002 0000000000000003 00000001");
    entry.extend(bytes("00000002 2f61 ffffffff ffffffff 00"));
    let decoded = LogEntry::decode(&entry, Limits::default()).unwrap();
    assert!(matches!(decoded.txn, Txn::Create(txn) if txn.parent_cversion == -1));
}

#[test]
fn close_session_with_and_without_paths() {
    let header = "0100000000000000 00000001 0000000000000002 0000000000000003 fffffff5";
    let digest = "00000002 00000000aabbccdd";
    let paths = "00000001 00000002 2f65";
    for (tail, with_paths, with_digest) in [
        (String::new(), false, false),
        (digest.into(), false, true),
        (paths.into(), true, false),
        (format!("{paths} {digest}"), true, true),
    ] {
        let entry = bytes(&format!("{header} {tail}"));
        let decoded = LogEntry::decode(&entry, Limits::default()).unwrap();
        assert!(matches!(&decoded.txn, Txn::CloseSession(p) if p.is_some() == with_paths));
        assert_eq!(decoded.digest.is_some(), with_digest);
        let mut written = Vec::new();
        decoded.write(&mut written);
        assert_eq!(written, entry);
    }
}
