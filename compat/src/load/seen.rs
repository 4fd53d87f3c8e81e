//! A whole tree as a client reads it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use wire::{Acl, AclResponse, Buffer, OpCode, PathRequest, Stat, Text};

use crate::client::{Session, encoded, reader, watch_body};

/// A node with all that a client can learn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its data.
    pub data: Option<Vec<u8>>,
    /// Its ACL.
    pub acl: Vec<Acl<'static>>,
    /// Its stat.
    pub stat: Stat,
}

/// Every node by its path.
pub type SeenTree = BTreeMap<String, Seen>;

/// How many nodes are asked for in one go.
const BATCH: usize = 64;

/// Reads every node of a server.
///
/// # Errors
/// When a node does not answer, or changes meanwhile.
pub fn read(address: SocketAddr) -> Result<SeenTree> {
    let mut session = Session::open(address, 60_000)?;
    let mut tree = SeenTree::new();
    let mut waiting = vec![String::from("/")];
    while !waiting.is_empty() {
        let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
        for path in &batch {
            session.queue(OpCode::GetData, &watch_body(path, false));
            session.queue(OpCode::GetAcl, &encoded(&PathRequest { path: path.into() }));
            session.queue(OpCode::GetChildren2, &watch_body(path, false));
        }
        session.connection.flush()?;
        for path in batch {
            let (seen, names) = node(&mut session).with_context(|| path.clone())?;
            let root = path.trim_end_matches('/');
            waiting.extend(names.iter().map(|name| format!("{root}/{name}")));
            tree.insert(path, seen);
        }
    }
    session.close()?;
    Ok(tree)
}

/// The answers about one node, and the names of its children.
fn node(session: &mut Session) -> Result<(Seen, Vec<String>)> {
    let answer = session.reply()?.into_body()?;
    let mut input = reader(&answer);
    let (data, stat): (Buffer<'_>, Stat) = (input.read()?, input.read()?);
    let data = data.map(<[u8]>::to_vec);

    let answer = session.reply()?.into_body()?;
    let AclResponse { acl, stat: with_acl } = reader(&answer).read()?;
    let acl = acl.into_iter().map(Acl::into_owned).collect();

    let answer = session.reply()?.into_body()?;
    let mut input = reader(&answer);
    let (names, with_names): (Vec<Text<'_>>, Stat) = (input.read()?, input.read()?);
    ensure!(with_acl == stat && with_names == stat, "{stat:?}, {with_acl:?}, {with_names:?}");
    ensure!(i32::try_from(names.len()) == Ok(stat.num_children), "{stat:?}, {names:?}");
    let names = names.into_iter().map(Text::into_owned).collect();
    Ok((Seen { data, acl, stat }, names))
}
