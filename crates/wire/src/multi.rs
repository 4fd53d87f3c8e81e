//! multi and multiRead: a sequence of operations, each behind a header, closed by a last header.

use alloc::vec::Vec;

use crate::jute::{Buffer, DecodeError, Reader, Record, Text};
use crate::op::OpCode;
use crate::request::{CreateMode, CreateRequest, MultiReadPart, WriteRequest};
use crate::stat::Stat;

records! {
    /// Precedes each operation and each result.
    #[derive(Copy)]
    pub struct MultiHeader {
        /// The operation's number; -1 for an error result and at the end.
        pub op: i32,
        /// Whether this is the end.
        pub done: bool,
        /// -1 in requests, 0 or the error code in results.
        pub err: i32,
    }
}

impl MultiHeader {
    const END: MultiHeader = MultiHeader { op: -1, done: true, err: -1 };
}

/// An operation that may stand within a sequence.
pub trait Within<'a>: Sized {
    /// Reads the operation with the number `op`.
    ///
    /// # Errors
    /// When the bytes are no such operation or it may not stand here; the whole request fails then.
    fn read(op: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

pub(crate) fn read_ops<'a, O: Within<'a>>(input: &mut Reader<'a>) -> Result<Vec<O>, DecodeError> {
    let mut ops = Vec::new();
    loop {
        let header: MultiHeader = input.read()?;
        if header.done {
            return Ok(ops);
        }
        ops.push(O::read(header.op, input)?);
    }
}

fn unknown(op: i32) -> DecodeError {
    DecodeError::Unknown { what: "operation within a multi", value: op }
}

impl<'a> Within<'a> for WriteRequest<'a> {
    fn read(op: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let known = OpCode::from_code(op).ok_or(unknown(op))?;
        match WriteRequest::read_simple(known, input)? {
            WriteRequest::Create(create) => Ok(WriteRequest::Create(create.within_multi()?)),
            other => Ok(other),
        }
    }
}

impl CreateRequest<'_> {
    /// Java builds typed operations while it decodes a multi, so the mode decides there and then
    /// (`MultiOperationRecord.deserialize`, `Op.create`).
    fn within_multi(self) -> Result<Self, DecodeError> {
        let bad_mode = DecodeError::Unknown { what: "create mode", value: self.flags };
        let mode = CreateMode::from_code(self.flags);
        let op = match (self.op, mode) {
            (OpCode::CreateTtl, Some(mode)) if mode.has_ttl() => OpCode::CreateTtl,
            (OpCode::CreateTtl, Some(CreateMode::Container)) => OpCode::CreateContainer,
            (OpCode::CreateTtl, _) => OpCode::Create,
            (_, None) => return Err(bad_mode),
            (_, Some(_)) if self.acl.is_none() => return Err(DecodeError::NullAcl),
            (_, Some(mode)) if mode.has_ttl() => return Err(bad_mode),
            (_, Some(CreateMode::Container)) => OpCode::CreateContainer,
            (op, Some(_)) => op,
        };
        Ok(CreateRequest { op, ..self })
    }
}

impl<'a> Within<'a> for MultiReadPart<'a> {
    fn read(op: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match OpCode::from_code(op) {
            Some(OpCode::GetData) => Ok(MultiReadPart::GetData(input.read()?)),
            Some(OpCode::GetChildren) => Ok(MultiReadPart::GetChildren(input.read()?)),
            _ => Err(unknown(op)),
        }
    }
}

