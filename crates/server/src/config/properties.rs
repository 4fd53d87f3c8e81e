//! The file format of `zoo.cfg`: what `java.util.Properties` reads, with the line of every key.
//!
//! ISO-8859-1 bytes; `#` and `!` start a comment line; `=`, `:` or white space ends a key; a
//! backslash at the end of a line joins the next; `\uXXXX` is a UTF-16 unit and any other escaped
//! character stands for itself, so a lone backslash vanishes. Of a key given twice the last counts.

/// A key, its value, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key without the white space around it.
    pub key: String,
    /// The value without the white space around it.
    pub value: String,
    /// The number of the line on which the entry begins, from 1.
    pub line: usize,
}

/// A `\u` that four hexadecimal digits do not follow, the only thing such a file can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedEscape {
    /// The number of the line on which the entry begins, from 1.
    pub line: usize,
}

/// The entries of a properties file, each key once, in the order of their lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    entries: Vec<Entry>,
    shadowed: Vec<Entry>,
}

impl Properties {
    /// Reads a whole file.
    ///
    /// # Errors
    /// [`MalformedEscape`] with the line of the entry; Java refuses the file then, too.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedEscape> {
        let mut properties = Self::default();
        for line in logical_lines(bytes) {
            properties.put(line.entry()?);
        }
        Ok(properties)
    }

    /// The entries that count, in the order of their lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Entries that a later line with the same key replaced.
    #[must_use]
    pub fn shadowed(&self) -> &[Entry] {
        &self.shadowed
    }

    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn put(&mut self, entry: Entry) {
        if let Some(at) = self.entries.iter().position(|old| old.key == entry.key) {
            self.shadowed.push(self.entries.remove(at));
        }
        self.entries.push(entry);
    }
}

/// A line with its continuations joined and comments left out; escapes are still in it.
struct LogicalLine {
    number: usize,
    bytes: Vec<u8>,
}

impl LogicalLine {
    fn entry(&self) -> Result<Entry, MalformedEscape> {
        let (key, value) = split_key(&self.bytes);
        let text = |raw| unescape(raw).ok_or(MalformedEscape { line: self.number });
        Ok(Entry { key: trimmed(&text(key)?), value: trimmed(&text(value)?), line: self.number })
    }
}

/// Lines as an editor counts them: `\n`, `\r` or `\r\n` ends one.
fn natural_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        lines.push(line);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
    }
    lines
}

fn logical_lines(bytes: &[u8]) -> Vec<LogicalLine> {
    let mut logical = Vec::new();
    let mut open: Option<LogicalLine> = None;
    for (index, natural) in natural_lines(bytes).into_iter().enumerate() {
        let text = skip_blanks(natural);
        if open.is_none() && (text.is_empty() || matches!(text[0], b'#' | b'!')) {
            continue;
        }
        let (text, continues) = strip_continuation(text);
        let mut line = open.take().unwrap_or(LogicalLine { number: index + 1, bytes: Vec::new() });
        line.bytes.extend_from_slice(text);
        if continues {
            open = Some(line);
        } else {
            logical.push(line);
        }
    }
    logical.extend(open);
    logical.retain(|line| !line.bytes.is_empty());
    logical
}

/// An odd number of backslashes at the end joins the next line, and the last of them goes.
fn strip_continuation(line: &[u8]) -> (&[u8], bool) {
    let backslashes = line.iter().rev().take_while(|byte| **byte == b'\\').count();
    let continues = backslashes % 2 == 1;
    (&line[..line.len() - usize::from(continues)], continues)
}

/// The raw key and the raw value: the first separator that is not escaped parts them.
fn split_key(line: &[u8]) -> (&[u8], &[u8]) {
    let end = key_length(line);
    let (key, rest) = line.split_at(end);
    let rest = skip_blanks(rest);
    let value = match rest.first() {
        Some(b'=' | b':') => skip_blanks(&rest[1..]),
        _ => rest,
    };
    (key, value)
}

fn key_length(line: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in line.iter().enumerate() {
        if !escaped && (matches!(byte, b'=' | b':') || is_blank(*byte)) {
            return index;
        }
        escaped = !escaped && *byte == b'\\';
    }
    line.len()
}

/// Resolves escapes; none if a `\u` lacks its four digits.
fn unescape(raw: &[u8]) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        let Some((&escaped, tail)) = rest.split_first() else {
            break;
        };
        rest = tail;
        if escaped == b'u' {
            let (digits, tail) = rest.split_at_checked(4)?;
            units.push(hex_unit(digits)?);
            rest = tail;
        } else {
            units.push(u16::from(control(escaped)));
        }
    }
    Some(String::from_utf16_lossy(&units))
}

fn control(escaped: u8) -> u8 {
    match escaped {
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'f' => 0x0c,
        other => other,
    }
}

fn hex_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit: u16, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    &line[blanks..]
}

/// Java's `String.trim`: everything up to U+0020 goes, at both ends.
fn trimmed(text: &str) -> String {
    text.trim_matches(|c| c <= ' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expect: &[(&str, &str, usize)]) {
        let properties = Properties::parse(input).expect("readable");
        let got: Vec<_> = properties
            .entries()
            .iter()
            .map(|e| (e.key.as_str(), e.value.as_str(), e.line))
            .collect();
        assert_eq!(got, expect, "{:?}", String::from_utf8_lossy(input));
    }

    #[test]
    fn separators_and_white_space() {
        check(
            b"a=b\nc:d\ne f\n g = h \nij\n",
            &[("a", "b", 1), ("c", "d", 2), ("e", "f", 3), ("g", "h", 4), ("ij", "", 5)],
        );
        check(b"a\t:\t=b", &[("a", "=b", 1)]);
        check(b"\x0ca\x0cb", &[("a", "b", 1)]);
    }

    #[test]
    fn every_line_end_counts_once() {
        check(
            b"a=1\r\n\r\nb=2\rc=3\n\nd=4",
            &[("a", "1", 1), ("b", "2", 3), ("c", "3", 4), ("d", "4", 6)],
        );
    }

    #[test]
    fn comments_do_not_continue_but_entries_do() {
        check(
            b"# x \\\na=1\n! y\nb=2\\\n   3\\\n# 4\nc=5",
            &[("a", "1", 2), ("b", "23# 4", 4), ("c", "5", 7)],
        );
        check(b"a=b\\\n\nc=d", &[("a", "b", 1), ("c", "d", 3)]);
        check(b"a=b\\\\\nc=d\\", &[("a", "b\\", 1), ("c", "d", 2)]);
    }

    #[test]
    fn escapes() {
        check(br"a\=\:\ b=c\d\\e", &[("a=: b", "cd\\e", 1)]);
        check(br"a=\u0041\u00e9\ud83d\ude00x\tx", &[("a", "Aé😀x\tx", 1)]);
        check(b"a=caf\xe9", &[("a", "café", 1)]);
        assert_eq!(Properties::parse(b"\n\na=\\u00g1"), Err(MalformedEscape { line: 3 }));
        assert_eq!(Properties::parse(b"a=\\u00"), Err(MalformedEscape { line: 1 }));
    }

    #[test]
    fn the_last_of_two_counts_and_the_first_is_kept_aside() {
        let properties = Properties::parse(b"a=1\nb=2\na=3").expect("readable");
        assert_eq!(properties.get("a").map(|e| (e.value.as_str(), e.line)), Some(("3", 3)));
        assert_eq!(properties.shadowed().len(), 1);
    }
}
