//! The labels of all points of a table, and the table with them.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int8Array, Int32Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema};
use recoil_physics::clue::Clustering;

/// Labels in the order of the table.
#[derive(Debug, Default)]
pub(super) struct Labels {
    density: Vec<f32>,
    nearest_higher: Vec<i32>,
    is_seed: Vec<i8>,
    /// Number of the cluster in its group, -1 for outliers.
    pub cluster: Vec<i32>,
    /// Clusters of all groups.
    pub clusters: usize,
    /// Number of groups.
    pub groups: usize,
}

impl Labels {
    /// Labels of points that were clustered together.
    pub fn of_all(found: Clustering) -> Self {
        Self {
            density: found.density,
            nearest_higher: found.nearest_higher,
            is_seed: found.is_seed.iter().map(|&seed| i8::from(seed)).collect(),
            cluster: found.cluster,
            clusters: found.clusters,
            groups: 1,
        }
    }

    /// Labels of groups, one after the other; `order` tells the row of every point.
    pub fn of_groups(found: Vec<Clustering>, order: &[usize]) -> Self {
        let rows = order.len();
        let mut labels = Self {
            density: vec![0.0; rows],
            nearest_higher: vec![-1; rows],
            is_seed: vec![0; rows],
            cluster: vec![-1; rows],
            clusters: 0,
            groups: found.len(),
        };
        let mut rest = order;
        for group in found {
            let (own, behind) = rest.split_at(group.cluster.len());
            for (i, &row) in own.iter().enumerate() {
                labels.density[row] = group.density[i];
                labels.is_seed[row] = i8::from(group.is_seed[i]);
                labels.cluster[row] = group.cluster[i];
                let higher = usize::try_from(group.nearest_higher[i]).ok().and_then(|higher| own.get(higher));
                labels.nearest_higher[row] = higher.map_or(-1, |&higher| higher as i32);
            }
            labels.clusters += group.clusters;
            rest = behind;
        }
        labels
    }
}

/// The records with the labels behind; columns of the same names are replaced.
///
/// # Errors
/// None for labels of these records.
pub(super) fn with_labels(records: &RecordBatch, labels: &Labels) -> Result<RecordBatch, ArrowError> {
    let field = |name, ty, doc| Arc::new(recoil_table::field(name, ty, "", doc));
    let new: [(FieldRef, ArrayRef); 4] = [
        (
            field("rho", DataType::Float32, "local density: weighted number of points within dc"),
            Arc::new(Float32Array::from(labels.density.clone())),
        ),
        (
            field("nearest_higher", DataType::Int32, "row of the nearest point of higher density, -1 for none"),
            Arc::new(Int32Array::from(labels.nearest_higher.clone())),
        ),
        (
            field("is_seed", DataType::Int8, "1 if the point is the seed of a cluster"),
            Arc::new(Int8Array::from(labels.is_seed.clone())),
        ),
        (
            field("cluster_id", DataType::Int32, "number of the cluster, in the order of the seeds, -1 for outliers"),
            Arc::new(Int32Array::from(labels.cluster.clone())),
        ),
    ];
    let schema = records.schema();
    let kept = schema.fields().iter().cloned().zip(records.columns().iter().cloned());
    let kept = kept.filter(|(old, _)| new.iter().all(|(label, _)| label.name() != old.name()));
    let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = kept.chain(new.clone()).unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