pub(crate) fn write_ops(ops: &[WriteRequest<'_>], out: &mut Vec<u8>) {
    for op in ops {
        MultiHeader { op: op.op().code(), done: false, err: -1 }.write(out);
        op.write(out);
    }
    MultiHeader::END.write(out);
}

/// One result of a multi or multiRead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiResult<'a> {
    /// create.
    Create(Text<'a>),
    /// create2, createContainer, createTTL.
    Create2(Text<'a>, Stat),
    /// delete.
    Delete,
    /// setData.
    SetData(Stat),
    /// check.
    Check,
    /// getChildren.
    Children(Vec<Text<'a>>),
    /// getData.
    Data(Buffer<'a>, Stat),
    /// An error code; 0 for an operation undone because a later one failed.
    Error(i32),
}

impl<'a> MultiResult<'a> {
    /// Appends the result to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let header = |op: OpCode, err| MultiHeader { op: op.code(), done: false, err };
        match self {
            MultiResult::Create(path) => {
                header(OpCode::Create, 0).write(out);
                path.write(out);
            }
            MultiResult::Create2(path, stat) => {
                header(OpCode::Create2, 0).write(out);
                path.write(out);
                stat.write(out);
            }
            MultiResult::Delete => header(OpCode::Delete, 0).write(out),
            MultiResult::SetData(stat) => {
                header(OpCode::SetData, 0).write(out);
                stat.write(out);
            }
            MultiResult::Check => header(OpCode::Check, 0).write(out),
            MultiResult::Children(names) => {
                header(OpCode::GetChildren, 0).write(out);
                names.write(out);
            }
            MultiResult::Data(data, stat) => {
                header(OpCode::GetData, 0).write(out);
                data.write(out);
                stat.write(out);
            }
            MultiResult::Error(code) => {
                header(OpCode::Error, *code).write(out);
                code.write(out);
            }
        }
    }

    /// Appends the header that closes a sequence of results.
    pub fn write_end(out: &mut Vec<u8>) {
        MultiHeader::END.write(out);
    }

    fn read(op: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match OpCode::from_code(op) {
            Some(OpCode::Create) => MultiResult::Create(input.read()?),
            Some(OpCode::Create2) => MultiResult::Create2(input.read()?, input.read()?),
            Some(OpCode::Delete) => MultiResult::Delete,
            Some(OpCode::SetData) => MultiResult::SetData(input.read()?),
            Some(OpCode::Check) => MultiResult::Check,
            Some(OpCode::GetChildren) => MultiResult::Children(input.read()?),
            Some(OpCode::GetData) => MultiResult::Data(input.read()?, input.read()?),
            Some(OpCode::Error) => MultiResult::Error(input.read()?),
            _ => return Err(unknown(op)),
        })
    }
}

/// Reads the results of a multi or multiRead, as a client does.
///
/// # Errors
/// When the bytes are no such results.
pub fn read_results<'a>(input: &mut Reader<'a>) -> Result<Vec<MultiResult<'a>>, DecodeError> {
    let mut results = Vec::new();
    loop {
        let header: MultiHeader = input.read()?;
        if header.done {
            return Ok(results);
        }
        results.push(MultiResult::read(header.op, input)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::{Acl, Perms};
    use alloc::vec;

    /// What a multi makes of a create of its own.
    fn within(op: OpCode, flags: i32, acl: Option<Vec<Acl<'_>>>) -> Result<OpCode, DecodeError> {
        let path = Text::from("/a");
        CreateRequest { op, path, data: None, acl, flags, ttl_ms: 1 }
            .within_multi()
            .map(|create| create.op)
    }

    fn open(op: OpCode, flags: i32) -> Result<OpCode, DecodeError> {
        within(op, flags, Some(vec![Acl::world(Perms::ALL)]))
    }

    #[test]
    fn the_mode_decides_what_is_created() {
        use OpCode::{Create, Create2, CreateContainer, CreateTtl};
        assert_eq!(open(Create, 3), Ok(Create));
        assert_eq!(open(Create2, 0), Ok(Create2));
        assert_eq!(open(Create2, 4), Ok(CreateContainer));
        assert_eq!(open(CreateContainer, 0), Ok(CreateContainer));
        assert_eq!(open(CreateTtl, 5), Ok(CreateTtl));
        assert_eq!(open(CreateTtl, 4), Ok(CreateContainer));
        assert_eq!(open(CreateTtl, 1), Ok(Create));
        assert_eq!(open(CreateTtl, 99), Ok(Create));
    }

    #[test]
    fn what_is_missing_is_missed_in_the_order_of_java() {
        let bad_mode = |value| Err(DecodeError::Unknown { what: "create mode", value });
        for op in [OpCode::Create, OpCode::Create2, OpCode::CreateContainer] {
            assert_eq!(within(op, 7, None), bad_mode(7), "{op:?}");
            assert_eq!(within(op, 5, None), Err(DecodeError::NullAcl), "{op:?}");
            assert_eq!(open(op, 5), bad_mode(5), "{op:?}");
            assert_eq!(within(op, 4, None), Err(DecodeError::NullAcl), "{op:?}");
        }
        assert_eq!(within(OpCode::CreateTtl, 5, None), Ok(OpCode::CreateTtl));
        assert_eq!(within(OpCode::CreateTtl, 0, None), Ok(OpCode::Create));
    }
}
