//! Draws lines on two logarithmic axes, as an SVG picture.

use std::path::Path;

use plotters::prelude::*;

/// A name, and its points.
pub type Line = (String, Vec<(f64, f64)>);

const COLOURS: [RGBColor; 8] = [
    RGBColor(0xc6, 0x28, 0x28),
    RGBColor(0x15, 0x65, 0xc0),
    RGBColor(0x2e, 0x7d, 0x32),
    RGBColor(0xef, 0x6c, 0x00),
    RGBColor(0x6a, 0x1b, 0x9a),
    RGBColor(0x00, 0x83, 0x8f),
    RGBColor(0x5d, 0x40, 0x37),
    RGBColor(0x9e, 0x9e, 0x9e),
];

/// The titles of the axes, and the format of their numbers.
pub struct Axes<'a> {
    pub across: &'a str,
    /// The numbers on the horizontal axis are powers of this base.
    pub base: f64,
    pub up: &'a str,
    pub number_up: fn(f64) -> String,
}

/// Draws the lines, each with its name at its end.
pub fn draw(file: &Path, title: &str, axes: &Axes<'_>, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (left, right) = range(points().map(|point| point.0));
    let (bottom, top) = range(points().map(|point| point.1));
    // Leaves space, so that flat curves look flat.
    let (bottom, top) = (bottom / 1.6, (top * 1.6).max(bottom * 10.0));
    let area = SVGBackend::new(file, (860, 440)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 17))
        .margin(12)
        .margin_right(190)
        .x_label_area_size(46)
        .y_label_area_size(78)
        .build_cartesian_2d((left..right).log_scale().base(axes.base), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(axes.across)
        .y_desc(axes.up)
        .x_label_formatter(&|number| count(*number))
        .y_label_formatter(&|number| (axes.number_up)(*number))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()?;
    let mut names = Vec::new();
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        if let Some(last) = points.last() {
            let (x, y) = chart.backend_coord(last);
            names.push((y - 7, x, name.clone(), colour));
        }
    }
    // Names at the same height are written below each other.
    names.sort_by_key(|(y, ..)| *y);
    let mut lowest = 0;
    for (y, x, name, colour) in names {
        lowest = y.max(lowest + 15);
        area.draw(&Text::new(name, (x + 9, lowest), ("sans-serif", 13).into_font().color(&colour)))?;
    }
    area.present()?;
    Ok(())
}

fn range(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), number| (least.min(number), most.max(number)))
}

/// Formats a number as 1, 1k or 1M.
pub fn count(number: f64) -> String {
    match number {
        million if million >= 1e6 => format!("{}M", million / 1e6),
        thousand if thousand >= 1e3 => format!("{}k", thousand / 1e3),
        _ => format!("{number}"),
    }
}

/// Formats nanoseconds in a suitable unit.
pub fn nanoseconds(number: f64) -> String {
    match number {
        seconds if seconds >= 1e9 => format!("{} s", seconds / 1e9),
        milli if milli >= 1e6 => format!("{} ms", milli / 1e6),
        micro if micro >= 1e3 => format!("{} µs", micro / 1e3),
        _ => format!("{number} ns"),
    }
}
