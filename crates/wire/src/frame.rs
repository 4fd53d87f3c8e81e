use alloc::vec::Vec;

use crate::jute::Limits;

/// A frame that cannot be accepted; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frame of {length} bytes: the limit is {limit} (jute.maxbuffer)")]
pub struct FrameError {
    /// The length that the peer announced.
    pub length: i32,
    /// The greatest length accepted.
    pub limit: u32,
}

/// Cuts a run of received bytes into frames, in place.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    consumed: usize,
    limit: u32,
}

impl<'a> Frames<'a> {
    /// Frames at the front of `bytes`, none longer than the limits allow.
    #[must_use]
    pub fn new(bytes: &'a [u8], limits: Limits) -> Frames<'a> {
        Frames { bytes, consumed: 0, limit: limits.frame_bytes_max }
    }

    /// How many bytes the frames returned so far took, lengths included.
    #[must_use]
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// The next whole frame's payload; `None` when more bytes must arrive first.
    ///
    /// # Errors
    /// When the announced length is negative or above the limit.
    pub fn next_frame(&mut self) -> Result<Option<&'a [u8]>, FrameError> {
        let Some((head, rest)) = self.bytes[self.consumed..].split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = i32::from_be_bytes(*head);
        let Some(len) = u32::try_from(length).ok().filter(|len| *len <= self.limit) else {
            return Err(FrameError { length, limit: self.limit });
        };
        let Some(payload) = rest.get(..len as usize) else {
            return Ok(None);
        };
        self.consumed += 4 + payload.len();
        Ok(Some(payload))
    }

    /// Bytes that the frame now incomplete still lacks to be whole; 0 when even its length is
    /// unknown. Lets a receiver make room once for a large frame.
    #[must_use]
    pub fn missing(&self) -> usize {
        let rest = &self.bytes[self.consumed..];
        rest.first_chunk::<4>().map_or(0, |head| {
            let len = u32::from_be_bytes(*head).min(self.limit) as usize;
            (4 + len).saturating_sub(rest.len())
        })
    }
}

/// Starts a frame at the end of `out`; give the result to [`end_frame`] once the payload is there.
pub fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

/// Writes the length of the frame begun at `start`.
///
/// # Panics
/// If the payload is larger than 2 GiB: nothing of that size may be built at all.
pub fn end_frame(out: &mut [u8], start: usize) {
    let payload = out.len() - start - 4;
    let length = i32::try_from(payload).expect("a frame never exceeds 2 GiB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_as_they_become_whole() {
        let bytes = [0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 9, 1];
        let mut frames = Frames::new(&bytes, Limits::default());
        assert_eq!(frames.next_frame(), Ok(Some(&[7][..])));
        assert_eq!(frames.next_frame(), Ok(Some(&[][..])));
        assert_eq!(frames.next_frame(), Ok(None));
        assert_eq!((frames.consumed(), frames.missing()), (9, 8));
    }

    #[test]
    fn a_length_beyond_the_limit_ends_the_connection() {
        for bytes in [[0, 0x10, 0, 0], [0xff, 0xff, 0xff, 0xff]] {
            assert!(Frames::new(&bytes, Limits::default()).next_frame().is_err());
        }
        let at_the_limit = [0, 0x0f, 0xff, 0xff];
        assert_eq!(Frames::new(&at_the_limit, Limits::default()).next_frame(), Ok(None));
    }
}
