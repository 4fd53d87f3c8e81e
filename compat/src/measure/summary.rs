//! What the rounds of a row come to.

use super::record::{Ledger, Record};
use super::row::{Figure, Goal, Row, Unit};
use super::subject::Subject;

/// The least, the middle and the most of some rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// The median; of an even number the upper of the two in the middle.
    pub median: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of some values; none of no values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(Self { min, median: sorted[sorted.len() / 2], max })
    }
}

/// A figure of a row, of everyone.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Which figure.
    pub figure: Figure,
    /// Apache ZooKeeper's.
    pub java: Option<Spread>,
    /// Ours.
    pub ours: Option<Spread>,
    /// The null server's.
    pub null: Option<Spread>,
    /// By how much ours is better than Java's, round by round.
    pub times: Option<Spread>,
}

/// Whether a goal is met, and by how much it is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Better than the goal asks, as far as what would be better still.
    Beyond,
    /// Met.
    Met,
    /// Short of it by this share.
    Short(f64),
    /// Not measured.
    Unknown,
}

impl Summary {
    /// Of a figure of a row.
    #[must_use]
    pub fn of(row: &Row, figure: Figure, ledger: &Ledger) -> Self {
        let records = ledger.newest(row.id);
        let values = |subject| -> Vec<(u32, f64)> {
            let of_subject = records.iter().filter(|record: &&&Record| record.subject == subject);
            of_subject
                .filter_map(|record| Some((record.round, *record.figures.get(figure.key)?)))
                .collect()
        };
        let (java, ours) = (values(Subject::Java), values(Subject::Rookeeper));
        let times: Vec<f64> = ours
            .iter()
            .filter_map(|&(round, ours)| {
                let &(_, java) = java.iter().find(|(other, _)| *other == round)?;
                Some(if figure.unit.more_is_better() { ours / java } else { java / ours })
            })
            .filter(|times| times.is_finite())
            .collect();
        let spread =
            |of: &[(u32, f64)]| Spread::of(&of.iter().map(|&(_, value)| value).collect::<Vec<_>>());
        Self {
            figure,
            java: spread(&java),
            ours: spread(&ours),
            null: spread(&values(Subject::Null)),
            times: Spread::of(&times),
        }
    }

    /// Our share of what the null server does.
    #[must_use]
    pub fn of_null(&self) -> Option<f64> {
        let (ours, null) = (self.ours?.median, self.null?.median);
        Some(if self.figure.unit.more_is_better() { ours / null } else { null / ours })
    }

    /// What became of a goal.
    #[must_use]
    pub fn verdict(&self, goal: Goal) -> Verdict {
        let reached = |value: Option<f64>, asked: f64| match value {
            None => Verdict::Unknown,
            Some(value) if value >= asked => Verdict::Met,
            Some(value) => Verdict::Short(1.0 - value / asked),
        };
        let ours = self.ours.map(|ours| ours.median);
        match goal {
            Goal::Times(must, beyond) => match self.times.map(|times| times.median) {
                Some(times) if times >= beyond => Verdict::Beyond,
                times => reached(times, must),
            },
            Goal::AtLeast(least) => reached(ours, least),
            Goal::OfNull(share) => reached(self.of_null(), share),
            Goal::AtMost(most) => match ours {
                None => Verdict::Unknown,
                Some(ours) if ours <= most => Verdict::Met,
                // Of a goal of nothing at all there is no share.
                Some(ours) => Verdict::Short(if most > 0.0 { ours / most - 1.0 } else { 1.0 }),
            },
        }
    }
}

/// A value as people read it.
#[must_use]
pub fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => grouped(value),
        Unit::Microseconds => format!("{} ms", digits(value / 1000.0)),
        Unit::Seconds if value < 1.0 => format!("{} ms", digits(value * 1000.0)),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::Bytes if value < 10_000.0 => format!("{} B", digits(value)),
        Unit::Bytes if value < 1024.0 * 1024.0 => format!("{} KB", digits(value / 1024.0)),
        Unit::Bytes => format!("{} MB", digits(value / 1024.0 / 1024.0)),
        Unit::Count => grouped(value),
        Unit::Share | Unit::Reached => format!("{} %", digits(value * 100.0)),
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with its thousands apart.
fn grouped(value: f64) -> String {
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEED: Figure =
        Figure { key: "ops_per_s", name: "throughput", unit: Unit::PerSecond, goals: &[] };

    fn summary(java: f64, ours: f64, null: f64, unit: Unit) -> Summary {
        let one = |value| Spread::of(&[value]);
        let times = if unit.more_is_better() { ours / java } else { java / ours };
        Summary {
            figure: Figure { unit, ..SPEED },
            java: one(java),
            ours: one(ours),
            null: one(null),
            times: one(times),
        }
    }

    #[test]
    fn a_spread_has_its_median() {
        let spread = Spread::of(&[3.0, 1.0, 2.0, 9.0, 4.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 3.0, 9.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn verdicts_follow_the_goal() {
        let speed = summary(10.0, 80.0, 160.0, Unit::PerSecond);
        assert_eq!(speed.verdict(Goal::Times(7.0, 11.0)), Verdict::Met);
        assert_eq!(speed.verdict(Goal::Times(5.0, 8.0)), Verdict::Beyond);
        assert_eq!(speed.verdict(Goal::Times(10.0, 11.0)), Verdict::Short(1.0 - 0.8));
        assert_eq!(speed.verdict(Goal::OfNull(0.5)), Verdict::Met);
        assert_eq!(speed.verdict(Goal::OfNull(0.625)), Verdict::Short(1.0 - 0.5 / 0.625));
        let memory = summary(90.0, 15.0, 1.0, Unit::Bytes);
        assert_eq!(memory.verdict(Goal::Times(6.0, 9.0)), Verdict::Met);
        assert_eq!(memory.verdict(Goal::AtMost(15.0)), Verdict::Met);
        assert_eq!(memory.verdict(Goal::AtMost(10.0)), Verdict::Short(0.5));
        let nothing = Summary { java: None, ours: None, null: None, times: None, figure: SPEED };
        assert_eq!(nothing.verdict(Goal::AtLeast(1.0)), Verdict::Unknown);
    }

    #[test]
    fn values_are_shown_in_a_unit_that_fits() {
        let shown = [
            shown(1_234_567.4, Unit::PerSecond),
            shown(123.0, Unit::PerSecond),
            shown(1850.0, Unit::Microseconds),
            shown(0.0124, Unit::Seconds),
            shown(3.25, Unit::Seconds),
            shown(31.5, Unit::Bytes),
            shown(200.0 * 1024.0 * 1024.0, Unit::Bytes),
            shown(1.126, Unit::Share),
        ];
        let expected =
            ["1,234,567", "123", "1.85 ms", "12.4 ms", "3.25 s", "31.5 B", "200 MB", "113 %"];
        assert_eq!(shown, expected);
    }
}
