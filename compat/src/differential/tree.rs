//! A whole tree, read through a client.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use wire::{Acl, Buffer, OpCode, PathRequest, Stat};

use super::generator::SUPER_CREDENTIALS;
use super::transcript::{acl as told_acl, data};
use crate::client::{Session, encoded, reader};

/// A node as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its data, as told in transcripts.
    pub data: String,
    /// Its ACL, as told in transcripts.
    pub acl: String,
    /// Its stat.
    pub stat: Stat,
}

/// Reads every node of a server.
///
/// # Errors
/// When a node does not answer.
pub fn read(address: SocketAddr) -> Result<BTreeMap<String, Seen>> {
    let mut session = Session::open(address, 60_000)?;
    // Where nobody can prove anything, nothing is checked either.
    if session.auth_digest(SUPER_CREDENTIALS).is_err() {
        session = Session::open(address, 60_000)?;
    }
    let mut tree = BTreeMap::new();
    let mut waiting = vec![String::from("/")];
    while let Some(path) = waiting.pop() {
        let node = node(&mut session, &path).with_context(|| format!("reading {path:?}"))?;
        for name in session.children(&path, false)? {
            waiting.push(format!("{}/{name}", path.trim_end_matches('/')));
        }
        tree.insert(path, node);
    }
    session.close()?;
    Ok(tree)
}

fn node(session: &mut Session, path: &str) -> Result<Seen> {
    let (bytes, stat) = session.get_data(path, false)?;
    let body = encoded(&PathRequest { path: path.into() });
    let answer = session.call(OpCode::GetAcl, &body)?.into_body()?;
    let mut input = reader(&answer);
    let acl: Vec<Acl<'_>> = input.read()?;
    let again: Stat = input.read()?;
    if again != stat {
        bail!("the stat of getACL is another: {stat:?}, {again:?}");
    }
    let bytes: Buffer<'_> = bytes.as_deref();
    Ok(Seen { data: data(bytes), acl: told_acl(&acl), stat })
}

/// Where two trees differ, up to the first few places.
#[must_use]
pub fn differences<'a>(
    expected: &'a BTreeMap<String, Seen>,
    actual: &'a BTreeMap<String, Seen>,
    told: impl Fn(&Seen) -> String,
    told_actual: impl Fn(&Seen) -> String,
) -> Vec<String> {
    const SHOWN: usize = 10;
    let paths = expected.keys().chain(actual.keys());
    let mut differences: Vec<String> = paths
        .filter_map(|path| {
            let left = expected.get(path).map(&told);
            let right = actual.get(path).map(&told_actual);
            (left != right).then(|| format!("{path:?}:\n  {left:?}\n  {right:?}"))
        })
        .collect();
    differences.dedup();
    differences.truncate(SHOWN);
    differences
}
