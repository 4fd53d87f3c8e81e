//! `docs/benchmarks.md` and its plots, from the records.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::plot::{self, Pair, Ratio, Series};
use super::record::Ledger;
use super::row::{Goal, Row, Unit, Work};
use super::rows::ROWS;
use super::subject::Subject;
use super::summary::{Spread, Summary, Verdict, shown};

const INTRODUCTION: &str = "\
# Benchmarks

Rookeeper beside Apache ZooKeeper 3.9, and beside a server that only takes requests apart and syncs writes (the null server: the
ceiling). `cargo xtask bench` makes this page: it starts each in turn, round by round, on free ports of one machine that the client
shares, with the same `zoo.cfg`: each write is synced before it is answered, ACLs, digests and snapshots as they are by default.
\"CxP\" means C connections with P requests outstanding on each. Every reply is checked. Figures are medians of all rounds with the
least and the most; a ratio is of the two figures of one round. Absolute figures hold for this machine only.

```
cargo xtask bench            all rows; a run that was cut goes on where it was
cargo xtask bench R4 W3      these rows
cargo xtask bench --list     what there is
```
";

/// Writes the page and its plots below `docs`.
///
/// # Errors
/// When they cannot be written.
pub fn write(docs: &Path, ledger: &Ledger) -> Result<()> {
    let plots = docs.join("benchmarks");
    fs::create_dir_all(&plots)?;
    fs::write(plots.join("throughput.svg"), throughput(ledger))?;
    fs::write(plots.join("latency.svg"), latency(ledger))?;
    fs::write(plots.join("memory-and-time.svg"), memory_and_time(ledger))?;
    fs::write(plots.join("steady.svg"), steady(ledger))?;
    Ok(fs::write(docs.join("benchmarks.md"), page(ledger))?)
}

fn page(ledger: &Ledger) -> String {
    let mut page = INTRODUCTION.to_owned();
    for (plot, says) in [
        ("throughput", "Throughput as a multiple of Apache ZooKeeper's"),
        ("latency", "99th percentile of latency"),
        ("memory-and-time", "Memory and time of everything else"),
        ("steady", "Throughput over ten minutes"),
    ] {
        let _ = write!(page, "\n![{says}](benchmarks/{plot}.svg)\n");
    }
    page.push_str("\n## Rows\n\n");
    page.push_str(
        "| row | what | figure | Apache ZooKeeper | Rookeeper | ratio | null server | goal |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|---|\n");
    for row in ROWS.iter().filter(|row| !ledger.newest(row.id).is_empty()) {
        for (index, figure) in row.figures.iter().enumerate() {
            let (id, title) = if index == 0 { (row.id, row.title) } else { ("", "") };
            let line = Line { id, title, summary: Summary::of(row, *figure, ledger) };
            page.push_str(&line.markdown());
        }
    }
    page.push_str(&failures(ledger));
    page.push_str(&setup(ledger));
    page
}

struct Line<'a> {
    id: &'a str,
    title: &'a str,
    summary: Summary,
}

impl Line<'_> {
    fn markdown(&self) -> String {
        let Summary { figure, java, ours, null, times } = &self.summary;
        let value =
            |spread: &Option<Spread>| spread.map_or("".into(), |s| spread_shown(s, figure.unit));
        let ratio = times
            .map_or(String::new(), |t| format!("**{:.2}x** ({:.2}–{:.2})", t.median, t.min, t.max));
        let null = match (null, self.summary.of_null()) {
            (Some(null), Some(share)) => {
                format!("{} ({:.0} %)", shown(null.median, figure.unit), share * 100.0)
            }
            _ => String::new(),
        };
        let goals: Vec<String> = figure.goals.iter().map(|goal| self.goal(*goal)).collect();
        format!(
            "| {} | {} | {} | {} | {} | {ratio} | {null} | {} |\n",
            self.id,
            self.title,
            figure.name,
            value(java),
            value(ours),
            goals.join("; ")
        )
    }

    fn goal(&self, goal: Goal) -> String {
        let unit = self.summary.figure.unit;
        let asked = match goal {
            Goal::Times(must, _) => format!("≥ {must}x"),
            Goal::AtMost(most) => format!("≤ {}", shown(most, unit)),
            Goal::AtLeast(least) => format!("≥ {}", shown(least, unit)),
            Goal::OfNull(share) => format!("≥ {:.0} % of null", share * 100.0),
        };
        let verdict = match self.summary.verdict(goal) {
            Verdict::Beyond => "beyond".to_owned(),
            Verdict::Met => "met".to_owned(),
            Verdict::Short(share) => format!("short by {:.0} %", share * 100.0),
            Verdict::Unknown => "not measured".to_owned(),
        };
        format!("{asked}: {verdict}")
    }
}

