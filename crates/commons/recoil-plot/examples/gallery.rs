//! Writes one figure of each kind, to look at: `cargo run --example gallery -- FOLDER`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::f64::consts::PI;
use std::path::PathBuf;

use recoil_plot::report::{Page, Table};
use recoil_plot::{
    Annotations, Band, Color, Dash, Figure, HeatMap, Hist, LegendAt, Line, Marker, Panel, Patches, Points, Scatter,
    Stack,
};

fn edges(bins: u32, lo: f64, hi: f64) -> Vec<f64> {
    (0..=bins).map(|i| lo + (hi - lo) * f64::from(i) / f64::from(bins)).collect()
}

fn centres(edges: &[f64]) -> Vec<f64> {
    edges.windows(2).map(|w| 0.5 * w.iter().sum::<f64>()).collect()
}

fn gauss(x: f64, mean: f64, sigma: f64) -> f64 {
    (-0.5 * ((x - mean) / sigma).powi(2)).exp()
}

/// A reproducible wiggle in place of statistics.
fn wiggle(i: usize) -> f64 {
    ((i as f64 * 12.9898).sin() * 43_758.545).fract()
}

fn response() -> Figure {
    let e = edges(60, -0.6, 0.4);
    let c = centres(&e);
    let shape = |mean: f64, sigma: f64, tail: f64, n: f64| -> Vec<f64> {
        c.iter().map(|x| (n * (gauss(*x, mean, sigma) + tail * gauss(*x, mean - 0.15, 3.0 * sigma))).round()).collect()
    };
    let panel = Panel::new(r"E^{cluster} / E^{gen} - 1", "Clusters / 0.017")
        .add(Hist::new(&e, &shape(-0.05, 0.045, 0.08, 900.0)).filled().label("Default kernel"))
        .add(Hist::new(&e, &shape(-0.02, 0.05, 0.05, 760.0)).label("Flat-top kernel").dash(Dash::Dashed))
        .note(r"Photons, 1.6 < |\eta^{gen}| < 2.7")
        .note("r = 0.015");
    Figure::new(panel).experiment("CMS", "Phase-2 Simulation").sample("PU 0 (14 TeV)")
}

fn stacked_ratio() -> Figure {
    let e = edges(30, 0.0, 300.0);
    let c = centres(&e);
    let falling = |n: f64, slope: f64| -> Vec<f64> { c.iter().map(|x| n * (-x / slope).exp()).collect() };
    let (a, b, d) = (falling(90_000.0, 32.0), falling(9000.0, 55.0), falling(900.0, 90.0));
    let total: Vec<f64> = a.iter().zip(&b).zip(&d).map(|((a, b), d)| a + b + d).collect();
    let errors: Vec<f64> = total.iter().map(|t| 0.08 * t).collect();
    let data: Vec<f64> = total
        .iter()
        .enumerate()
        .map(|(i, t)| (t + 1.3 * wiggle(i) * t.sqrt() + 0.03 * t * wiggle(i + 50)).round())
        .collect();
    let data_errors: Vec<f64> = data.iter().map(|d| d.sqrt()).collect();
    let main = Panel::new(r"\it{p}_{T}^{miss} [GeV]", "Events / 10 GeV")
        .log_y()
        .add(
            Stack::new(&e)
                .layer("Diboson", &d)
                .layer(r"W \to \ell\nu", &b)
                .layer("QCD multijet", &a)
                .total_errors("Total unc.", &errors),
        )
        .add(Points::in_bins(&e, &data).y_errors(&data_errors).color(Color::BLACK).label("Data").no_x_errors());
    let ratio: Vec<f64> = data.iter().zip(&total).map(|(d, t)| d / t).collect();
    let ratio_errors: Vec<f64> = data_errors.iter().zip(&total).map(|(d, t)| d / t).collect();
    let ones = vec![1.0; ratio.len()];
    let low = Panel::new("", "Data / Pred.")
        .y_range(0.5, 1.5)
        .add(
            Band::in_bins(
                &e,
                &ones.iter().map(|o| o - 0.08).collect::<Vec<_>>(),
                &ones.iter().map(|o| o + 0.08).collect::<Vec<_>>(),
            )
            .color(Color::GREY),
        )
        .add(Line::horizontal(1.0))
        .add(Points::in_bins(&e, &ratio).y_errors(&ratio_errors).color(Color::BLACK).no_x_errors());
    Figure::with_ratio(main, low).experiment("CMS", "Preliminary").sample(r"138 fb^{-1} (13 TeV)")
}

