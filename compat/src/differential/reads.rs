//! Bodies of reads, and of what sets and removes watches.

use base::Zxid;
use wire::{Buffer, MultiHeader, OpCode, PathRequest, Record as _, SetWatchesRequest, Text};

use super::generator::Generator;
use crate::client::{encoded, watch_body};

impl Generator {
    /// The body of a read on a connection.
    pub(super) fn read(&mut self, slot: usize, op: OpCode) -> Vec<u8> {
        match op {
            OpCode::Exists if self.draw.chance(3) => watch_body("/a/\0", true),
            OpCode::Exists | OpCode::GetData => self.watching(slot, DATA),
            OpCode::GetChildren | OpCode::GetChildren2 => self.watching(slot, CHILDREN),
            OpCode::GetAcl | OpCode::GetAllChildrenNumber | OpCode::Sync => {
                encoded(&PathRequest { path: self.target().into() })
            }
            OpCode::GetEphemerals => self.ephemerals(),
            OpCode::MultiRead => self.multi_read(),
            OpCode::CheckWatches | OpCode::RemoveWatches => self.watch(slot, op),
            OpCode::SetWatches | OpCode::SetWatches2 => self.set_watches(slot, op),
            OpCode::AddWatch => self.add_watch(slot),
            OpCode::Sasl => {
                let token: Buffer<'_> = self.draw.one(&[None, Some(b""), Some(b"token")]);
                encoded(&token)
            }
            // What follows the header of others is ignored.
            _ => self.draw.one(&[vec![], vec![], vec![1, 2, 3]]),
        }
    }

    fn watching(&mut self, slot: usize, kind: i32) -> Vec<u8> {
        let path = self.target();
        let watch = self.draw.chance(45);
        let mut body = watch_body(&path, watch);
        if watch {
            self.watched(slot, path, kind);
            // Anything but 0 is true.
            if let Some(last) = body.last_mut() {
                *last = self.draw.one(&[1, 1, 1, 2, 0xff]);
            }
        }
        body
    }

    fn watched(&mut self, slot: usize, path: String, kind: i32) {
        const KEPT: usize = 64;
        let watches = &mut self.slots[slot].watches;
        if watches.len() == KEPT {
            watches.remove(0);
        }
        watches.push((path, kind));
    }

    fn ephemerals(&mut self) -> Vec<u8> {
        let prefix: Option<Text<'_>> = match self.draw.below(10) {
            0 => None,
            1 => Some("".into()),
            2 => Some("  ".into()),
            3..6 => Some("/".into()),
            _ => {
                let mut path = self.target();
                // A prefix need not end where a name ends.
                if self.draw.chance(30) {
                    path.pop();
                }
                Some(path.into())
            }
        };
        encoded(&prefix)
    }

    fn multi_read(&mut self) -> Vec<u8> {
        let header = |op: i32, done| encoded(&MultiHeader { op, done, err: -1 });
        let mut body = Vec::new();
        for _ in 0..self.draw.below(5) {
            let op = if self.draw.chance(2) {
                self.draw.one(&[1, 2, 3, 5, 12, 13, 99])
            } else {
                self.draw.one(&[OpCode::GetData.code(), OpCode::GetChildren.code()])
            };
            body.extend(header(op, false));
            let watch = self.draw.chance(30);
            body.extend(watch_body(&self.target(), watch));
        }
        body.extend(header(-1, true));
        body
    }

    /// checkWatches and removeWatches: a path and a number.
    fn watch(&mut self, slot: usize, op: OpCode) -> Vec<u8> {
        let known = self.slots[slot].watches.len();
        let (path, mut kind) = if known > 0 && self.draw.chance(75) {
            let n = self.draw.below(known);
            match op {
                OpCode::RemoveWatches => self.slots[slot].watches.swap_remove(n),
                _ => self.slots[slot].watches[n].clone(),
            }
        } else {
            (self.target(), self.draw.one(&[1, 2, 3, 4, 5]))
        };
        if self.draw.chance(25) {
            kind = self.draw.one(&[1, 2, 3, 3, 4, 5, 0, 6, -1]);
        }
        numbered(&path, kind)
    }

    fn add_watch(&mut self, slot: usize) -> Vec<u8> {
        let path = if self.draw.chance(10) { "/".into() } else { self.target() };
        let mode = self.draw.one(&[0, 0, 0, 1, 1, 1, 2, -1]);
        match mode {
            0 => self.watched(slot, path.clone(), PERSISTENT),
            1 => self.watched(slot, path.clone(), RECURSIVE),
            _ => {}
        }
        numbered(&path, mode)
    }

    fn set_watches(&mut self, slot: usize, op: OpCode) -> Vec<u8> {
        let seen = [0, self.zxid, self.zxid - 40, self.zxid / 2, self.zxid + 5];
        let request = SetWatchesRequest {
            relative_zxid: Zxid(self.draw.one(&seen)),
            data: self.paths(slot, DATA),
            exist: self.paths(slot, DATA),
            child: self.paths(slot, CHILDREN),
            persistent: self.paths(slot, PERSISTENT),
            persistent_recursive: self.paths(slot, RECURSIVE),
        };
        let mut body = Vec::new();
        request.write(op, &mut body);
        body
    }

    fn paths(&mut self, slot: usize, kind: i32) -> Vec<Text<'static>> {
        let len = self.draw.below(3);
        (0..len)
            .map(|_| {
                let path = self.target();
                self.watched(slot, path.clone(), kind);
                path.into()
            })
            .collect()
    }
}

/// Numbers of checkWatches.
const CHILDREN: i32 = 1;
const DATA: i32 = 2;
const PERSISTENT: i32 = 4;
const RECURSIVE: i32 = 5;

fn numbered(path: &str, number: i32) -> Vec<u8> {
    let mut body = Vec::new();
    Text::from(path).write(&mut body);
    number.write(&mut body);
    body
}
