//! Jute: big-endian integers, length-prefixed strings, buffers and vectors, records as the plain
//! sequence of their fields.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A string field. Borrowed where the input is valid UTF-8, else owned with U+FFFD in place of
/// what was not, as Java's decoder does.
pub type Text<'a> = Cow<'a, str>;

/// A byte field; `None` is jute's null (length -1), which is not the same as empty.
pub type Buffer<'a> = Option<&'a [u8]>;

/// Why bytes could not be read as a record. The text names field kind and number, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a field.
    #[error("the record ends {missing} bytes too early")]
    Truncated {
        /// How many bytes the field needed beyond the end.
        missing: usize,
    },
    /// A string's or buffer's length is negative (other than -1) or above the limit.
    #[error("Unreasonable length = {0}")]
    UnreasonableLength(i32),
    /// Null where a value is required.
    #[error("a required field is null")]
    Null,
    /// A create within a multi without an ACL. Java stumbles over it while it still decodes.
    #[error("a create within a multi has no ACL")]
    NullAcl,
    /// A number that names nothing (operation, mode, watch kind).
    #[error("{what} has no meaning for the value {value}")]
    Unknown {
        /// What the number should have named.
        what: &'static str,
        /// The number read.
        value: i32,
    },
}

/// How long strings and buffers may be: `jute.maxbuffer` plus `zookeeper.jute.maxbuffer.extrasize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame accepted from a client, in bytes (`jute.maxbuffer`).
    pub frame_bytes_max: u32,
    /// Longest string or buffer inside a record, in bytes.
    pub field_bytes_max: u32,
}

impl Limits {
    /// Java's default of `jute.maxbuffer`, in bytes.
    pub const DEFAULT_MAX_BUFFER: u32 = 0xf_ffff;

    /// Limits for the given `jute.maxbuffer` and extra size, which counts as at least 1024 bytes;
    /// the sum is capped at 2^31 - 1 as in Java (`BinaryInputArchive`).
    #[must_use]
    pub fn new(max_buffer: u32, extra: u32) -> Limits {
        let sum = u64::from(max_buffer) + u64::from(extra.max(1024));
        let cap = u64::from(i32::MAX.cast_unsigned());
        Limits {
            frame_bytes_max: max_buffer,
            field_bytes_max: u32::try_from(sum.min(cap)).unwrap_or(u32::MAX),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new(Self::DEFAULT_MAX_BUFFER, Self::DEFAULT_MAX_BUFFER)
    }
}

/// Reads fields from the front of a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    field_bytes_max: u32,
}

impl<'a> Reader<'a> {
    /// A reader over `bytes` that refuses fields longer than the limits say.
    #[must_use]
    pub fn new(bytes: &'a [u8], limits: Limits) -> Reader<'a> {
        Reader { rest: bytes, field_bytes_max: limits.field_bytes_max }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a record.
    pub fn read<R: Record<'a>>(&mut self) -> Result<R, DecodeError> {
        R::read(self)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { missing: len - self.rest.len() }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(DecodeError::Truncated { missing: N - self.rest.len() }),
        }
    }

    /// Reads a length-prefixed run of bytes; `None` is null.
    ///
    /// # Errors
    /// When the length is unreasonable or the input too short.
    pub fn buffer(&mut self) -> Result<Buffer<'a>, DecodeError> {
        let len: i32 = self.read()?;
        match u32::try_from(len) {
            Ok(n) if n <= self.field_bytes_max => Ok(Some(self.take(n as usize)?)),
            Err(_) if len == -1 => Ok(None),
            _ => Err(DecodeError::UnreasonableLength(len)),
        }
    }

    /// Reads a vector's count; `None` is null, and Java takes any other negative one for an empty
    /// vector. The count is a claim: nothing may be allocated by it.
    fn count(&mut self) -> Result<Option<u32>, DecodeError> {
        let count: i32 = self.read()?;
        Ok((count != -1).then(|| u32::try_from(count).unwrap_or(0)))
    }
}

