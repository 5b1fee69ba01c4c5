//! What no event of a table may hold.

use super::event::{Event, Particle};
use super::layout::{ENERGY, Layout, PT, TYPE};

/// Whether a type of elements is known: those that networks read, padding, and types of CMS that they leave out.
fn is_known(kind: f32, layout: Layout) -> bool {
    let number = kind as i32;
    let is_listed = number == 0 || layout.types().contains(&number);
    kind == number as f32 && (is_listed || layout == Layout::Cms && matches!(number, 2 | 3 | 7))
}

/// Tells the column and element of a type or class that the layout does not have, and of a negative energy or transverse
/// momentum.
pub(super) fn check(event: &Event, layout: Layout) -> Result<(), String> {
    for (place, row) in event.features.chunks_exact(layout.features().len()).enumerate() {
        let column = |index: usize| layout.features().get(index).map_or_else(String::new, super::Feature::column);
        if let Some(kind) = row.get(TYPE).filter(|kind| !is_known(**kind, layout)) {
            let name = layout.name();
            return Err(format!(
                "column '{}' has {kind} for element {place}, which is no type of {name}",
                column(TYPE)
            ));
        }
        for index in [PT, ENERGY] {
            if let Some(value) = row.get(index).filter(|value| **value < 0.0) {
                return Err(format!("column '{}' has {value} GeV for element {place}", column(index)));
            }
        }
    }
    let mut targets = event.targets.iter().map(|target| &target.particle).enumerate();
    targets.try_for_each(|(place, particle)| particle_of("target_", place, particle, layout))?;
    event.candidates.iter().enumerate().try_for_each(|(place, particle)| particle_of("cand_", place, particle, layout))
}

fn particle_of(prefix: &str, place: usize, particle: &Particle, layout: Layout) -> Result<(), String> {
    let Particle { pdg, pt, energy, .. } = *particle;
    if pdg != 0 && !layout.classes().contains(&pdg) {
        let known: Vec<String> = layout.classes().iter().map(i32::to_string).collect();
        let known = known.join(", ");
        return Err(format!(
            "column '{prefix}pdg' has {pdg} for element {place}, which is none of the classes {known}"
        ));
    }
    for (name, value) in [("pt", pt), ("energy", energy)] {
        if pdg != 0 && value < 0.0 {
            return Err(format!("column '{prefix}{name}' has {value} GeV for element {place}"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::Target;

    #[test]
    fn types_classes_and_energies() {
        let event = |kind: f32, energy: f32, pdg: i32| {
            let mut features = vec![0.0; 17];
            (features[TYPE], features[ENERGY]) = (kind, energy);
            let particle = Particle { pdg, energy, ..Particle::default() };
            Event { features, targets: vec![Target { particle, ..Target::default() }], ..Event::default() }
        };
        let told = |event: Event, layout| check(&event, layout).err().unwrap_or_default();
        assert_eq!(told(event(1.0, 2.0, 211), Layout::Clic), "");
        assert_eq!(told(event(0.0, 0.0, 0), Layout::Clic), "");
        assert!(told(event(3.0, 2.0, 211), Layout::Clic).contains("'elem_type' has 3 for element 0"));
        assert!(told(event(1.5, 2.0, 211), Layout::Clic).contains("has 1.5"));
        assert!(told(event(1.0, -2.0, 211), Layout::Clic).contains("'elem_energy' has -2 GeV"));
        assert!(told(event(1.0, 2.0, 321), Layout::Clic).contains("'target_pdg' has 321"));
        let cms = |kind: f32| Event { features: [vec![kind], vec![0.0; 54]].concat(), ..Event::default() };
        assert_eq!(told(cms(7.0), Layout::Cms), "");
        assert!(told(cms(12.0), Layout::Cms).contains("elements of CMS"));
    }
}
