//! Numbers and switches as Java reads them.

/// `Long.decode`: decimal, `0x`, `0X` or `#` hexadecimal, `0` octal; a sign goes first.
#[must_use]
pub fn decode(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = radix_of(digits);
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

fn radix_of(digits: &str) -> (u32, &str) {
    for prefix in ["0x", "0X", "#"] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return (16, rest);
        }
    }
    match digits.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (8, rest),
        _ => (10, digits),
    }
}

/// `Boolean.parseBoolean`: only `true`, in any case, is true.
#[must_use]
pub fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// Whether the text is one of the two words that leave no doubt.
#[must_use]
pub fn is_boolean(text: &str) -> bool {
    is_true(text) || text.eq_ignore_ascii_case("false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_knows_three_bases() {
        let cases = [
            ("16", Some(16)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("+#1f", Some(31)),
            (" 5", None),
            ("0x", None),
            ("-0x80000000", Some(-2_147_483_648)),
            ("00", Some(0)),
            ("08", None),
            ("0", Some(0)),
            ("", None),
            ("-", None),
            ("--5", None),
            ("0x-5", None),
            ("5k", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
        ];
        for (text, expect) in cases {
            assert_eq!(decode(text), expect, "{text}");
        }
    }
}
