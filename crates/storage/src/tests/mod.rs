//! What needs the inside of the crate, above all its fake disk. Here: how files are made.

mod crash;
mod log;
mod purge;
mod recovery;
mod snapshot;

use std::path::{Path, PathBuf};

use base::{SessionId, Zxid};
use tree::Tree;
use wire::{CreateTxn, LogEntry, Txn, TxnDigest, TxnHeader};

use crate::disk::fake::FakeDisk;
use crate::log::{frame_entry, header};
use crate::{AtRest, FullSpeed, Layout, SnapshotOptions, write_snapshot};

const DIR: &str = "/data/version-2";

fn at(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn layout() -> Layout {
    Layout::new(Path::new("/data"), Path::new("/data"))
}

fn txn(zxid: i64, txn: Txn<'_>, digest: Option<u64>) -> Vec<u8> {
    let entry = LogEntry {
        header: TxnHeader {
            session: SessionId(1),
            cxid: 1,
            zxid: Zxid(zxid),
            time_ms: 5,
            op: txn.op().code(),
        },
        txn,
        digest: digest.map(|sum| TxnDigest { version: 2, tree_digest: sum.cast_signed() }),
    };
    let (mut payload, mut framed) = (Vec::new(), Vec::new());
    entry.write(&mut payload);
    frame_entry(&payload, &mut framed);
    framed
}

/// The transaction that creates `/n<zxid>`.
fn create(zxid: i64) -> Vec<u8> {
    txn(zxid, Txn::Create(created(&format!("/n{zxid}"))), None)
}

fn created(path: &str) -> CreateTxn<'_> {
    CreateTxn {
        path: path.into(),
        data: Some(b"data"),
        acl: None,
        ephemeral: false,
        parent_cversion: 1,
    }
}

fn log(entries: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = header().to_vec();
    bytes.extend(entries.into_iter().flatten());
    bytes
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len() + 5000, 0);
    bytes
}

/// The tree after [`create`] of 1 to `last`.
fn tree_at(last: i64) -> Tree {
    let mut tree = Tree::new(tree::Options::default());
    for zxid in 1..=last {
        let framed = create(zxid);
        let payload = &framed[12..framed.len() - 1];
        tree.replay(&LogEntry::decode(payload, wire::Limits::default()).unwrap());
    }
    tree
}

/// The bytes of `snapshot.<last>`.
fn snapshot(last: i64) -> Vec<u8> {
    let disk = FakeDisk::new();
    let options = SnapshotOptions::default();
    let file = write_snapshot(
        &disk,
        Path::new(DIR),
        &mut AtRest::new(&mut tree_at(last)),
        options,
        &mut FullSpeed,
    )
    .unwrap();
    disk.content(&file.path).unwrap()
}

fn cut(mut bytes: Vec<u8>, by: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - by);
    bytes
}

fn flip(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x10;
    bytes
}
