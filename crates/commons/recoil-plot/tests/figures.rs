//! What every figure must keep: geometry, repeatability, and calm in the face of strange input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use recoil_plot::{
    Annotations, Band, Color, Figure, HeatMap, Hist, LegendAt, Line, Panel, Patches, Points, Scatter, Series, Stack,
};

/// Frames of a figure: the closed black boxes without fill.
fn frames(svg: &str) -> Vec<(f64, f64, f64, f64)> {
    let boxes = svg.lines().filter(|l| l.contains("Z\" fill=\"none\" stroke=\"#000000\""));
    let numbers = |line: &str| -> Vec<f64> {
        let data = line.split('"').nth(1).unwrap_or_default();
        let parts = data.split(|c: char| c.is_ascii_alphabetic() || c == ' ').filter(|p| !p.is_empty());
        parts.map(|p| p.parse().unwrap()).collect()
    };
    // M x0 y0 H x1 V y1 H x0 Z
    boxes.map(numbers).filter(|n| n.len() == 5).map(|n| (n[0], n[1], n[2], n[3])).collect()
}

fn main_panel() -> Panel {
    Panel::new("p_{T} [GeV]", "Events")
        .add(Hist::new(&[0.0, 1.0, 2.0], &[123_456.0, 7.0]).label("A"))
        .add(Points::in_bins(&[0.0, 1.0, 2.0], &[1000.0, 8.0]).y_errors(&[30.0, 3.0]).label("B"))
}

#[test]
fn ratio_panel_has_the_same_left_and_right_frame() {
    let ratio = Panel::new("", "Ratio").add(Line::horizontal(1.0)).y_range(0.9, 1.1);
    let svg = Figure::with_ratio(main_panel(), ratio).svg();
    let frames = frames(&svg);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert_eq!((frames[0].0, frames[0].2), (frames[1].0, frames[1].2));
    assert!(frames[0].3 < frames[1].1, "the ratio panel is below the main panel");
    assert!(svg.contains("aria-label=\"pT [GeV]\""), "the title of x is taken over from the main panel");
}

#[test]
fn frames_in_a_grid_column_are_aligned() {
    let small = Panel::new("x", "y").add(Hist::new(&[0.0, 1.0], &[1e-3]));
    let panels = vec![main_panel(), small.clone(), small, main_panel()];
    let frames = frames(&Figure::grid(2, panels).svg());
    assert_eq!(frames.len(), 4);
    assert_eq!((frames[0].0, frames[1].0), (frames[2].0, frames[3].0));
    assert_eq!((frames[0].1, frames[0].3), (frames[1].1, frames[1].3));
}

#[test]
fn same_input_same_bytes() {
    let figure = || Figure::new(main_panel()).provenance("{}");
    assert_eq!(figure().svg(), figure().svg());
    assert_ne!(figure().svg(), Figure::new(main_panel().log_y()).svg());
}

#[test]
fn nothing_to_show_says_so() {
    let nan = [f64::NAN, f64::NAN];
    for panel in [
        Panel::new("x", "y"),
        Panel::new("x", "y").log_x().log_y(),
        Panel::new("x", "y").add(Hist::new(&[], &[])),
        Panel::new("x", "y").add(Hist::new(&[0.0, 1.0, 2.0], &nan)),
        Panel::new("x", "y").add(Hist::new(&[0.0, 1.0, 2.0], &[0.0, 0.0])).log_y(),
        Panel::new("x", "y").add(Points::efficiency(&[0.0, 1.0, 2.0], &nan, &nan, &nan).label("E")),
        Panel::new("x", "y").add(HeatMap::new(&[], &[], &[])),
    ] {
        assert!(Figure::new(panel.clone()).svg().contains("aria-label=\"no entries\""), "{panel:?}");
    }
    assert!(!Figure::new(main_panel()).svg().contains("no entries"));
    assert!(Figure::column(Vec::new()).svg().ends_with("</svg>\n"));
    assert!(Figure::grid(0, Vec::new()).svg().ends_with("</svg>\n"));
}

#[test]
fn empty_cells_stay_white() {
    let map = HeatMap::new(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0], &[0.0, f64::NAN, 4.0]);
    let crisp = |svg: String| svg.matches("crispEdges").count();
    assert_eq!(crisp(Figure::new(Panel::new("x", "y").add(map.clone())).svg()), 1);
    assert_eq!(crisp(Figure::new(Panel::new("x", "y").add(map.show_zero())).svg()), 2);
}

