use std::fmt;

/// An average as ZooKeeper shows it: rounded half up to four decimals, 0 without samples.
#[must_use]
pub fn average(sum: u64, count: u64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    round(approximate(sum) / approximate(count))
}

/// Rounds the exact value of the double, as Java's `BigDecimal` does.
fn round(value: f64) -> f64 {
    // Formatting rounds a tie to even. Ties are the odd multiples of 1/32: nudge them upwards.
    let tie = (value * 32.0) % 2.0 == 1.0;
    let value = if tie { value.next_up() } else { value };
    format!("{value:.4}").parse().unwrap_or(value)
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 an average needs no last digit")]
const fn approximate(value: u64) -> f64 {
    value as f64
}

/// Shows a double the way Java does: `0.0`, `12.3456`, `1.0E-4`, `1.2345678E7`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JavaDouble(pub f64);

impl fmt::Display for JavaDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || (1e-3..1e7).contains(&size) {
            return write!(f, "{:?}", self.0);
        }
        if !size.is_finite() {
            return f.write_str(if self.0.is_nan() { "NaN" } else { self.infinity() });
        }
        let shortest = format!("{:E}", self.0);
        match shortest.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => {
                write!(f, "{digits}.0E{exponent}")
            }
            _ => f.write_str(&shortest),
        }
    }
}

impl JavaDouble {
    const fn infinity(self) -> &'static str {
        if self.0.is_sign_positive() { "Infinity" } else { "-Infinity" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sum: u64, count: u64, expect: &str) {
        assert_eq!(JavaDouble(average(sum, count)).to_string(), expect, "{sum}/{count}");
    }

    /// Each line was printed by a Java 17 that averages and rounds as ZooKeeper does.
    #[test]
    fn averages_are_those_of_java() {
        check(0, 0, "0.0");
        check(0, 1, "0.0");
        check(1, 3, "0.3333");
        check(2, 3, "0.6667");
        check(1, 20_000, "1.0E-4");
        check(3, 20_000, "1.0E-4");
        check(1, 20_001, "0.0");
        check(1, 32, "0.0313");
        check(3, 32, "0.0938");
        check(5, 32, "0.1563");
        check(6, 10_000, "6.0E-4");
        check(7, 8_000, "9.0E-4");
        check(1, 1_000, "0.001");
        check(1, 999, "0.001");
        check(22, 7, "3.1429");
        check(9_999_999, 1, "9999999.0");
        check(999_999_999, 100, "9999999.99");
        check(10_000_000, 1, "1.0E7");
        check(12_345_678, 1, "1.2345678E7");
        check(123_456_789_012, 7, "1.76366841445714E10");
        check(i64::MAX.unsigned_abs(), 1, "9.223372036854776E18");
        check(i64::MAX.unsigned_abs(), 3, "3.0744573456182584E18");
    }

    #[test]
    fn what_is_no_number_has_java_s_names() {
        assert_eq!(JavaDouble(f64::NAN).to_string(), "NaN");
        assert_eq!(JavaDouble(f64::INFINITY).to_string(), "Infinity");
        assert_eq!(JavaDouble(-f64::INFINITY).to_string(), "-Infinity");
        assert_eq!(JavaDouble(-1.5).to_string(), "-1.5");
    }
}
