use crate::frame::{PING_XID, opcode};

const PASSWORD_BYTES: usize = 16;

/// How long a created znode lives, and who names it; the numbers are ZooKeeper's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateMode {
    Persistent = 0,
    Ephemeral = 1,
    PersistentSequential = 2,
}

/// Appends whole frames to a buffer. Paths and values come from closures that append them in place.
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A request for a new session, as the Java client sends it.
    pub(crate) fn connect(&mut self, timeout_ms: i32) {
        self.frame(|e| {
            e.int(0);
            e.long(0);
            e.int(timeout_ms);
            e.long(0);
            e.buffer(&[0; PASSWORD_BYTES]);
            e.flag(false);
        });
    }

    pub(crate) fn ping(&mut self) {
        self.request(PING_XID, opcode::PING, |_| ());
    }

    pub(crate) fn request(&mut self, xid: i32, opcode: i32, body: impl FnOnce(&mut Self)) {
        self.frame(|e| {
            e.int(xid);
            e.int(opcode);
            body(e);
        });
    }

    /// The body of getData, exists, getChildren and getChildren2.
    #[inline]
    pub(crate) fn read(&mut self, path: impl FnOnce(&mut Vec<u8>), watch: bool) {
        self.filled(path);
        self.flag(watch);
    }

    pub(crate) fn set(
        &mut self,
        path: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        self.filled(path);
        self.filled(value);
        self.int(-1);
    }

    pub(crate) fn create(
        &mut self,
        path: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
        mode: CreateMode,
    ) {
        self.filled(path);
        self.filled(value);
        self.int(1);
        self.int(31);
        self.buffer(b"world");
        self.buffer(b"anyone");
        self.int(mode as i32);
    }

    /// The body of delete, and of check within a multi: any version will do.
    pub(crate) fn any_version(&mut self, path: impl FnOnce(&mut Vec<u8>)) {
        self.filled(path);
        self.int(-1);
    }

    /// What precedes each operation and each result of a multi.
    pub(crate) fn part(&mut self, opcode: i32) {
        self.int(opcode);
        self.flag(false);
        self.int(if opcode < 0 { opcode } else { 0 });
    }

    /// What ends a multi.
    pub(crate) fn end_of_parts(&mut self) {
        self.int(-1);
        self.flag(true);
        self.int(-1);
    }

    pub(crate) fn frame(&mut self, payload: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.int(0);
        payload(self);
        self.patch_length(start);
    }

    pub(crate) fn int(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn long(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn buffer(&mut self, bytes: &[u8]) {
        self.int(wire_length(bytes.len()));
        self.bytes(bytes);
    }

    /// A buffer with the length of whatever `fill` appends.
    #[inline]
    pub(crate) fn filled(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.int(0);
        fill(self.out);
        self.patch_length(start);
    }

    fn patch_length(&mut self, start: usize) {
        let length = wire_length(self.out.len() - start - 4);
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a text: for paths that are at hand.
pub(crate) fn text(text: &str) -> impl FnOnce(&mut Vec<u8>) {
    |out| out.extend_from_slice(text.as_bytes())
}

/// Lengths here are of values that a run has bounded and of paths that it made itself.
fn wire_length(length: usize) -> i32 {
    i32::try_from(length).expect("requests are far below two gigabytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::hex;

    fn check(encode: impl FnOnce(&mut Encoder<'_>), expect: &str) {
        let mut out = Vec::new();
        encode(&mut Encoder::new(&mut out));
        assert_eq!(out, hex(expect));
    }

    #[test]
    fn requests_have_the_bytes_that_zookeeper_expects() {
        check(
            |e| e.connect(30_000),
            "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 00",
        );
        let mode = CreateMode::Persistent;
        check(
            |e| e.request(1, opcode::CREATE, |e| e.create(text("/a"), text("x"), mode)),
            "00000032 00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000",
        );
        check(
            |e| e.request(2, opcode::GET, |e| e.read(text("/a"), false)),
            "0000000f 00000002 00000004 00000002 2f61 00",
        );
        check(
            |e| e.request(3, opcode::SET, |e| e.set(text("/a"), text("x"))),
            "00000017 00000003 00000005 00000002 2f61 00000001 78 ffffffff",
        );
        check(
            |e| e.request(4, opcode::DELETE, |e| e.any_version(text("/a"))),
            "00000012 00000004 00000002 00000002 2f61 ffffffff",
        );
        check(|e| e.request(7, opcode::CLOSE, |_| ()), "00000008 00000007 fffffff5");
        check(|e| e.ping(), "00000008 fffffffe 0000000b");
    }

    #[test]
    fn a_multi_has_a_header_before_each_part_and_one_at_the_end() {
        check(
            |e| {
                e.request(5, opcode::MULTI, |e| {
                    e.part(opcode::CHECK);
                    e.any_version(text("/a"));
                    e.end_of_parts();
                });
            },
            "00000024 00000005 0000000e 0000000d 00 00000000 00000002 2f61 ffffffff ffffffff 01 ffffffff",
        );
    }
}
