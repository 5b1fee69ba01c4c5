//! Figures of merit as a document and as a table.

use serde_json::{Value as Json, json};

use super::performance::{Performance, QUANTITIES};
use super::{Response, Spread};
use crate::error::Result;

fn spread(spread: &Spread) -> Json {
    json!({ "median": spread.median, "iqr": spread.iqr, "entries": spread.entries })
}

/// Figures of merit of a response.
pub fn response(response: &Response, matched: Option<f64>) -> Json {
    let bins = |list: &[Spread]| list.iter().map(spread).collect::<Vec<_>>();
    json!({
        "median": response.all.median,
        "iqr": response.all.iqr,
        "iqr_over_median": response.relative_width,
        "entries": response.all.entries,
        "matched": matched,
        "pt_bins": bins(&response.in_pt),
        "eta_bins": bins(&response.in_eta),
    })
}

/// Everything that is measured of an algorithm.
///
/// # Errors
/// None for counts that are what they are.
pub fn metrics(p: &Performance) -> Result<Json> {
    let interval = |i: recoil_stats::Interval| json!({ "value": finite(i.value), "low": i.low, "high": i.high });
    let mut by_class = serde_json::Map::new();
    for (index, class) in p.classes() {
        let errors: serde_json::Map<String, Json> = QUANTITIES
            .iter()
            .enumerate()
            .map(|(quantity, name)| ((*name).to_owned(), spread(&p.spread(class, quantity))))
            .collect();
        let value = json!({
            "pdg": class,
            "efficiency": interval(p.confusion.efficiency(index)?),
            "fake": interval(p.confusion.fake(index)?),
            "targets": p.confusion.row(index),
            "candidates": p.confusion.column(index),
            "residuals": errors,
        });
        by_class.insert(p.class_name(index).replace(' ', "_"), value);
    }
    let matrix: Vec<Vec<u64>> = (0..p.confusion.classes())
        .map(|truth| (0..p.confusion.classes()).map(|found| p.confusion.count(truth, found)).collect())
        .collect();
    let multiplicity = |class: usize| {
        p.multiplicity(class)
            .map(|(mean, sigma, r)| json!({ "mean": finite(mean), "sigma": finite(sigma), "correlation": finite(r) }))
    };
    Ok(json!({
        "accuracy": p.confusion.accuracy(),
        "presence_efficiency": interval(p.confusion.presence_efficiency()?),
        "presence_fake": interval(p.confusion.presence_fake()?),
        "classes": by_class,
        "confusion": matrix,
        "multiplicity": multiplicity(0),
        "energy_ratio": spread(&Spread::of(&p.energy_ratios)),
        "jets": response(&p.generated_response(), p.generated_jets.matched()),
        "jets_of_targets": response(&p.target_response(), p.target_jets.matched()),
        "met": response(&p.met_response(), None),
        "matched_by_direction": interval(p.matched.overall(recoil_stats::interval::ONE_SIGMA)?),
        "unmatched_candidates": interval(p.unmatched.overall(recoil_stats::interval::ONE_SIGMA)?),
    }))
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Columns and rows of a table.
pub type Rows = (Vec<String>, Vec<Vec<String>>);

/// The table of a report: one row per figure of merit, one column per algorithm.
///
/// # Errors
/// None for counts that are what they are.
pub fn summary(all: &[(&str, &Performance)], ceiling: &Performance) -> Result<Rows> {
    let number =
        |value: Option<f64>| value.filter(|v| v.is_finite()).map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let mut columns = vec!["figure of merit".to_owned()];
    columns.extend(all.iter().map(|(name, _)| (*name).to_owned()));
    columns.push("targets".to_owned());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: String, of: &dyn Fn(&Performance) -> Result<Option<f64>>, with_ceiling: bool| -> Result<()> {
        let mut cells = vec![name];
        for (_, performance) in all {
            cells.push(number(of(performance)?));
        }
        cells.push(if with_ceiling { number(of(ceiling)?) } else { String::new() });
        rows.push(cells);
        Ok(())
    };
    row("accuracy".into(), &|p| Ok(Some(p.confusion.accuracy())), false)?;
    row("presence efficiency".into(), &|p| Ok(Some(p.confusion.presence_efficiency()?.value)), false)?;
    row("presence fake".into(), &|p| Ok(Some(p.confusion.presence_fake()?.value)), false)?;
    for (index, class) in ceiling.classes().filter(|(index, _)| ceiling.confusion.row(*index) > 0) {
        let name = ceiling.class_name(index);
        row(format!("{name} efficiency"), &|p| Ok(Some(p.confusion.efficiency(index)?.value)), false)?;
        row(format!("{name} fake"), &|p| Ok(Some(p.confusion.fake(index)?.value)), false)?;
        row(format!("{name} energy residual median"), &|p| Ok(p.spread(class, 0).median), false)?;
        row(format!("{name} energy residual IQR"), &|p| Ok(p.spread(class, 0).iqr), false)?;
    }
    row("multiplicity mean".into(), &|p| Ok(p.multiplicity(0).map(|m| m.0)), false)?;
    row("multiplicity sigma".into(), &|p| Ok(p.multiplicity(0).map(|m| m.1)), false)?;
    row("sum of energies median".into(), &|p| Ok(Spread::of(&p.energy_ratios).median), false)?;
    row("sum of energies IQR".into(), &|p| Ok(Spread::of(&p.energy_ratios).iqr), false)?;
    row("jet response median".into(), &|p| Ok(p.generated_response().all.median), true)?;
    row("jet IQR over median".into(), &|p| Ok(p.generated_response().relative_width), true)?;
    row("jets matched".into(), &|p| Ok(p.generated_jets.matched()), true)?;
    row("missing pt response median".into(), &|p| Ok(p.met_response().all.median), true)?;
    row("missing pt response IQR".into(), &|p| Ok(p.met_response().all.iqr), true)?;
    Ok((columns, rows))
}