/// Something with a jute form.
pub trait Record<'a>: Sized {
    /// Reads the value from the front of `input`.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no such value.
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Appends the value's jute form to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl<'a> Record<'a> for $type {
            fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Ok(<$type>::from_be_bytes(input.array()?))
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}
integer!(i8, i32, i64);

impl<'a> Record<'a> for bool {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(i8::read(input)? != 0)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl<'a> Record<'a> for base::Zxid {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(base::Zxid(i64::read(input)?))
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

impl<'a> Record<'a> for base::SessionId {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(base::SessionId(i64::read(input)?))
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    // A length beyond i32 cannot be framed at all; the frame writer refuses such a message.
    i32::try_from(len).unwrap_or(i32::MAX).write(out);
}

impl<'a> Record<'a> for Buffer<'a> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        input.buffer()
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).write(out),
            Some(bytes) => {
                write_len(bytes.len(), out);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// A string that may be null.
impl<'a> Record<'a> for Option<Text<'a>> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(input.buffer()?.map(text))
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).write(out),
            Some(text) => text.write(out),
        }
    }
}

/// A string that may not be null. Every path is one (C-022).
impl<'a> Record<'a> for Text<'a> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        input.buffer()?.map(text).ok_or(DecodeError::Null)
    }
    fn write(&self, out: &mut Vec<u8>) {
        if self.bytes().any(|b| b >= 0xf0) {
            write_cesu8(self, out);
        } else {
            Some(self.as_bytes()).write(out);
        }
    }
}

/// A vector; a null one reads as empty. Where the difference matters the field is `Option<Vec<_>>`.
impl<'a, R: Record<'a>> Record<'a> for Vec<R> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Option::<Vec<R>>::read(input)?.unwrap_or_default())
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_len(self.len(), out);
        self.iter().for_each(|item| item.write(out));
    }
}

impl<'a, R: Record<'a>> Record<'a> for Option<Vec<R>> {
    fn read(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let Some(count) = input.count()? else {
            return Ok(None);
        };
        // Grows as elements really arrive: each takes at least one byte of the input.
        let mut items = Vec::with_capacity((count as usize).min(16));
        for _ in 0..count {
            items.push(R::read(input)?);
        }
        Ok(Some(items))
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => (-1i32).write(out),
            Some(items) => items.write(out),
        }
    }
}

/// Decodes as Java does: what is not UTF-8 becomes U+FFFD, one for a whole encoded surrogate.
pub fn text(bytes: &[u8]) -> Text<'_> {
    match core::str::from_utf8(bytes) {
        Ok(valid) => Cow::Borrowed(valid),
        Err(_) => Cow::Owned(lossy(bytes)),
    }
}

fn lossy(mut bytes: &[u8]) -> String {
    let mut decoded = String::with_capacity(bytes.len());
    while let Err(bad) = core::str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(bad.valid_up_to());
        decoded.push_str(core::str::from_utf8(valid).unwrap_or_default());
        decoded.push('\u{fffd}');
        let skip = match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => bad.error_len().unwrap_or(rest.len()),
        };
        bytes = &rest[skip..];
    }
    decoded.push_str(core::str::from_utf8(bytes).unwrap_or_default());
    decoded
}

/// Java's writer encodes each UTF-16 unit by itself: a supplementary character becomes two
/// three-byte surrogates (CESU-8).
fn write_cesu8(text: &str, out: &mut Vec<u8>) {
    let mut encoded = Vec::with_capacity(text.len() * 3 / 2);
    for character in text.chars() {
        let mut units = [0u16; 2];
        for unit in character.encode_utf16(&mut units) {
            match char::from_u32(u32::from(*unit)) {
                Some(whole) => encoded.extend_from_slice(whole.encode_utf8(&mut [0; 4]).as_bytes()),
                None => encoded.extend_from_slice(&surrogate_bytes(*unit)),
            }
        }
    }
    Some(encoded.as_slice()).write(out);
}

fn surrogate_bytes(unit: u16) -> [u8; 3] {
    let [high, low] = unit.to_be_bytes();
    [0xe0 | (high >> 4), 0x80 | ((high & 0x0f) << 2) | (low >> 6), 0x80 | (low & 0x3f)]
}

