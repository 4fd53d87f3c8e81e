//! Plots as SVG: what is better by how much, how late answers are, and how a long run goes.

use std::fmt::Write;

/// Ours.
const OURS: &str = "#b7410e";
/// Apache ZooKeeper's.
const JAVA: &str = "#5b7083";
/// Goals and lines of the grid.
const GRID: &str = "#d8d3cc";
const TEXT: &str = "#2b2b2b";
const WIDTH: f64 = 860.0;
/// Room for names at the left.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 70.0;
const LINE: f64 = 30.0;

/// One line of a plot of ratios.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// What it is of.
    pub name: String,
    /// The least, the middle and the most of all rounds.
    pub spread: [f64; 3],
    /// What was to be reached.
    pub goal: Option<f64>,
}

/// One line of a plot of two values.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What they are of.
    pub name: String,
    /// Apache ZooKeeper's and ours.
    pub values: [f64; 2],
    /// The two as they are to be read.
    pub shown: [String; 2],
}

/// A line over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Whose.
    pub name: String,
    /// Whether it is ours.
    pub ours: bool,
    /// Values at equal distances.
    pub values: Vec<f64>,
}

/// A logarithmic axis from left to right.
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    /// An axis on which all values have their place.
    fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let values = values.filter(|value| *value > 0.0 && value.is_finite());
        let least = values.clone().fold(f64::MAX, f64::min);
        let most = values.fold(f64::MIN_POSITIVE, f64::max);
        Self { least: least.min(most) / 1.3, most: most * 1.3 }
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value.max(self.least) / self.least).ln() / (self.most / self.least).ln();
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    /// 1, 2, 5, 10, 20 … as far as they are on the axis.
    fn ticks(&self) -> Vec<f64> {
        let decades = (-9..12).map(|exponent| 10_f64.powi(exponent));
        let all = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * decade));
        all.filter(|tick| (self.least..=self.most).contains(tick)).collect()
    }
}

/// By how much ours is better, each with its rounds and its goal.
#[must_use]
pub fn ratios(title: &str, lines: &[Ratio]) -> String {
    let goals = lines.iter().filter_map(|line| line.goal);
    let spreads = lines.iter().flat_map(|line| line.spread);
    let values: Vec<f64> = spreads.chain(goals).chain([1.0]).collect();
    let axis = Axis::over(values.into_iter());
    let mut svg = begin(
        title,
        "times Apache ZooKeeper in the same round; bar: median, line: least to most, mark: goal",
        lines.len(),
    );
    grid(&mut svg, &axis, lines.len(), |tick| format!("{tick}x"));
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + LINE * index as f64;
        name(&mut svg, y, &line.name);
        let [least, median, most] = line.spread;
        let (from, to) = (axis.x(1.0_f64.min(median)), axis.x(median.max(1.0)));
        let middle = y + LINE / 2.0;
        let _ = write!(
            svg,
            "<rect x='{from:.1}' y='{:.1}' width='{:.1}' height='16' rx='2' fill='{OURS}'/>\
             <line x1='{:.1}' x2='{:.1}' y1='{middle:.1}' y2='{middle:.1}' stroke='{TEXT}' stroke-width='1.5'/>",
            y + 7.0,
            to - from,
            axis.x(least),
            axis.x(most)
        );
        if let Some(goal) = line.goal {
            let x = axis.x(goal);
            let _ = write!(
                svg,
                "<line x1='{x:.1}' x2='{x:.1}' y1='{:.1}' y2='{:.1}' stroke='{TEXT}' stroke-width='3'/>",
                y + 3.0,
                y + LINE - 3.0
            );
        }
        text(
            &mut svg,
            (axis.x(most.max(median)) + 8.0, middle + 4.0),
            "start",
            &format!("{median:.1}x"),
        );
    }
    end(svg)
}

/// Two values each, Apache ZooKeeper's and ours, on one logarithmic axis.
#[must_use]
pub fn pairs(title: &str, subtitle: &str, lines: &[Pair]) -> String {
    let axis = Axis::over(lines.iter().flat_map(|line| line.values));
    let mut svg = begin(title, subtitle, lines.len());
    grid(&mut svg, &axis, lines.len(), |tick| format!("{tick}"));
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + LINE * (index as f64 + 0.5);
        name(&mut svg, y - LINE / 2.0, &line.name);
        let [java, ours] = line.values.map(|value| axis.x(value));
        let _ = write!(
            svg,
            "<line x1='{java:.1}' x2='{ours:.1}' y1='{y:.1}' y2='{y:.1}' stroke='{GRID}' stroke-width='6'/>\
             <circle cx='{java:.1}' cy='{y:.1}' r='6' fill='{JAVA}'/>\
             <circle cx='{ours:.1}' cy='{y:.1}' r='6' fill='{OURS}'/>"
        );
        let [java_shown, ours_shown] = &line.shown;
        let (java_side, ours_side) = if ours <= java { (1.0, -1.0) } else { (-1.0, 1.0) };
        let anchor = |side: f64| if side > 0.0 { "start" } else { "end" };
        text(&mut svg, (java + 11.0 * java_side, y + 4.0), anchor(java_side), java_shown);
        text(&mut svg, (ours + 11.0 * ours_side, y + 4.0), anchor(ours_side), ours_shown);
    }
    legend(&mut svg);
    end(svg)
}

