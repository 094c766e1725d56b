//! Draws bars as an SVG picture.

use std::fmt::Write as _;

const COLOURS: [&str; 12] = [
    "#9e9e9e", "#c62828", "#1565c0", "#2e7d32", "#ef6c00", "#6a1b9a", "#00838f", "#5d4037", "#ad1457", "#9e9d24",
    "#283593", "#37474f",
];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 170.0;
const BAR: f64 = 13.0;

/// A bar's name, and its length; `None` if nothing was measured.
pub type Bar = (String, Option<f64>);

/// Draws groups of bars.
pub fn bars(title: &str, groups: &[(String, Vec<Bar>)]) -> String {
    let most = groups.iter().flat_map(|(_, bars)| bars).filter_map(|(_, value)| *value).fold(1.0, f64::max);
    let mut body = String::new();
    let mut y = 44.0;
    for (name, bars) in groups {
        text(&mut body, 8.0, y + BAR, "start", "bold", name);
        for (at, (label, value)) in bars.iter().enumerate() {
            text(&mut body, LEFT - 6.0, y + BAR - 2.5, "end", "normal", label);
            if let Some(value) = value {
                let length = (value.max(0.0) / most * (WIDTH - LEFT - 80.0)).max(1.0);
                let colour = COLOURS[at % COLOURS.len()];
                let _ = writeln!(
                    body,
                    r#"<rect x="{LEFT}" y="{y:.1}" width="{length:.1}" height="{:.1}" fill="{colour}"/>"#,
                    BAR - 2.0
                );
                text(&mut body, LEFT + length + 5.0, y + BAR - 2.5, "start", "normal", &format!("{value:.0}"));
            }
            y += BAR;
        }
        y += 10.0;
    }
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text(&mut picture, 8.0, 22.0, "start", "bold", title);
    picture + &body + "</svg>\n"
}

fn text(into: &mut String, x: f64, y: f64, anchor: &str, weight: &str, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(into, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-weight="{weight}">{what}</text>"#);
}
