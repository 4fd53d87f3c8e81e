//! The requests of a load, and what each of them must be answered.

use std::collections::VecDeque;
use std::time::Instant;

use crate::connection::{Connection, Reply};
use crate::decoder::Decoder;
use crate::encoder::{CreateMode, text};
use crate::error::BenchError;
use crate::frame::opcode;
use crate::mix::{Mix, Operation};
use crate::once::names;
use crate::phase::Plan;
use crate::random::Random;
use crate::tree::Tree;
use crate::tree_shape::append_digits;
use crate::value;

/// What is remembered of a request: which operation, and of which key, directory or new znode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    operation: Operation,
    number: u64,
}

/// A znode that a connection created: its kind is the operation that did.
#[derive(Debug, Clone, Copy)]
struct Name {
    kind: Operation,
    number: u64,
}

/// What one connection created.
#[derive(Debug, Default)]
struct Made {
    next: u64,
    /// Confirmed and not asked to be deleted, the oldest first.
    there: VecDeque<Name>,
}

/// What a load is made of, apart from the keys.
pub(crate) struct Wanted {
    pub(crate) mix: Mix,
    pub(crate) multi_size: u32,
    pub(crate) seed: u64,
    pub(crate) unchecked_values: bool,
    /// The directory for what is created; unused if the mix creates nothing.
    pub(crate) new_directory: String,
}

/// The plan of a load.
pub(crate) struct Traffic {
    tree: Tree,
    wanted: Wanted,
    random: Random,
    made: Vec<Made>,
    scratch: Vec<u8>,
}

impl Traffic {
    pub(crate) fn new(tree: Tree, wanted: Wanted, connections: usize) -> Self {
        let random = Random(wanted.seed);
        let made = (0..connections).map(|_| Made::default()).collect();
        Self { tree, wanted, random, made, scratch: Vec::new() }
    }

    fn key(&mut self) -> u32 {
        self.random.below(self.tree.keys.count)
    }

    /// `getData`, `exists`, `sync` and `getChildren2`.
    fn read(&mut self, operation: Operation, connection: &mut Connection<Asked>, since: Instant) {
        match operation {
            Operation::Sync => {
                let asked = Asked { operation, number: 0 };
                let path = text(&self.tree.root);
                connection.request(opcode::SYNC, asked, since, |e| e.filled(path));
            }
            Operation::Children => {
                let count = u32::try_from(self.tree.directories().len()).unwrap_or(u32::MAX);
                let place = self.random.below(count);
                let asked = Asked { operation, number: place.into() };
                let directory = &self.tree.directories()[usize::try_from(place).unwrap_or(0)];
                let path = text(directory.path.trim_end_matches('/'));
                connection.request(opcode::CHILDREN2, asked, since, |e| e.read(path, false));
            }
            _ => {
                let key = self.key();
                let asked = Asked { operation, number: key.into() };
                let opcode = if operation == Operation::Get { opcode::GET } else { opcode::EXISTS };
                let tree = &self.tree;
                connection.request(opcode, asked, since, |e| {
                    e.read(|out| tree.append_path(out, key), false);
                });
            }
        }
    }

    fn set(&mut self, connection: &mut Connection<Asked>, since: Instant) {
        let (key, write) = (self.key(), self.tree.number_write());
        let tree = &self.tree;
        let asked = Asked { operation: Operation::Set, number: key.into() };
        connection.request(opcode::SET, asked, since, |e| {
            e.set(|out| tree.append_path(out, key), |out| tree.append_value(out, key, write));
        });
    }

    fn create(
        &mut self,
        kind: Operation,
        index: usize,
        connection: &mut Connection<Asked>,
        since: Instant,
    ) {
        let made = &mut self.made[index];
        let number = made.next;
        made.next += 1;
        let name = Name { kind, number };
        let mode = match kind {
            Operation::CreateSequential => CreateMode::PersistentSequential,
            Operation::CreateEphemeral => CreateMode::Ephemeral,
            _ => CreateMode::Persistent,
        };
        let (directory, value_bytes) = (&self.wanted.new_directory, self.new_value_bytes(number));
        connection.request(opcode::CREATE, Asked { operation: kind, number }, since, |e| {
            e.create(
                |out| match mode {
                    CreateMode::PersistentSequential => append_prefix(out, directory, index, kind),
                    _ => append_name(out, directory, index, name),
                },
                |out| value::append(out, number, 0, value_bytes),
                mode,
            );
        });
    }

    fn new_value_bytes(&self, number: u64) -> usize {
        self.tree.keys.value_bytes(u32::try_from(number & 0xffff_ffff).unwrap_or(0))
    }