fn spread_shown(spread: Spread, unit: Unit) -> String {
    let Spread { min, median, max } = spread;
    format!("{} ({}–{})", shown(median, unit), shown(min, unit), shown(max, unit))
}

/// What a server could not do at all.
fn failures(ledger: &Ledger) -> String {
    let mut text = String::new();
    for row in ROWS {
        let failures: BTreeSet<(Subject, &str)> = ledger
            .newest(row.id)
            .into_iter()
            .filter_map(|record| Some((record.subject, record.failure.as_deref()?)))
            .collect();
        for (subject, failure) in failures {
            let _ = write!(
                text,
                "\n{} could not be measured in {}: {failure}\n",
                subject.title(),
                row.id
            );
        }
    }
    text
}

/// On what, when, how often, and how.
fn setup(ledger: &Ledger) -> String {
    let mut text = String::from("\n## How it was measured\n\n");
    text.push_str("| row | rounds | commit | day | machine | taken by others | what it is done on | load |\n|---|---|---|---|---|---|---|---|\n");
    let mut machines: Vec<String> = Vec::new();
    for row in ROWS {
        let records = ledger.newest(row.id);
        let Some(last) = records.iter().rfind(|record| record.subject == Subject::Rookeeper) else {
            continue;
        };
        let machine = format!("{}; {}; {}", last.machine.cpu, last.machine.system, last.disk);
        let number = machines.iter().position(|known| *known == machine).unwrap_or_else(|| {
            machines.push(machine);
            machines.len() - 1
        });
        let rounds = records.iter().filter(|record| record.subject == Subject::Rookeeper).count();
        let stolen = records.iter().map(|record| record.stolen).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {} | {rounds} | {} | {} | {} | {:.1} % | {} | {} |",
            row.id,
            last.commit,
            last.day,
            number + 1,
            stolen * 100.0,
            on(row),
            command(row)
        );
    }
    text.push_str("\nMachines:\n");
    for (index, machine) in machines.iter().enumerate() {
        let _ = writeln!(text, "{}. {machine}", index + 1);
    }
    text
}

/// The stage in words: what differs from a server as it is by default.
fn on(row: &Row) -> String {
    let stage = row.stage;
    let mut words = vec![stage.name.to_owned()];
    words.extend(stage.lines.iter().map(|line| format!("`{line}`")));
    if stage.subjects.contains(&Subject::Java) {
        words.push(format!("`-Xmx{}`", stage.heap));
    }
    words.join(", ")
}

/// What `rookeeper bench` was asked, where that says it all.
fn command(row: &Row) -> String {
    match &row.work {
        Work::Filling => "`bench fill -c 32 -p 16`".into(),
        Work::Load(traffic)
        | Work::Snapshots(traffic)
        | Work::Disturbing(traffic)
        | Work::Steady(traffic, _) => {
            format!(
                "`bench load -c {} -p {} --mix {}`",
                traffic.connections, traffic.outstanding, traffic.mix
            )
        }
        Work::Cpu(traffic, operations) | Work::CpuByThreads(traffic, operations) => format!(
            "`bench load -c {} -p {} --mix {} --operations {operations}`",
            traffic.connections, traffic.outstanding, traffic.mix
        ),
        Work::IdleSessions(count) => format!("`bench sessions --count {count} --hold`"),
        Work::Burst(count) => format!("`bench sessions --count {count}`"),
        Work::FanOut(watchers) => format!("`bench fan-out --watchers {watchers} --events 11`"),
        Work::Watches(_) => "`bench watches --hold`".into(),
        Work::Start(_) => "start until `srvr` is answered".into(),
        Work::Size => "`strip`".into(),
        Work::Growth => "fill, load, restart, one snapshot".into(),
    }
}

