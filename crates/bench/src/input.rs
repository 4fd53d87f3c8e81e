use std::io::{self, Read};

use crate::error::BenchError;
use crate::frame::{FRAME_HEADER_BYTES, first_frame};

/// Read from a busy socket at once.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes received, and how far frames were taken from them. A frame longer than one read grows the buffer only as its bytes come
/// in.
pub(crate) struct Input {
    bytes: Vec<u8>,
    filled: usize,
    taken: usize,
    read_bytes: usize,
}

impl Input {
    /// Reads about `read_bytes` at once, and more when that turns out to be too little.
    pub(crate) fn new(read_bytes: usize) -> Self {
        Self { bytes: Vec::new(), filled: 0, taken: 0, read_bytes }
    }

    /// Reads until the socket is empty; `false` at its end.
    pub(crate) fn fill(&mut self, socket: &mut impl Read) -> io::Result<bool> {
        loop {
            self.make_room();
            match socket.read(&mut self.bytes[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            // A read that leaves room found the end of what there was, and epoll tells of everything later: no second call is
            // needed to hear "would block".
            if self.filled < self.bytes.len() {
                return Ok(true);
            }
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
    }

    #[inline]
    pub(crate) fn next_frame(&mut self) -> Result<Option<&[u8]>, BenchError> {
        let unread = &self.bytes[self.taken..self.filled];
        let frame = first_frame(unread)?;
        self.taken += frame.map_or(0, |payload| FRAME_HEADER_BYTES + payload.len());
        Ok(frame)
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        if self.bytes.len() - self.filled < self.read_bytes / 2 {
            // Doubled once it is large: a long frame must not be moved at every read.
            let more = self.read_bytes.max(self.filled);
            self.bytes.resize(self.filled + more, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const READ_BYTES: usize = 1024;

    /// Gives its chunks one read at a time, then blocks.
    struct Chunks(VecDeque<Vec<u8>>);

    impl Read for Chunks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let chunk = self.0.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
            buffer[..chunk.len()].copy_from_slice(&chunk);
            Ok(chunk.len())
        }
    }

    #[test]
    fn frames_cut_anywhere_come_out_whole() {
        let stream = [&[0, 0, 0, 3][..], b"one", &[0, 0, 0, 0], &[0, 0, 0, 5], b"three"].concat();
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let mut input = Input::new(READ_BYTES);
            let mut frames = Vec::new();
            for chunk in [head, tail].into_iter().filter(|chunk| !chunk.is_empty()) {
                assert!(input.fill(&mut Chunks([chunk.to_vec()].into())).unwrap());
                while let Some(frame) = input.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&b"one"[..], b"", b"three"], "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_longer_than_one_read_grows_the_buffer() {
        let body = vec![7; 30 * READ_BYTES];
        let stream = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat();
        let mut input = Input::new(READ_BYTES);
        for chunk in stream.chunks(READ_BYTES / 3) {
            assert!(input.next_frame().unwrap().is_none());
            assert!(input.fill(&mut Chunks([chunk.to_vec()].into())).unwrap());
        }
        assert_eq!(input.next_frame().unwrap(), Some(&body[..]));
    }

    #[test]
    fn the_end_of_the_stream_is_told() {
        assert!(!Input::new(READ_BYTES).fill(&mut io::empty()).unwrap());
    }
}
