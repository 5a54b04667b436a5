//! The README's picture, drawn from what a real Prometheus recorded: two groups, their lag above, and what lagslope says of it below.

use std::fmt::Write;

/// A line of one panel: `(seconds, value)`, in order of time.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A panel: its title, the unit of its axis, its lines, and a moment to mark.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<(f64, String)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;

/// The panels, one below the other, over the same span of time.
pub(super) fn svg(panels: &[Panel]) -> String {
    let (start, end) = span(
        panels
            .iter()
            .flat_map(|panel| &panel.lines)
            .flat_map(|line| line.points.iter().map(|point| point.0)),
    );
    let mut out = String::new();
    let height = HEIGHT * panels.len() as f64;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>"
    )
    .expect("into memory");
    for (index, panel) in panels.iter().enumerate() {
        let frame = Frame::new(index as f64 * HEIGHT, (start, end), panel);
        frame.draw(&mut out, panel);
    }
    out + "</svg>\n"
}

/// Where a panel is, and what its axes span.
struct Frame {
    top: f64,
    time: (f64, f64),
    value: (f64, f64),
}

impl Frame {
    fn new(top: f64, time: (f64, f64), panel: &Panel) -> Self {
        let (low, high) = span(
            panel
                .lines
                .iter()
                .flat_map(|line| line.points.iter().map(|point| point.1)),
        );
        Self {
            top,
            time,
            // Room above the highest line for what the marks say.
            value: (low.min(0.0), high * 1.25),
        }
    }

    fn x(&self, time: f64) -> f64 {
        LEFT + (time - self.time.0) / (self.time.1 - self.time.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.value.0) / (self.value.1 - self.value.0);
        self.top + HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn draw(&self, out: &mut String, panel: &Panel) {
        let (left, right) = (LEFT, WIDTH - RIGHT);
        writeln!(out, "<text x=\"{left}\" y=\"{:.1}\" font-size=\"14\" font-weight=\"600\" fill=\"#111\">{}</text>", self.top + 20.0, panel.title).expect("into memory");
        for tick in ticks(self.value) {
            let y = self.y(tick);
            writeln!(out, "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}{}</text>", left - 6.0, y + 4.0, short(tick), panel.unit).expect("into memory");
        }
        for minute in (0..)
            .step_by(5)
            .map(|m| f64::from(m) * 60.0)
            .take_while(|s| self.time.0 + s <= self.time.1)
        {
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{} min</text>",
                self.x(self.time.0 + minute),
                self.top + HEIGHT - 12.0,
                minute / 60.0
            )
            .expect("into memory");
        }
        for line in &panel.lines {
            self.draw_line(out, line);
        }
        for (at, text) in &panel.marks {
            let x = self.x(*at);
            writeln!(out, "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#444\" stroke-dasharray=\"4 3\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#111\">{text}</text>", self.top + TOP, self.top + HEIGHT - BOTTOM, x + 5.0, self.top + TOP + 10.0).expect("into memory");
        }
    }

    /// A gap in the points (nothing was published) is a gap in the line.
    fn draw_line(&self, out: &mut String, line: &Line) {
        let mut path = String::new();
        let mut last = f64::NEG_INFINITY;
        for (time, value) in &line.points {
            let verb = if time - last > 60.0 { 'M' } else { 'L' };
            write!(path, "{verb}{:.1} {:.1}", self.x(*time), self.y(*value)).expect("into memory");
            last = *time;
        }
        writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            line.colour
        )
        .expect("into memory");
        if let Some((time, value)) = line.points.last() {
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{}\">{}</text>",
                self.x(*time) + 6.0,
                self.y(*value) + 4.0,
                line.colour,
                line.name
            )
            .expect("into memory");
        }
    }
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Three to six round numbers.
fn ticks((low, high): (f64, f64)) -> Vec<f64> {
    let rough = (high - low) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    (first..)
        .map(|n| n as f64 * step)
        .take_while(|tick| *tick <= high)
        .collect()
}

fn short(value: f64) -> String {
    if value.abs() >= 1000.0 {
        format!("{}k", value / 1000.0)
    } else {
        format!("{value}")
    }
}