/// Every summary of a row's figures with this key.
fn each<'a>(
    ledger: &'a Ledger,
    key: &'a str,
) -> impl Iterator<Item = (&'static Row, Summary)> + 'a {
    ROWS.iter().flat_map(move |row| {
        let figures = row.figures.iter().filter(move |figure| figure.key == key);
        figures.map(move |figure| (row, Summary::of(row, *figure, ledger)))
    })
}

fn throughput(ledger: &Ledger) -> String {
    let lines: Vec<Ratio> = each(ledger, "ops_per_s")
        .filter_map(|(row, summary)| {
            let Spread { min, median, max } = summary.times?;
            let goal = summary.figure.goals.iter().find_map(|goal| match goal {
                Goal::Times(must, _) => Some(*must),
                _ => None,
            });
            let name = format!("{} {}", row.id, row.title);
            Some(Ratio { name: cut(&name), spread: [min, median, max], goal })
        })
        .collect();
    plot::ratios("Throughput", &lines)
}

fn latency(ledger: &Ledger) -> String {
    let lines: Vec<Pair> =
        each(ledger, "p99_us").filter_map(|(row, summary)| pair(row, &summary)).collect();
    plot::pairs("Latency, 99th percentile", "milliseconds; medians of all rounds", &lines)
}

/// What has one figure that people ask for, whatever its unit: as a multiple of ours it fits one axis.
fn memory_and_time(ledger: &Ledger) -> String {
    let keys = ["rss_bytes", "bytes_each", "last_us", "elapsed_s", "start_s", "cpu_s_per_million"];
    let lines: Vec<Pair> = keys
        .iter()
        .flat_map(|key| each(ledger, key))
        .filter_map(|(row, summary)| {
            let Pair { name, values: [java, ours], shown } = pair(row, &summary)?;
            Some(Pair { name, values: [java / ours, 1.0], shown })
        })
        .collect();
    plot::pairs(
        "Memory, start, sessions, CPU",
        "as a multiple of Rookeeper's; less is better",
        &lines,
    )
}

fn pair(row: &Row, summary: &Summary) -> Option<Pair> {
    let (java, ours) = (summary.java?.median, summary.ours?.median);
    let unit = summary.figure.unit;
    let scale = if unit == Unit::Microseconds { 1000.0 } else { 1.0 };
    Some(Pair {
        name: cut(&format!("{} {}", row.id, row.title)),
        values: [java / scale, ours / scale],
        shown: [shown(java, unit), shown(ours, unit)],
    })
    .filter(|pair| pair.values.iter().all(|value| *value > 0.0))
}

fn steady(ledger: &Ledger) -> String {
    let series: Vec<Series> = ledger
        .newest("STEADY")
        .into_iter()
        .map(|record| {
            let timeline = record.figures.iter().filter(|(key, _)| key.starts_with("timeline/"));
            Series {
                name: record.subject.title().into(),
                ours: record.subject == Subject::Rookeeper,
                values: timeline.map(|(_, value)| *value).collect(),
            }
        })
        .collect();
    plot::over_time("Ten minutes of 90 % get, 10 % set, 32x16", "operations per second", &series)
}

/// A name that fits its place.
fn cut(name: &str) -> String {
    const ROOM: usize = 36;
    match name.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::super::record::Record;
    use super::super::scene::Figures;
    use super::*;

    fn ledger(folder: &Path) -> Ledger {
        let mut ledger = Ledger::open(folder.join("records.jsonl")).unwrap();
        let machine = Machine { cpu: "a processor".into(), system: "a system".into() };
        for round in 0..3 {
            for (subject, speed) in [
                (Subject::Java, 100_000.0),
                (Subject::Rookeeper, 800_000.0),
                (Subject::Null, 1.6e6),
            ] {
                let figures = [("ops_per_s", speed + f64::from(round)), ("p99_us", 1e8 / speed)];
                let figures: Figures = figures.map(|(key, value)| (key.to_owned(), value)).into();
                let record = Record {
                    row: "R5".into(),
                    subject,
                    round,
                    commit: "abc".into(),
                    day: "2026-01-31".into(),
                    machine: machine.clone(),
                    disk: "a disk".into(),
                    stolen: 0.012,
                    figures,
                    failure: None,
                };
                ledger.add(record).unwrap();
            }
        }
        ledger
    }

    #[test]
    fn the_page_says_what_was_measured_and_what_was_asked() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ledger(folder.path())).unwrap();
        let page = fs::read_to_string(folder.path().join("benchmarks.md")).unwrap();
        let row = page.lines().find(|line| line.starts_with("| R5 ")).unwrap();
        assert_eq!(
            row,
            "| R5 | get 200x10 | throughput | 100,001 (100,000–100,002) | 800,001 (800,000–800,002) \
             | **8.00x** (8.00–8.00) | 1,600,001 (50 %) | ≥ 7x: met; ≥ 45 % of null: met |"
        );
        assert!(
            page.contains(
                "| R5 | 3 | abc | 2026-01-31 | 1 | 1.2 % | 1M znodes of 100 B, `-Xmx4g` |"
            )
        );
        assert!(page.contains("1. a processor; a system; a disk"));
        assert!(!page.contains("| R4 |"), "what was not measured has no row");
        assert!(folder.path().join("benchmarks/throughput.svg").is_file());
    }
}
