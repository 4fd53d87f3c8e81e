use alloc::vec::Vec;

use base::{SessionId, Zxid};

use crate::jute::{Buffer, DecodeError, Limits, Reader, Record};

/// Length of a session password, in bytes.
pub const PASSWORD_LEN: usize = 16;

/// The first frame of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest<'a> {
    /// Always 0.
    pub protocol_version: i32,
    /// The newest state the client has seen.
    pub last_zxid_seen: Zxid,
    /// Session timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to renew; 0 for a new one.
    pub session: SessionId,
    /// The session's password.
    pub password: Buffer<'a>,
    /// Whether a read-only server will do; `None` from clients before 3.4, which do not send it.
    pub read_only: Option<bool>,
}

impl<'a> ConnectRequest<'a> {
    /// Reads the first frame's payload.
    ///
    /// # Errors
    /// When it is no connect request: the connection is then closed without an answer.
    pub fn decode(payload: &'a [u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut input = Reader::new(payload, limits);
        Ok(ConnectRequest {
            protocol_version: input.read()?,
            last_zxid_seen: input.read()?,
            timeout_ms: input.read()?,
            session: input.read()?,
            password: input.read()?,
            read_only: if input.rest().is_empty() { None } else { Some(input.read()?) },
        })
    }

    /// Appends the payload to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.protocol_version.write(out);
        self.last_zxid_seen.write(out);
        self.timeout_ms.write(out);
        self.session.write(out);
        self.password.write(out);
        if let Some(read_only) = self.read_only {
            read_only.write(out);
        }
    }
}

/// The answer to a [`ConnectRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// Always 0.
    pub protocol_version: i32,
    /// The negotiated timeout in milliseconds; 0 says that the session is not valid.
    pub timeout_ms: i32,
    /// The session; 0 when not valid.
    pub session: SessionId,
    /// Its password; zeros when not valid.
    pub password: [u8; PASSWORD_LEN],
    /// Whether the server is read-only. Written only if the request carried the byte.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// The answer that refuses a session. `read_only` is present if the request had the byte.
    #[must_use]
    pub fn invalid(read_only: Option<bool>) -> ConnectResponse {
        ConnectResponse {
            protocol_version: 0,
            timeout_ms: 0,
            session: SessionId::NONE,
            password: [0; PASSWORD_LEN],
            read_only,
        }
    }

    /// Reads the payload of a server's first frame.
    ///
    /// # Errors
    /// When it is no connect response.
    pub fn decode(payload: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        let mut input = Reader::new(payload, limits);
        Ok(ConnectResponse {
            protocol_version: input.read()?,
            timeout_ms: input.read()?,
            session: input.read()?,
            password: input
                .buffer()?
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(DecodeError::Null)?,
            read_only: if input.rest().is_empty() { None } else { Some(input.read()?) },
        })
    }

    /// Appends the payload to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.protocol_version.write(out);
        self.timeout_ms.write(out);
        self.session.write(out);
        Some(&self.password[..]).write(out);
        if let Some(read_only) = self.read_only {
            read_only.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_read_only_byte_is_optional() {
        let mut request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(3),
            timeout_ms: 30_000,
            session: SessionId::NONE,
            password: Some(&[0; 16]),
            read_only: Some(true),
        };
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        assert_eq!(bytes.len(), 45);
        assert_eq!(ConnectRequest::decode(&bytes, Limits::default()).as_ref(), Ok(&request));
        request.read_only = None;
        assert_eq!(ConnectRequest::decode(&bytes[..44], Limits::default()), Ok(request));
        assert!(ConnectRequest::decode(&bytes[..43], Limits::default()).is_err());
    }
}