#[test]
fn legend_stays_off_the_data() {
    // flat histogram that fills the frame: the axis must grow to make room
    let panel = |at| Panel::new("x", "y").add(Hist::new(&[0.0, 1.0], &[10.0]).filled().label("all of it")).legend(at);
    let top_of_data = |svg: &str| -> f64 {
        let area = svg.lines().find(|l| l.contains("fill-opacity=\"0.3\"")).unwrap();
        area.split('"').nth(1).unwrap().split('V').nth(1).unwrap().split('H').next().unwrap().parse().unwrap()
    };
    let auto = top_of_data(&Figure::new(panel(LegendAt::Auto)).svg());
    let hidden = top_of_data(&Figure::new(panel(LegendAt::Hidden)).svg());
    assert!(auto > hidden + 15.0, "data start at {auto} with a legend and at {hidden} without");
}

#[test]
fn names_stand_on_either_axis() {
    let line = Line::new(&[0.2, 1.8], &[0.2, 1.8]);
    for panel in [
        Panel::new("x", "y").x_categories(&["first name", "second name"]),
        Panel::new("x", "y").y_categories(&["first name", "second name"]),
    ] {
        let svg = Figure::new(panel.add(line.clone())).svg();
        assert!(svg.contains("aria-label=\"first name\"") && svg.contains("aria-label=\"second name\""));
    }
}

#[test]
fn a_legend_without_room_stands_beside_the_frame() {
    let right_of_data = |labels: usize, at| -> f64 {
        let full = Hist::new(&[0.0, 1.0], &[10.0]).filled().label("full");
        let panel = (0..labels).fold(Panel::new("x", "y").add(full), |panel, i| {
            panel.add(Line::new(&[0.0, 1.0], &[i as f64, i as f64]).label(format!("a line with the number {i}")))
        });
        let svg = Figure::new(panel.legend(at)).svg();
        let area = svg.lines().find(|l| l.contains("fill-opacity=\"0.3\"")).unwrap().to_owned();
        let right = area.split('H').nth(1).unwrap();
        right[..right.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap()].parse().unwrap()
    };
    let few = right_of_data(1, LegendAt::Auto);
    assert_eq!(few, right_of_data(12, LegendAt::Hidden));
    let many = right_of_data(12, LegendAt::Auto);
    assert!(many < few - 50.0, "data end at {many} with many entries and at {few} with one");
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0..100.0f64,
        1 => prop::num::f64::ANY,
        1 => Just(0.0),
        1 => Just(f64::MAX),
        1 => Just(f64::MIN_POSITIVE),
    ]
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(any_number(), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No input makes a figure panic or hang, and every drawing is valid XML of finite numbers.
    #[test]
    fn strange_numbers_are_survived(
        a in numbers(), b in numbers(), c in numbers(), kind in 0..9u8, logs in 0..8u8,
        range in (any_number(), any_number()), text in "\\PC{0,12}",
    ) {
        let series: Series = match kind {
            0 => Hist::new(&a, &b).errors(&c).filled().label(text.clone()).into(),
            1 => Stack::new(&a).layer(text.clone(), &b).layer("top", &c).total_errors("unc", &b).into(),
            2 => Points::efficiency(&a, &b, &c, &b).label(text.clone()).joined().into(),
            3 => Band::in_bins(&a, &b, &c).label(text.clone()).into(),
            4 => Line::new(&a, &b).label(text.clone()).into(),
            5 => Scatter::new(&a, &b).label(text.clone()).into(),
            6 => HeatMap::new(&a, &b, &c).log_color().color_title(text.clone()).into(),
            7 => Patches::new(vec![a.iter().zip(&b).map(|(x, y)| [*x, *y]).collect()]).values(&c).into(),
            _ => Annotations::new().text(range.0, range.1, text.clone()).arrow(range.1, range.0, 1.0, range.0).into(),
        };
        let mut panel = Panel::new(text.clone(), text.clone()).add(series).note(text.clone());
        if logs & 1 == 1 { panel = panel.log_x(); }
        if logs & 2 == 2 { panel = panel.log_y(); }
        if logs & 4 == 4 { panel = panel.x_range(range.0, range.1).y_range(range.1, range.0).equal_aspect(); }
        let figure = Figure::with_ratio(panel.clone(), panel).experiment(text.clone(), text).size(300.0, 300.0);
        let svg = figure.svg();
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("infH"));
        prop_assert!(figure.png(0.3).is_ok());
    }
}

#[test]
fn colours_can_be_given() {
    let svg = Figure::new(Panel::new("x", "y").add(Hist::new(&[0.0, 1.0], &[1.0]).color(Color(1, 2, 3)))).svg();
    assert!(svg.contains("#010203"));
}
