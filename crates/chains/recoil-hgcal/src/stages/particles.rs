//! Generated particles and clusters from files, by event.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use recoil_table::Batch;

use super::cells::{open_columns, samples};
use crate::cluster::Clusters;
use crate::data::columns::{CLUSTERS, EVENT, GEN, GEN_PID, SAMPLE};
use crate::data::{EventBatch, GenBatch, GenColumns};
use crate::error::Result;

/// An event: its sample (empty without labels) and number.
pub type EventKey = (String, i64);

/// Key of event `i` of a batch.
pub fn key(events: &EventBatch, i: usize) -> EventKey {
    (events.sample.get(i).cloned().unwrap_or_default(), events.event.get(i).copied().unwrap_or_default())
}

/// All particles of a file, one row per particle or per event.
///
/// # Errors
/// Those of the table, and columns that are missing.
pub fn read_particles(address: &str) -> Result<BTreeMap<EventKey, GenColumns>> {
    let (mut reader, names) = open_columns(address, GEN, &[SAMPLE, GEN_PID])?;
    let schema = reader.schema();
    let is_list = |name: &str| {
        schema.column_with_name(name).is_some_and(|(_, field)| matches!(field.data_type(), DataType::List(_)))
    };
    let flat = !is_list(names.get(1).copied().unwrap_or_default());
    let pid_name = names.iter().copied().find(|n| n.ends_with("_pid"));
    let mut particles: BTreeMap<EventKey, GenColumns> = BTreeMap::new();
    while let Some(batch) = reader.next_batch()? {
        let (events, labels) = (batch.scalar_as::<i64>(EVENT.name)?, samples(&batch)?);
        let mut rows: Vec<usize> = Vec::new();
        let (eta, phi, energy, pt, pid);
        if flat {
            rows.extend(0..events.len());
            [eta, phi, energy, pt] = floats(&batch, &names, |b, n| Ok(b.scalar_as::<f64>(n)?.into_owned()))?;
            pid = pid_name.map(|n| batch.scalar_as::<i32>(n).map(|v| v.into_owned())).transpose()?;
        } else {
            batch.require_same_lengths(&names[1..5])?;
            let lists = batch.list_as::<f64>(names[1])?;
            for row in 0..events.len() {
                rows.extend(std::iter::repeat_n(row, lists.row(row).len()));
                particles.entry(event_key(&labels, row, events[row])).or_default();
            }
            [eta, phi, energy, pt] = floats(&batch, &names, |b, n| Ok(b.list_as::<f64>(n)?.values.into_owned()))?;
            pid = pid_name.map(|n| batch.list_as::<i32>(n).map(|v| v.values.into_owned())).transpose()?;
        }
        for (i, &row) in rows.iter().enumerate() {
            let pid = pid.as_ref().and_then(|p| p.get(i)).copied().unwrap_or(0);
            particles
                .entry(event_key(&labels, row, events[row]))
                .or_default()
                .push(pid, eta[i], phi[i], energy[i], pt[i]);
        }
    }
    Ok(particles)
}

fn floats(batch: &Batch, names: &[&str], get: impl Fn(&Batch, &str) -> Result<Vec<f64>>) -> Result<[Vec<f64>; 4]> {
    Ok([get(batch, names[1])?, get(batch, names[2])?, get(batch, names[3])?, get(batch, names[4])?])
}

fn event_key(labels: &Option<Vec<&str>>, row: usize, event: i64) -> EventKey {
    (labels.as_ref().map_or(String::new(), |l| l[row].to_owned()), event)
}

/// The particles of the events of a batch, in their order. An event without particles has none.
pub fn particles_of(all: &BTreeMap<EventKey, GenColumns>, events: &EventBatch) -> GenBatch {
    let mut batch = GenBatch::default();
    for i in 0..events.len() {
        if let Some(p) = all.get(&key(events, i)) {
            for g in 0..p.len() {
                batch.particles.push(p.pid[g], p.eta[g], p.phi[g], p.energy[g], p.pt[g]);
            }
        }
        batch.finish_event(events.event[i]);
    }
    batch
}

/// All clusters of a file that `hgcal run` wrote.
///
/// # Errors
/// Those of the table, and columns that are missing.
pub fn read_clusters(address: &str) -> Result<BTreeMap<EventKey, Clusters>> {
    let (mut reader, _) = open_columns(address, CLUSTERS, &[SAMPLE])?;
    let mut clusters: BTreeMap<EventKey, Clusters> = BTreeMap::new();
    while let Some(batch) = reader.next_batch()? {
        let (events, labels) = (batch.scalar_as::<i64>(EVENT.name)?, samples(&batch)?);
        let seeds = batch.scalar_as::<u32>("seed_idx")?;
        let columns = ["en", "pt", "x", "y", "z", "Rz", "eta", "phi"]
            .into_iter()
            .map(|name| Ok(batch.scalar_as::<f64>(name)?.into_owned()))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..events.len() {
            let own = clusters.entry(event_key(&labels, row, events[row])).or_default();
            own.push(seeds[row], columns.iter().map(|c| c[row]));
        }
    }
    Ok(clusters)
}