    /// Deletes the oldest znode of this connection, or creates one if it has none.
    fn delete(&mut self, index: usize, connection: &mut Connection<Asked>, since: Instant) {
        let Some(name) = self.made[index].there.pop_front() else {
            return self.create(Operation::Create, index, connection, since);
        };
        let directory = &self.wanted.new_directory;
        let asked = Asked { operation: Operation::Delete, number: name.number };
        connection.request(opcode::DELETE, asked, since, |e| {
            e.any_version(|out| append_name(out, directory, index, name));
        });
    }

    /// Creates, each followed by its delete; an odd operation at the end is a check.
    fn multi(&mut self, index: usize, connection: &mut Connection<Asked>, since: Instant) {
        let pairs = u64::from(self.wanted.multi_size / 2);
        let first = self.made[index].next;
        self.made[index].next += pairs;
        let asked = Asked { operation: Operation::Multi, number: first };
        let (directory, root) = (&self.wanted.new_directory, &self.tree.root);
        connection.request(opcode::MULTI, asked, since, |e| {
            for number in first..first + pairs {
                let name = Name { kind: Operation::Create, number };
                e.part(opcode::CREATE);
                e.create(
                    |out| append_name(out, directory, index, name),
                    |out| value::append(out, number, 0, self.new_value_bytes(number)),
                    CreateMode::Persistent,
                );
                e.part(opcode::DELETE);
                e.any_version(|out| append_name(out, directory, index, name));
            }
            if self.wanted.multi_size % 2 == 1 {
                e.part(opcode::CHECK);
                e.any_version(text(root));
            }
            e.end_of_parts();
        });
    }

    /// A multi or multiRead of keys that follow each other.
    fn multi_of_keys(
        &mut self,
        operation: Operation,
        connection: &mut Connection<Asked>,
        since: Instant,
    ) {
        let first = self.key();
        let write = self.tree.number_write();
        let (outer, inner) = parts_of(operation);
        let asked = Asked { operation, number: first.into() };
        connection.request(outer, asked, since, |e| {
            for key in self.keys_from(first, operation) {
                let path = |out: &mut Vec<u8>| self.tree.append_path(out, key);
                e.part(inner);
                match inner {
                    opcode::GET => e.read(path, false),
                    opcode::CHECK => e.any_version(path),
                    _ => e.set(path, |out| self.tree.append_value(out, key, write)),
                }
            }
            e.end_of_parts();
        });
    }

    fn keys_from(&self, first: u32, operation: Operation) -> impl Iterator<Item = u32> + use<> {
        let (count, size) = (u64::from(self.tree.keys.count), self.wanted.multi_size);
        let size = if operation == Operation::Check { 1 } else { size };
        (0..u64::from(size)).map(move |step| {
            u32::try_from((u64::from(first) + step) % count).expect("below the number of keys")
        })
    }

    fn check_value(&self, found: &[u8], key: u32) -> Result<(), BenchError> {
        if self.wanted.unchecked_values { Ok(()) } else { self.tree.check_value(found, key) }
    }

    /// The stat of a key: its data length is known.
    fn check_stat(
        &self,
        body: &mut Decoder<'_>,
        key: u32,
        operation: Operation,
    ) -> Result<(), BenchError> {
        let found = body.stat()?.data_bytes;
        if self.wanted.unchecked_values
            || usize::try_from(found) == Ok(self.tree.keys.value_bytes(key))
        {
            return Ok(());
        }
        Err(BenchError::Answer { operation: operation.name(), what: "stat tells another length" })
    }

    /// The names of a directory: only their number is known, for there may be millions.
    fn check_children(&self, body: Decoder<'_>, place: u64) -> Result<(), BenchError> {
        let (count, _) = names(body)?;
        let directory = usize::try_from(place).unwrap_or(0);
        if self.wanted.unchecked_values || count == self.tree.directories()[directory].children {
            return Ok(());
        }
        Err(BenchError::Answer { operation: "children", what: "children are missing or too many" })
    }

    /// The path of a new znode, which is remembered to be deleted.
    fn check_created(
        &mut self,
        index: usize,
        asked: Asked,
        body: &mut Decoder<'_>,
    ) -> Result<(), BenchError> {
        let path = body.buffer()?;
        let (kind, directory) = (asked.operation, &self.wanted.new_directory);
        self.scratch.clear();
        let number = if kind == Operation::CreateSequential {
            append_prefix(&mut self.scratch, directory, index, kind);
            number_behind(path, &self.scratch)
        } else {
            append_name(&mut self.scratch, directory, index, Name { kind, number: asked.number });
            (path == self.scratch).then_some(asked.number)
        };
        let what = "another path was created";
        let number = number.ok_or(BenchError::Answer { operation: kind.name(), what })?;
        self.made[index].there.push_back(Name { kind, number });
        Ok(())
    }