fn efficiency() -> Figure {
    let e = edges(16, 0.0, 80.0);
    let c = centres(&e);
    let turn_on = |middle: f64, width: f64, plateau: f64| -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let value: Vec<f64> = c.iter().map(|x| plateau / (1.0 + ((middle - x) / width).exp())).collect();
        let low = value.iter().map(|v| v - 0.04 * v.sqrt() * (1.02 - v).sqrt() - 0.01).collect();
        let high = value.iter().map(|v| (v + 0.04 * (1.05 - v).sqrt()).min(1.0)).collect();
        (value, low, high)
    };
    let (a, b, d) = (turn_on(15.0, 3.0, 0.99), turn_on(22.0, 4.0, 0.97), turn_on(31.0, 6.0, 0.93));
    let mut a_values = a.0.clone();
    if let Some(first) = a_values.first_mut() {
        *first = f64::NAN;
    }
    let panel = Panel::new(r"\it{p}_{T}^{gen} [GeV]", "Efficiency")
        .y_range(0.0, 1.25)
        .add(Line::horizontal(1.0))
        .add(Points::efficiency(&e, &a_values, &a.1, &a.2).label("Photons"))
        .add(Points::efficiency(&e, &b.0, &b.1, &b.2).label("Electrons").marker(Marker::Square))
        .add(Points::efficiency(&e, &d.0, &d.1, &d.2).label("Pions").marker(Marker::Triangle).size(6.0));
    Figure::new(panel).experiment("CMS", "Phase-2 Simulation").sample("PU 200 (14 TeV)")
}

fn profile() -> Figure {
    let e = edges(12, 1.5, 3.0);
    let c = centres(&e);
    let mean: Vec<f64> =
        c.iter().enumerate().map(|(i, x)| -0.04 - 0.03 * (x - 2.2).powi(2) + 0.004 * wiggle(i)).collect();
    let error = vec![0.004; mean.len()];
    let low: Vec<f64> = mean.iter().map(|m| m - 0.05).collect();
    let high: Vec<f64> = mean.iter().map(|m| m + 0.04).collect();
    let panel = Panel::new(r"|\eta^{gen}|", r"E / E^{gen} - 1")
        .add(Band::in_bins(&e, &low, &high).label("68% of events").color(Color::BLUE))
        .add(Points::profile(&e, &mean, &error).label("Mean").color(Color::BLUE))
        .add(Line::horizontal(0.0));
    Figure::new(panel).sample("Photons, PU 0")
}

fn heat_map() -> Figure {
    let (ex, ey) = (edges(72, -PI, PI), edges(42, 0.076, 0.58));
    let (cx, cy) = (centres(&ex), centres(&ey));
    let cell = |(i, (x, y)): (usize, (&f64, &f64))| {
        let v =
            400.0 * gauss(*x, 0.8, 0.25) * gauss(*y, 0.22, 0.03) + 30.0 * gauss(*x, -1.6, 0.6) * gauss(*y, 0.35, 0.05);
        (v + 1.5 * wiggle(i).abs()).floor()
    };
    let pairs: Vec<(&f64, &f64)> = cy.iter().flat_map(|y| cx.iter().map(move |x| (x, y))).collect();
    let values: Vec<f64> = pairs.into_iter().enumerate().map(cell).collect();
    let panel = Panel::new(r"\phi [rad]", r"\it{R}/\it{z}")
        .add(HeatMap::new(&ex, &ey, &values).log_color().color_title("mipT"));
    Figure::new(panel).experiment("CMS", "Phase-2 Simulation").sample("One event, PU 200")
}

fn event_display() -> Figure {
    let mut polygons = Vec::new();
    let mut values = Vec::new();
    let r = 8.0;
    for v in -4i32..=4 {
        for u in -4i32..=4 {
            let (x, y) = (r * 3f64.sqrt() * (f64::from(u) + 0.5 * f64::from(v)), r * 1.5 * f64::from(v));
            if x.hypot(y) > 16.0 && x.hypot(y) < 62.0 {
                polygons.push(Patches::hexagon(x, y, r, PI / 6.0));
                let energy = 60.0 * gauss(x, 25.0, 12.0) * gauss(y, 18.0, 10.0);
                values.push(if energy > 0.05 { energy } else { f64::NAN });
            }
        }
    }
    for i in 0..24 {
        let phi = 2.0 * PI * f64::from(i) / 24.0;
        polygons.push(Patches::wedge(72.0, 88.0, phi, phi + 2.0 * PI / 24.0));
        values.push(if i % 5 == 1 { f64::from(i) / 2.0 } else { f64::NAN });
    }
    let panel = Panel::new("x [cm]", "y [cm]")
        .equal_aspect()
        .add(Patches::new(polygons).values(&values).color_title(r"Energy [mip_{T}]"))
        .add(Annotations::new().arrow(-20.0, -45.0, 40.0, 55.0).text(-32.0, -52.0, "gen photon").color(Color::RED))
        .note("Layer 9");
    Figure::new(panel).experiment("CMS", "Phase-2 Simulation").sample("Event 10042").size(800.0, 720.0)
}