/// Declares records: structs whose jute form is their fields in order.
macro_rules! records {
    ($($(#[$meta:meta])* pub struct $name:ident $(<$lt:lifetime>)? {
        $($(#[$field_meta:meta])* pub $field:ident : $type:ty,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name $(<$lt>)? {
            $($(#[$field_meta])* pub $field: $type,)*
        }
        records!(@impl $name $(<$lt>)? { $($field,)* });
    )*};
    (@impl $name:ident <$lt:lifetime> { $($field:ident,)* }) => {
        impl<$lt> $crate::jute::Record<$lt> for $name<$lt> {
            records!(@body $lt { $($field,)* });
        }
    };
    (@impl $name:ident { $($field:ident,)* }) => {
        impl<'a> $crate::jute::Record<'a> for $name {
            records!(@body 'a { $($field,)* });
        }
    };
    (@body $lt:lifetime { $($field:ident,)* }) => {
        fn read(input: &mut $crate::jute::Reader<$lt>) -> Result<Self, $crate::jute::DecodeError> {
            Ok(Self { $($field: input.read()?,)* })
        }
        fn write(&self, out: &mut alloc::vec::Vec<u8>) {
            $($crate::jute::Record::write(&self.$field, out);)*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read<'a, R: Record<'a>>(bytes: &'a [u8]) -> Result<R, DecodeError> {
        Reader::new(bytes, Limits::new(16, 1024)).read()
    }

    fn bytes<'a>(value: &impl Record<'a>) -> Vec<u8> {
        let mut out = Vec::new();
        value.write(&mut out);
        out
    }

    #[test]
    fn null_and_empty_are_different() {
        assert_eq!(read::<Buffer>(&[0xff, 0xff, 0xff, 0xff]), Ok(None));
        assert_eq!(read::<Buffer>(&[0, 0, 0, 0]), Ok(Some(&[][..])));
        assert_eq!(read::<Option<Vec<i32>>>(&[0xff; 4]), Ok(None));
        assert_eq!(read::<Option<Vec<i32>>>(&[0xff, 0xff, 0xff, 0xfe]), Ok(Some(vec![])));
        assert_eq!(bytes(&None::<Text>), [0xff; 4]);
    }

    #[test]
    fn lengths_are_claims_that_are_checked_first() {
        assert_eq!(
            read::<Buffer>(&[0x7f, 0, 0, 0]),
            Err(DecodeError::UnreasonableLength(0x7f00_0000))
        );
        assert_eq!(
            read::<Buffer>(&[0xff, 0xff, 0xff, 0xfe]),
            Err(DecodeError::UnreasonableLength(-2))
        );
        assert_eq!(read::<Text>(&[0, 0, 0, 9, b'x']), Err(DecodeError::Truncated { missing: 8 }));
        assert_eq!(read::<Vec<i64>>(&[0x7f, 0, 0, 0]), Err(DecodeError::Truncated { missing: 8 }));
        assert_eq!(read::<i32>(&[1]), Err(DecodeError::Truncated { missing: 3 }));
    }

    #[test]
    fn supplementary_characters_are_two_surrogates_and_come_back_as_two_replacements() {
        let written = bytes(&Text::from("a😀"));
        assert_eq!(written, [0, 0, 0, 7, b'a', 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]);
        assert_eq!(read::<Text>(&written), Ok(Text::from("a\u{fffd}\u{fffd}")));
    }

    #[test]
    fn a_surrogate_cut_short_is_one_replacement() {
        let read_text = |text: &[u8]| {
            let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend_from_slice(text);
            read::<Text>(&bytes).unwrap().into_owned()
        };
        assert_eq!(read_text(&[b'a', 0xed, 0xa0, b'b']), "a\u{fffd}b");
        assert_eq!(read_text(&[b'a', 0xed, 0xa0]), "a\u{fffd}");
        assert_eq!(read_text(&[0xed, 0xbf, 0xc3, 0xa9]), "\u{fffd}é");
    }

    #[test]
    fn vectors_keep_their_order() {
        let value = vec![Text::from("x"), Text::from("")];
        assert_eq!(read::<Vec<Text>>(&bytes(&value)), Ok(value));
    }
}
