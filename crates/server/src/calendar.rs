use std::fmt;

/// A moment in UTC, to the second, for people to read (C-020).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    days: i64,
    second_of_day: i64,
}

/// A day of the Gregorian calendar.
struct Date {
    year: i64,
    month: usize,
    day: i64,
}

const DAY_SECONDS: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Utc {
    /// From seconds since 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self {
            days: seconds.div_euclid(DAY_SECONDS),
            second_of_day: seconds.rem_euclid(DAY_SECONDS),
        }
    }

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_seconds(millis.div_euclid(1000))
    }

    /// `2026-11-26 00:31`: the date of a build.
    #[must_use]
    pub fn minute(self) -> String {
        let Date { year, month, day } = self.date();
        let (hour, minute, _) = self.time();
        format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}", month + 1)
    }

    /// Counts days in eras of 400 years that start on 1 March, so that the leap day comes last.
    fn date(self) -> Date {
        const ERA_DAYS: i64 = 146_097;
        let days = self.days + 719_468;
        let (era, day) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12;
        Date {
            year: era * 400 + year_of_era + i64::from(month < 2),
            month: usize::try_from(month).unwrap_or(0),
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }

    const fn time(self) -> (i64, i64, i64) {
        let second = self.second_of_day;
        (second / 3600, second / 60 % 60, second % 60)
    }

    fn weekday(self) -> &'static str {
        WEEKDAYS[usize::try_from(self.days.rem_euclid(7)).unwrap_or(0)]
    }
}

/// `Thu Nov 26 00:31:47 UTC 2026`, as Java shows a date.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date();
        let (hour, minute, second) = self.time();
        let (weekday, month) = (self.weekday(), MONTHS[month]);
        write!(f, "{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expect: &str) {
        assert_eq!(Utc::from_seconds(seconds).to_string(), expect);
    }

    #[test]
    fn dates_are_shown_as_java_shows_them() {
        check(0, "Thu Jan 01 00:00:00 UTC 1970");
        check(-1, "Wed Dec 31 23:59:59 UTC 1969");
        check(951_782_400, "Tue Feb 29 00:00:00 UTC 2000");
        check(1_709_251_199, "Thu Feb 29 23:59:59 UTC 2024");
        check(1_709_251_200, "Fri Mar 01 00:00:00 UTC 2024");
        check(1_795_653_107, "Thu Nov 26 00:31:47 UTC 2026");
        check(4_107_542_400, "Mon Mar 01 00:00:00 UTC 2100");
    }

    #[test]
    fn a_build_is_dated_to_the_minute() {
        assert_eq!(Utc::from_millis(1_770_841_080_999).minute(), "2026-02-11 20:18");
    }
}
