use alloc::string::String;
use alloc::vec::Vec;

use base::{SessionId, Zxid};
use wire::{Acl, StatPersisted};

use crate::acl_table::AclList;
use crate::chunk::Node;
use crate::kept::{Kept, ViewId};
use crate::record::Links;
use crate::store::NodeId;
use crate::tree::Tree;

/// A tree as it was at one transaction: what a snapshot is written from, while the tree goes on.
///
/// Taking one copies no node. Until it has shown a node, a write to that node keeps the old record
/// beside the tree, once. [`Tree::end_view`] ends it; nothing else does.
#[derive(Debug)]
pub struct View {
    id: ViewId,
    sessions: Vec<(SessionId, i32)>,
    acls: Vec<(i64, AclList)>,
    last_zxid: Zxid,
    digest: u64,
    node_count: usize,
    walk: Walk,
}

/// A walk that visits parents before children, and needs no node again that it has visited.
#[derive(Debug)]
struct Walk {
    /// The next node; [`NodeId::NONE`] at the end.
    at: NodeId,
    /// What follows once everything below is done, from the root down.
    above: Vec<Level>,
    /// The path of the node that `at` lies in.
    path: String,
}

#[derive(Debug)]
struct Level {
    next: NodeId,
    /// Length of the path that `next` lies in.
    path_len: usize,
}

/// A node as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    /// Its path; the root's is empty.
    pub path: &'a str,
    /// Its data.
    pub data: Option<&'a [u8]>,
    /// The number of its ACL among [`View::acls`]; -1 for none.
    pub acl_id: i64,
    /// Its stat.
    pub stat: StatPersisted,
}

/// What was kept for a view. Drop it where nobody waits: it may be as large as the tree.
#[must_use]
pub struct Remains {
    _kept: Option<Kept>,
}

impl Tree {
    /// The tree as it is now, until [`Tree::end_view`].
    #[must_use]
    pub fn view(&mut self) -> View {
        View {
            id: self.store.begin_view(),
            sessions: self.sessions().collect(),
            acls: self.acls.all().collect(),
            last_zxid: self.last_zxid,
            digest: self.digest,
            node_count: self.store.len(),
            walk: Walk { at: NodeId::ROOT, above: Vec::new(), path: String::new() },
        }
    }

    /// Ends a view: nothing is kept for it any more.
    pub fn end_view(&mut self, view: &View) -> Remains {
        Remains { _kept: self.store.end_view(view.id) }
    }
}

impl View {
    /// The transaction that this state is the result of.
    #[must_use]
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// The digest over all nodes.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Number of nodes, the root counted once.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.node_count
    }

    /// Sessions with their timeouts in milliseconds.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, i32)> + '_ {
        self.sessions.iter().copied()
    }

    /// ACLs by number.
    pub fn acls(&self) -> impl ExactSizeIterator<Item = (i64, &[Acl<'static>])> {
        self.acls.iter().map(|(id, list)| (*id, &list[..]))
    }

    /// Shows the next nodes, parents before children, until `visit` says that it has enough; each
    /// node once in all. Returns whether there are more.
    ///
    /// `tree` is the one that the view was taken of. It may change between calls.
    ///
    /// # Panics
    /// When the view has been ended.
    pub fn show(&mut self, tree: &Tree, mut visit: impl FnMut(NodeView<'_>) -> bool) -> bool {
        let kept = tree.store.kept(self.id).expect("a view is shown while it goes on");
        let walk = &mut self.walk;
        while walk.at != NodeId::NONE {
            let id = walk.at;
            let node = kept.node(id).unwrap_or_else(|| tree.store.node(id));
            let path_len = walk.enter(id, node);
            let wants_more = visit(NodeView {
                path: &walk.path,
                data: node.data(),
                acl_id: node.acl().number(),
                stat: node.stat(),
            });
            walk.leave(node.links(), path_len);
            kept.pass(id);
            if !wants_more {
                break;
            }
        }
        walk.at != NodeId::NONE
    }
}

impl Walk {
    /// Makes the path the node's own; returns the length that it had.
    fn enter(&mut self, id: NodeId, node: Node<'_>) -> usize {
        let path_len = self.path.len();
        if id != NodeId::ROOT {
            self.path.push('/');
            self.path.push_str(node.name());
        }
        path_len
    }

    /// Goes to the first child, else to what follows; `path_len` is of the path that the node lies
    /// in.
    fn leave(&mut self, links: Links, path_len: usize) {
        if links.first_child != NodeId::NONE {
            self.above.push(Level { next: links.next, path_len });
            self.at = links.first_child;
            return;
        }
        self.path.truncate(path_len);
        self.at = links.next;
        while self.at == NodeId::NONE
            && let Some(level) = self.above.pop()
        {
            self.path.truncate(level.path_len);
            self.at = level.next;
        }
    }
}
