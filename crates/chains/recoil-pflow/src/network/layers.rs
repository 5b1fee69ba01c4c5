//! Parts that networks are made of, with the names of the reference implementation.

use std::sync::Arc;

use recoil_nn::Result;
use recoil_nn::tape::{Activation, Heads, Tape, Value};

/// Epsilon of the normalisations of PyTorch.
pub(super) const EPSILON: f32 = 1e-5;

/// The part of a feed-forward network before its last layer.
pub(super) fn hidden(tape: &Tape<'_>, x: &Value, name: &str, function: Activation, dropout: f32) -> Result<Value> {
    let h = tape.linear(x, &format!("{name}.0"))?;
    let h = tape.activate(&h, function)?;
    let h = tape.layer_norm(&h, &format!("{name}.2"), EPSILON)?;
    tape.dropout(&h, dropout)
}

/// Linear, function, normalisation, linear.
pub(super) fn feed_forward(
    tape: &Tape<'_>,
    x: &Value,
    name: &str,
    function: Activation,
    dropout: f32,
) -> Result<Value> {
    tape.linear(&hidden(tape, x, name, function, dropout)?, &format!("{name}.4"))
}

/// Linear, function, linear, function.
pub(super) fn two_layers(tape: &Tape<'_>, x: &Value, first: &str, second: &str, function: Activation) -> Result<Value> {
    let h = tape.activate(&tape.linear(x, first)?, function)?;
    tape.activate(&tape.linear(&h, second)?, function)
}

/// Attention of rows to the rows of their event and what follows it; `queries` replaces the rows that ask.
pub(super) fn attention_layer(
    tape: &Tape<'_>,
    x: &Value,
    queries: Option<&Value>,
    name: &str,
    [heads, width]: [usize; 2],
    (function, dropout): (Activation, f32),
    offsets: &Arc<[u32]>,
) -> Result<Value> {
    let all = heads * width;
    let heads = Heads::new(heads, width);
    let (weight, bias) = (format!("{name}.mha.in_proj_weight"), format!("{name}.mha.in_proj_bias"));
    let normal = tape.layer_norm(x, &format!("{name}.norm0"), EPSILON)?;
    let seen = match queries {
        None => {
            let joint = tape.linear_rows(&normal, &weight, Some(&bias), None)?;
            tape.self_attention(&joint, heads, offsets)?
        }
        Some(queries) => {
            let asked = tape.linear_rows(queries, &weight, Some(&bias), Some(0..all))?;
            let told = tape.linear_rows(&normal, &weight, Some(&bias), Some(all..3 * all))?;
            tape.attend([&asked, &told, &told], [0, 0, all], heads, [offsets, offsets])?
        }
    };
    drop(normal);
    let seen = tape.dropout(&tape.linear(&seen, &format!("{name}.mha.out_proj"))?, dropout)?;
    let x = tape.add(x, &seen)?;
    drop(seen);
    let normal = tape.layer_norm(&x, &format!("{name}.norm1"), EPSILON)?;
    let h = two_layers(tape, &normal, &format!("{name}.seq.0"), &format!("{name}.seq.2"), function)?;
    tape.add(&x, &tape.dropout(&h, dropout)?)
}

/// A learned query that reads each event; what it read is added to all rows of the event, and a feed-forward part follows.
/// `keys` are the rows that it may read, `key_offsets` where their events begin.
pub(super) fn readout(
    tape: &Tape<'_>,
    x: &Value,
    [keys, query]: [&Value; 2],
    name: &str,
    [heads, width]: [usize; 2],
    function: Activation,
    [offsets, key_offsets]: [&Arc<[u32]>; 2],
) -> Result<Value> {
    let all = heads * width;
    let (weight, bias) = (format!("{name}.mha.in_proj_weight"), format!("{name}.mha.in_proj_bias"));
    let query = tape.layer_norm(query, &format!("{name}.query_norm"), EPSILON)?;
    let query = tape.linear_rows(&query, &weight, Some(&bias), Some(0..all))?;
    let events = offsets.len().saturating_sub(1);
    let normal = tape.layer_norm(keys, &format!("{name}.key_norm"), EPSILON)?;
    // All rows are asked the same. So not they are projected to keys and values, but the query of each head back to the
    // rows, q (W k) = (q W) k, and what it read to a value. (A bias of keys is the same for all and falls out.)
    let to_keys = tape.parameter_rows(&weight, all..2 * all)?;
    let asked = tape.batch_product(&tape.reshape(&query, heads, width)?, &to_keys, heads, false)?;
    let by_event: Arc<[u32]> = (0..events * heads).map(|row| (row % heads) as u32).collect();
    let asked = tape.gather(&asked, &by_event)?;
    let one = Heads { count: 1, width: normal.columns(), scale: 1.0 / (width.max(1) as f32).sqrt() };
    let query_offsets: Arc<[u32]> = (0..=events).map(|event| (event * heads) as u32).collect();
    let read = tape.attention(&asked, &normal, &normal, one, &query_offsets, key_offsets)?;
    drop(normal);
    // by event and head, by head and event for the product, and back
    let by_head: Arc<[u32]> = (0..events * heads).map(|row| (row % events * heads + row / events) as u32).collect();
    let read = tape.gather(&read, &by_head)?;
    let to_values = tape.parameter_rows(&weight, 2 * all..3 * all)?;
    let read = tape.batch_product(&read, &to_values, heads, true)?;
    let by_event: Arc<[u32]> = (0..events * heads).map(|row| (row % heads * events + row / heads) as u32).collect();
    let read = tape.reshape(&tape.gather(&read, &by_event)?, events, all)?;
    let shift = tape.columns(&tape.parameter(&bias)?, 2 * all..3 * all)?;
    let read = tape.add(&read, &tape.repeat_row(&shift, events)?)?;
    let read = tape.linear(&read, &format!("{name}.mha.out_proj"))?;
    let x = tape.add_to_segments(x, &read, offsets)?;
    let normal = tape.layer_norm(&x, &format!("{name}.post_norm"), EPSILON)?;
    let h = two_layers(tape, &normal, &format!("{name}.ffn.0"), &format!("{name}.ffn.2"), function)?;
    tape.add(&x, &h)
}