    fn check_parts(&mut self, asked: Asked, body: &mut Decoder<'_>) -> Result<(), BenchError> {
        let operation = asked.operation.name();
        if asked.operation == Operation::Multi {
            for _ in 0..self.wanted.multi_size / 2 {
                body.part(opcode::CREATE, operation)?;
                body.buffer()?;
                body.part(opcode::DELETE, operation)?;
            }
            if self.wanted.multi_size % 2 == 1 {
                body.part(opcode::CHECK, operation)?;
            }
            return body.end_of_parts(operation);
        }
        let (_, inner) = parts_of(asked.operation);
        let first = u32::try_from(asked.number).unwrap_or(0);
        for key in self.keys_from(first, asked.operation) {
            body.part(inner, operation)?;
            match inner {
                opcode::GET => self.check_value(body.value_and_stat()?, key)?,
                opcode::SET => self.check_stat(body, key, asked.operation)?,
                _ => {}
            }
        }
        body.end_of_parts(operation)
    }
}

impl Plan for Traffic {
    type Tag = Asked;

    fn ask(&mut self, index: usize, connection: &mut Connection<Asked>, since: Instant) -> bool {
        let operation = self.wanted.mix.pick(&mut self.random);
        match operation {
            Operation::Get | Operation::Exists | Operation::Sync | Operation::Children => {
                self.read(operation, connection, since);
            }
            Operation::Set => self.set(connection, since),
            Operation::Create | Operation::CreateSequential | Operation::CreateEphemeral => {
                self.create(operation, index, connection, since);
            }
            Operation::Delete => self.delete(index, connection, since),
            Operation::Multi => self.multi(index, connection, since),
            Operation::MultiSet | Operation::MultiRead | Operation::Check => {
                self.multi_of_keys(operation, connection, since);
            }
        }
        true
    }

    fn answer(&mut self, index: usize, mut reply: Reply<'_, Asked>) -> Result<(), BenchError> {
        let asked = reply.tag;
        reply.succeeded(asked.operation.name())?;
        let key = u32::try_from(asked.number).unwrap_or(u32::MAX);
        let body = &mut reply.body;
        match asked.operation {
            Operation::Get => self.check_value(body.value_and_stat()?, key)?,
            Operation::Set | Operation::Exists => self.check_stat(body, key, asked.operation)?,
            Operation::Children => return self.check_children(*body, asked.number),
            Operation::Create | Operation::CreateSequential | Operation::CreateEphemeral => {
                self.check_created(index, asked, body)?;
            }
            Operation::Delete => {}
            Operation::Sync => {
                body.buffer()?;
            }
            Operation::Multi | Operation::MultiSet | Operation::MultiRead | Operation::Check => {
                self.check_parts(asked, body)?;
            }
        }
        reply.body.end()
    }

    fn kind(&self, tag: &Asked) -> usize {
        tag.operation.index()
    }
}

/// The opcodes of a request on several keys, and of each of its parts.
fn parts_of(operation: Operation) -> (i32, i32) {
    match operation {
        Operation::MultiRead => (opcode::MULTI_READ, opcode::GET),
        Operation::Check => (opcode::MULTI, opcode::CHECK),
        _ => (opcode::MULTI, opcode::SET),
    }
}

/// Appends what stands before the number of a new znode: different for each connection and kind.
fn append_prefix(out: &mut Vec<u8>, directory: &str, index: usize, kind: Operation) {
    out.extend_from_slice(directory.as_bytes());
    out.extend_from_slice(match kind {
        Operation::CreateSequential => b"/s",
        Operation::CreateEphemeral => b"/e",
        _ => b"/c",
    });
    append_digits::<4>(out, u64::try_from(index).unwrap_or(u64::MAX));
    out.push(b'-');
}

fn append_name(out: &mut Vec<u8>, directory: &str, index: usize, name: Name) {
    append_prefix(out, directory, index, name.kind);
    append_digits::<10>(out, name.number);
}

/// The ten digits that a server puts behind a prefix.
fn number_behind(path: &[u8], prefix: &[u8]) -> Option<u64> {
    let digits = path.strip_prefix(prefix).filter(|digits| digits.len() == 10)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_znodes_of_other_connections_and_kinds_have_other_names() {
        let path = |index, kind, number| {
            let mut out = Vec::new();
            append_name(&mut out, "/bench/n1", index, Name { kind, number });
            String::from_utf8(out).unwrap()
        };
        assert_eq!(path(3, Operation::Create, 42), "/bench/n1/c0003-0000000042");
        assert_eq!(path(3, Operation::CreateEphemeral, 42), "/bench/n1/e0003-0000000042");
        assert_eq!(path(12_345, Operation::CreateSequential, 0), "/bench/n1/s12345-0000000000");
    }

    #[test]
    fn the_servers_number_is_read_from_behind_the_prefix() {
        assert_eq!(number_behind(b"/a/s-0000000017", b"/a/s-"), Some(17));
        for path in [&b"/a/s-17"[..], b"/b/s-0000000017", b"/a/s-00000000x7"] {
            assert_eq!(number_behind(path, b"/a/s-"), None);
        }
    }
}
