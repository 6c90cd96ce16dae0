//! Series of points to SVG, by `plotters`: one look for all plots.

use std::fmt::Display;
use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext, SeriesLabelPosition};
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Circle, PathElement};
use plotters::prelude::{Cartesian2d, IntoDrawingArea, LineSeries, SVGBackend};
use plotters::style::{Color, RGBColor, ShapeStyle, WHITE};

use crate::lab::train::Error;

const SIZE: (u32, u32) = (640, 480);
const FONT: &str = "sans-serif";
/// Okabe and Ito's blue and vermilion: told apart by every reader, and one is darker in print.
const FIRST: RGBColor = RGBColor(0, 114, 178);
const SECOND: RGBColor = RGBColor(213, 94, 0);
const GREY: RGBColor = RGBColor(120, 120, 120);
const GRID: RGBColor = RGBColor(228, 228, 228);
const DOT: i32 = 4;
const LEGEND_LINE: i32 = 20;

/// Title, and name and range of each axis.
pub(super) struct Frame<'a> {
    pub title: String,
    pub x: (&'a str, Range<f64>),
    pub y: (&'a str, Range<f64>),
    pub legend: Legend,
}

/// The corner that the series leave free.
#[derive(Clone, Copy)]
pub(super) enum Legend {
    UpperLeft,
    UpperRight,
    LowerRight,
}

/// How points are shown.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    First,
    Second,
    /// A line to compare with.
    Reference,
    /// Dots on a line.
    Dots,
    /// Every two points are the ends of a line.
    Spans,
}

/// Without a label it is not in the legend.
pub(super) struct Series<'a> {
    pub label: &'a str,
    pub mark: Mark,
    pub points: Vec<(f64, f64)>,
}

type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Mark {
    fn style(self) -> ShapeStyle {
        match self {
            Mark::First | Mark::Dots => FIRST.stroke_width(2),
            Mark::Second => SECOND.stroke_width(3),
            Mark::Reference => GREY.stroke_width(1),
            Mark::Spans => FIRST.stroke_width(1),
        }
    }
}

/// The series, the first one lowest, as an SVG document.
pub(super) fn draw(frame: &Frame<'_>, series: &[Series<'_>]) -> Result<String, Error> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&frame.title, (FONT, 18))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(62)
            .build_cartesian_2d(frame.x.1.clone(), frame.y.1.clone())
            .map_err(failed)?;
        mesh(&mut chart, frame)?;
        for one in series {
            add(&mut chart, one)?;
        }
        let corner = match frame.legend {
            Legend::UpperLeft => SeriesLabelPosition::UpperLeft,
            Legend::UpperRight => SeriesLabelPosition::UpperRight,
            Legend::LowerRight => SeriesLabelPosition::LowerRight,
        };
        chart
            .configure_series_labels()
            .position(corner)
            .background_style(WHITE)
            .border_style(GRID)
            .label_font((FONT, 14))
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn mesh(chart: &mut Chart<'_>, frame: &Frame<'_>) -> Result<(), Error> {
    let (x, y) = (format(&frame.x.1), format(&frame.y.1));
    chart
        .configure_mesh()
        .x_desc(frame.x.0)
        .y_desc(frame.y.0)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&x)
        .y_label_formatter(&y)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(GREY)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 15))
        .draw()
        .map_err(failed)
}

/// As many digits as the range needs.
fn format(range: &Range<f64>) -> impl Fn(&f64) -> String + use<> {
    let digits = match range.end - range.start {
        width if width > 10.0 => 0,
        width if width > 0.5 => 1,
        width if width > 0.05 => 2,
        width if width > 0.005 => 3,
        _ => 5,
    };
    move |number| format!("{number:.digits$}")
}

fn add<'a>(chart: &mut Chart<'a>, series: &Series<'_>) -> Result<(), Error> {
    let Series { label, mark, points } = series;
    let style = mark.style();
    let drawn = match mark {
        Mark::Spans => {
            let spans = points.chunks(2).map(|ends| PathElement::new(ends.to_vec(), style));
            chart.draw_series(spans).map_err(failed)?
        }
        Mark::Dots => {
            let dots = points.iter().map(|at| Circle::new(*at, DOT, FIRST.filled()));
            chart.draw_series(dots).map_err(failed)?;
            chart.draw_series(LineSeries::new(points.clone(), style)).map_err(failed)?
        }
        Mark::First | Mark::Second | Mark::Reference => {
            chart.draw_series(LineSeries::new(points.clone(), style)).map_err(failed)?
        }
    };
    if !label.is_empty() {
        let line = move |(x, y)| PathElement::new([(x, y), (x + LEGEND_LINE, y)], style);
        drawn.label(*label).legend(line);
    }
    Ok(())
}

fn failed(problem: impl Display) -> Error {
    Error::Fit(format!("drawing a plot: {problem}"))
}