/// Lines over time, from nothing up.
#[must_use]
pub fn over_time(title: &str, subtitle: &str, series: &[Series]) -> String {
    const LINES: usize = 10;
    let height = LINE * LINES as f64;
    let most = series.iter().flat_map(|line| &line.values).copied().fold(1.0, f64::max) * 1.1;
    let mut svg = begin(title, subtitle, LINES);
    let y = |value: f64| TOP + height * (1.0 - value / most);
    for step in 0..=4 {
        let value = most / 1.1 * f64::from(step) / 4.0;
        let at = y(value);
        let _ = write!(
            svg,
            "<line x1='{:.1}' x2='{:.1}' y1='{at:.1}' y2='{at:.1}' stroke='{GRID}'/>",
            100.0,
            WIDTH - RIGHT
        );
        text(&mut svg, (92.0, at + 4.0), "end", &format!("{:.0}k", value / 1000.0));
    }
    for line in series {
        let step = (WIDTH - RIGHT - 100.0) / (line.values.len().max(2) - 1) as f64;
        let points: Vec<String> = line
            .values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("{:.1},{:.1}", 100.0 + step * index as f64, y(*value)))
            .collect();
        let colour = if line.ours { OURS } else { JAVA };
        let _ = write!(
            svg,
            "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='2'/>",
            points.join(" ")
        );
    }
    legend(&mut svg);
    end(svg)
}

fn begin(title: &str, subtitle: &str, lines: usize) -> String {
    let height = TOP + LINE * lines as f64 + 40.0;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' \
         font-family='system-ui, sans-serif' font-size='13' fill='{TEXT}'>\
         <rect width='{WIDTH}' height='{height}' rx='8' fill='#fdfcfa' stroke='{GRID}'/>\
         <text x='20' y='28' font-size='17' font-weight='600'>{}</text>",
        escaped(title)
    );
    let _ = write!(svg, "<text x='20' y='48' fill='{JAVA}'>{}</text>", escaped(subtitle));
    svg
}

fn end(mut svg: String) -> String {
    svg.push_str("</svg>\n");
    svg
}

fn grid(svg: &mut String, axis: &Axis, lines: usize, label: impl Fn(f64) -> String) {
    let bottom = TOP + LINE * lines as f64;
    for tick in axis.ticks() {
        let x = axis.x(tick);
        let _ = write!(
            svg,
            "<line x1='{x:.1}' x2='{x:.1}' y1='{TOP}' y2='{bottom:.1}' stroke='{GRID}'/>"
        );
        text(svg, (x, bottom + 20.0), "middle", &label(tick));
    }
}

fn name(svg: &mut String, y: f64, name: &str) {
    text(svg, (LEFT - 12.0, y + LINE / 2.0 + 4.0), "end", name);
}

fn legend(svg: &mut String) {
    for (x, colour, whose) in [(600.0, JAVA, "Apache ZooKeeper"), (740.0, OURS, "Rookeeper")] {
        let _ = write!(svg, "<circle cx='{x}' cy='24' r='6' fill='{colour}'/>");
        text(svg, (x + 11.0, 28.0), "start", whose);
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let _ =
        write!(svg, "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{}</text>", escaped(words));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_within_the_plot() {
        let line = |name: &str, spread, goal| Ratio { name: name.into(), spread, goal };
        let svg = ratios(
            "Throughput",
            &[
                line("get <1x1>", [1.9, 2.0, 2.2], Some(2.0)),
                line("get 1x64", [8.0, 21.0, 23.0], None),
                line("slower", [0.4, 0.5, 0.6], Some(1.0)),
            ],
        );
        assert!(svg.contains("get &lt;1x1&gt;") && svg.contains("21.0x") && svg.contains("slower"));
        let xs = svg.split(" x='").skip(1).map(|rest| rest.split('\'').next().unwrap());
        assert!(xs.map(|x| x.parse::<f64>().unwrap()).all(|x| (0.0..WIDTH).contains(&x)));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn ticks_are_those_of_the_axis() {
        let axis = Axis::over([0.6, 40.0].into_iter());
        assert_eq!(axis.ticks(), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert!(axis.x(0.5) >= LEFT && axis.x(50.0) <= WIDTH - RIGHT);
    }

    #[test]
    fn nothing_to_draw_is_an_empty_plot() {
        for svg in [ratios("a", &[]), pairs("a", "b", &[]), over_time("a", "b", &[])] {
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        }
    }
}
