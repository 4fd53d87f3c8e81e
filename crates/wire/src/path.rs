//! Paths of znodes: what is valid, and how they come apart.

use core::fmt;

/// Why a path is not valid, in the words that ZooKeeper's users know (`PathUtils.validatePath`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// The empty string.
    Empty,
    /// Does not start with a slash.
    NotAbsolute,
    /// Ends with a slash and is not the root.
    TrailingSlash,
    /// Something is wrong at a place within it.
    At {
        /// What is wrong.
        reason: &'static str,
        /// Index of the UTF-16 unit, as Java counts.
        index: usize,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Empty => f.write_str("Path length must be > 0"),
            PathError::NotAbsolute => f.write_str("Path must start with / character"),
            PathError::TrailingSlash => f.write_str("Path must not end with / character"),
            PathError::At { reason, index } => write!(f, "{reason} @{index}"),
        }
    }
}

/// Checks a whole path.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn validate(path: &str) -> Result<(), PathError> {
    match path.as_bytes() {
        [] => return Err(PathError::Empty),
        [b'/'] => return Ok(()),
        [b'/', .., b'/'] => return Err(PathError::TrailingSlash),
        [b'/', ..] => {}
        _ => return Err(PathError::NotAbsolute),
    }
    if is_plain(path.as_bytes()) { Ok(()) } else { validate_slowly(path) }
}

/// Printable ASCII without empty or dotted components: nearly every path there is.
fn is_plain(bytes: &[u8]) -> bool {
    let mut previous = 0;
    for byte in bytes {
        if !(0x20..0x7f).contains(byte) || (previous == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        previous = *byte;
    }
    true
}

fn validate_slowly(path: &str) -> Result<(), PathError> {
    let mut index = 1;
    for name in path[1..].split('/') {
        for character in name.chars() {
            let reason = match character {
                '\0' => Some("null character not allowed"),
                '\u{1}'..='\u{1f}'
                | '\u{7f}'..='\u{9f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fff0}'..='\u{10ffff}' => Some("invalid character"),
                _ => None,
            };
            if let Some(reason) = reason {
                return Err(PathError::At { reason, index });
            }
            index += character.len_utf16();
        }
        let reason = match name {
            "" => Some("empty node name specified"),
            "." | ".." => Some("relative paths not allowed"),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(PathError::At { reason, index });
        }
        index += 1;
    }
    Ok(())
}

/// The parent's path and the last name; `None` for the root and for what has no slash.
#[must_use]
pub fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/')? {
        ("", "") => None,
        ("", name) => Some(("/", name)),
        parent_and_name => Some(parent_and_name),
    }
}

/// The first component of a path, empty for the root: what namespaces of quotas and metrics go by.
#[must_use]
pub fn top_component(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default()
}

/// The path that the body of most requests and transactions begins with, unchecked: for counting
/// and preparing only.
#[must_use]
pub fn leading(body: &[u8]) -> Option<&[u8]> {
    let (len, rest) = body.split_first_chunk::<4>()?;
    rest.get(..u32::from_be_bytes(*len) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_paths() {
        for path in ["/", "/a", "/a/b c", "/...", "/.a", "/a/..b", "/é", "/\u{ffef}", "/\u{a0}"] {
            assert_eq!(validate(path), Ok(()), "{path:?}");
        }
    }

    #[test]
    fn invalid_paths() {
        let at = |reason, index| Err(PathError::At { reason, index });
        assert_eq!(validate(""), Err(PathError::Empty));
        assert_eq!(validate("a"), Err(PathError::NotAbsolute));
        assert_eq!(validate("/a/"), Err(PathError::TrailingSlash));
        assert_eq!(validate("/a//b"), at("empty node name specified", 3));
        assert_eq!(validate("/a/../b"), at("relative paths not allowed", 5));
        assert_eq!(validate("/."), at("relative paths not allowed", 2));
        assert_eq!(validate("/a\0b"), at("null character not allowed", 2));
        for odd in ["/\u{1}", "/\u{7f}", "/\u{9f}", "/\u{e000}", "/\u{fff0}", "/\u{1f600}"] {
            assert_eq!(validate(odd), at("invalid character", 1), "{odd:?}");
        }
    }

    #[test]
    fn paths_come_apart() {
        assert_eq!(split("/"), None);
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(top_component("/a/b"), "a");
        assert_eq!(top_component("/"), "");
    }
}