fn roc() -> Figure {
    let x: Vec<f64> = (0..=100).map(|i| 0.3 + 0.7 * f64::from(i) / 100.0).collect();
    let curve =
        |power: f64, floor: f64| -> Vec<f64> { x.iter().map(|x| floor + (x - 0.25).powf(power) * 0.6).collect() };
    let panel = Panel::new(r"\tau_{h} identification efficiency", "Jet misidentification rate")
        .log_y()
        .x_range(0.3, 1.0)
        .add(Line::new(&x, &curve(9.0, 2e-4)).label("New network"))
        .add(Line::new(&x, &curve(6.5, 6e-4)).label("Previous release").dash(Dash::Dashed))
        .add(Line::new(&x, &curve(5.0, 2e-3)).label("Cut based").dash(Dash::DashDot))
        .note(r"p_{T}^{\tau} > 20 GeV, |\eta| < 2.3");
    Figure::new(panel).experiment("CMS", "Simulation").sample("13 TeV")
}

fn grid() -> Figure {
    let e = edges(25, -3.0, 3.0);
    let c = centres(&e);
    let panel = |title: &str, scale: f64| {
        let values: Vec<f64> = c.iter().map(|x| scale * gauss(*x, 0.0, 1.0)).collect();
        Panel::new(title, "Entries").add(Hist::new(&e, &values).filled().label("Seeds"))
    };
    let xs: Vec<f64> = (0..400).map(|i| 3.0 * wiggle(i)).collect();
    let ys: Vec<f64> = (0..400).map(|i| 0.5 * xs.get(i).copied().unwrap_or(0.0) + wiggle(i + 1000)).collect();
    let panels = vec![
        panel(r"\Delta\eta", 250_000.0),
        panel(r"\Delta\phi [rad]", 0.0004),
        Panel::new("x [cm]", "y [cm]").add(Scatter::new(&xs, &ys).label("Hits")),
        Panel::new("Nothing [GeV]", "Events").add(Hist::new(&[], &[]).label("Empty")),
        Panel::new("", "Fraction")
            .x_categories(&["skim", "fill", "smooth", "seed", "cluster"])
            .y_range(0.0, 1.0)
            .add(Hist::new(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[0.1, 0.25, 0.2, 0.15, 0.3]).filled().label("Time")),
        Panel::new("n", "Time [ms]")
            .log_x()
            .log_y()
            .add(Points::new(&[1e2, 1e3, 1e4, 1e5, 1e6], &[0.02, 0.3, 4.0, 50.0, 700.0]).joined().label("recoil"))
            .legend(LegendAt::TopLeft),
    ];
    Figure::grid(3, panels).sample("PU 0")
}

fn many_series() -> Figure {
    let x = edges(40, 0.0, 1.0);
    let mut panel = Panel::new("Radius", "Mean normalised energy");
    for i in 0..8 {
        let y: Vec<f64> =
            x.iter().map(|x| (1.0 - (-x * (4.0 + f64::from(i))).exp()) * (0.8 + 0.03 * f64::from(i))).collect();
        panel = panel.add(Line::new(&x, &y).label(format!("{} < E < {} GeV", 10 * i, 10 * (i + 1))));
    }
    Figure::new(panel).sample("Pions, PU 200")
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: gallery FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let figures = [
        ("response", response()),
        ("stack_ratio", stacked_ratio()),
        ("efficiency", efficiency()),
        ("profile", profile()),
        ("heat_map", heat_map()),
        ("event_display", event_display()),
        ("roc", roc()),
        ("grid", grid()),
        ("many_series", many_series()),
    ];
    let provenance =
        r#"{"program": "recoil", "version": "0.1.0", "seed": 42, "config": {"cluster": {"radius": 0.015}}}"#;
    let mut page = Page::new("Gallery of figures").lead("One figure of each kind that `recoil-plot` draws.");
    let mut sizes = Table::new(&["Figure", "SVG [kB]", "PNG [kB]", "PDF [kB]"]);
    let mut shown = recoil_plot::report::Section::new("Figures");
    for (name, figure) in figures {
        let figure = figure.provenance(provenance);
        let mut row = vec![name.to_owned()];
        for format in ["svg", "png", "pdf"] {
            let bytes = figure.render(format)?;
            row.push(format!("{:.1}", bytes.len() as f64 / 1000.0));
            std::fs::write(folder.join(name).with_extension(format), bytes)?;
        }
        println!("{}", row.join("  "));
        sizes = sizes.row(&row);
        shown = shown.figure(&figure, format!("{name}: values are made up; radius p_{{T}} weighted."));
    }
    page = page
        .section(
            recoil_plot::report::Section::new("Sizes")
                .prose("Bytes of each file. Click a column to sort it.")
                .table(sizes),
        )
        .section(shown)
        .provenance(provenance);
    std::fs::write(folder.join("report.html"), page.html())?;
    Ok(())
}
