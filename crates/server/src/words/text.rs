use std::fmt;

/// An answer under way, which never grows beyond a bound.
///
/// What would pass the bound is an error for the one who writes, so that a loop over a million
/// watches ends with `?` once there is enough.
pub struct Text {
    text: String,
    bytes_max: usize,
    is_full: bool,
}

/// Writes an answer of at most `bytes_max` bytes (and a last line that says so if it was cut).
pub fn answer(bytes_max: usize, write: impl FnOnce(&mut Text) -> fmt::Result) -> String {
    let mut text = Text { text: String::new(), bytes_max, is_full: false };
    // The only error is a full text, and that is noted in it.
    let _ = write(&mut text);
    text.finish()
}

impl Text {
    fn finish(mut self) -> String {
        if self.is_full {
            let lines = self.text.rfind('\n').map_or(0, |end| end + 1);
            self.text.truncate(lines);
            self.text += &format!("The answer is cut at {} bytes.\n", self.bytes_max);
        }
        self.text
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.is_full |= self.text.len() + more.len() > self.bytes_max;
        if self.is_full {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn an_answer_within_its_bound_is_whole() {
        assert_eq!(answer(4, |out| out.write_str("imok")), "imok");
    }

    #[test]
    fn a_longer_one_keeps_whole_lines_and_says_so() {
        let mut written = 0;
        let text = answer(10, |out| {
            for line in 0..1000 {
                writeln!(out, "a{line}")?;
                written += 1;
            }
            Ok(())
        });
        assert_eq!(text, "a0\na1\na2\nThe answer is cut at 10 bytes.\n");
        assert_eq!(written, 3);
    }
}
