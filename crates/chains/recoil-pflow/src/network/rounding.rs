//! Distances in single precision, rounded as the reference rounds them.
//!
//! For padded events that are sorted together, HEPT moves event n by 100 n in pseudorapidity and azimuth and then takes
//! -|q|²/2 - |k|²/2 + q·k of numbers near 300, whose squares leave steps of 0.008 in the exponent. Its weights are
//! therefore good to a percent, and what comes out of it is reproduced only by the same sums in the same order: products
//! of single precision without fusion, the row of a query in vectors of four from its first aligned number on (what
//! stands before belongs to the first lane), lanes 0 and 2, 1 and 3, then their sums, then the rest; squares in vectors of
//! eight behind their rest. The order was read off PyTorch 2.15 on an AMD processor with probes of +2⁶⁰, -2⁶⁰ and ones;
//! with it the layer of the reference comes out bit by bit.

/// Numbers of an aligned vector of products.
const LANES: usize = 4;
/// Numbers of a vector of squares.
const SQUARES: usize = 8;

/// Sum of products of a query with a key; the query stands `place` numbers behind an aligned address.
fn product(query: &[f32], key: &[f32], place: usize) -> f32 {
    let head = place.wrapping_neg() % LANES;
    let (query_head, query) = query.split_at(head.min(query.len()));
    let (key_head, key) = key.split_at(head.min(key.len()));
    let mut lanes = [0.0_f32; LANES];
    for (a, b) in query_head.iter().zip(key_head) {
        lanes[0] += a * b;
    }
    let (queries, query_tail) = query.as_chunks::<LANES>();
    let (keys, key_tail) = key.as_chunks::<LANES>();
    for (a, b) in queries.iter().zip(keys) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let [a, b, c, d] = lanes;
    query_tail.iter().zip(key_tail).fold((a + c) + (b + d), |sum, (a, b)| sum + a * b)
}

/// Sum of squares.
fn squares(row: &[f32]) -> f32 {
    let (vectors, tail) = row.as_chunks::<SQUARES>();
    let mut lanes = [0.0_f32; SQUARES];
    for vector in vectors {
        lanes.iter_mut().zip(vector).for_each(|(lane, x)| *lane += x * x);
    }
    let rest = tail.iter().fold(0.0, |sum, x| sum + x * x);
    lanes.iter().fold(rest, |sum, lane| sum + lane)
}

/// exp(min(q·k - |q|²/2 - |k|²/2, 0)) of each query with each key of a block; rows of `columns` numbers.
pub(super) fn weights(queries: &[f32], keys: &[f32], columns: usize, weights: &mut [f32]) {
    let columns = columns.max(1);
    let halves: Vec<f32> = keys.chunks_exact(columns).map(|key| -0.5 * squares(key)).collect();
    for (row, (query, weights)) in
        queries.chunks_exact(columns).zip(weights.chunks_exact_mut(halves.len().max(1))).enumerate()
    {
        let own = -0.5 * squares(query);
        for ((weight, key), half) in weights.iter_mut().zip(keys.chunks_exact(columns)).zip(&halves) {
            *weight = (product(query, key, row * columns) + own + half).min(0.0).exp();
        }
    }
}

/// Gradients of queries and keys; `slopes` are those of the exponents. Differences are taken before they are summed: here
/// the reference loses four more digits, and no order of sums brings its noise back.
pub(super) fn gradients(slopes: &[f32], [queries, keys]: [&[f32]; 2], columns: usize, into: [&mut [f32]; 2]) {
    let columns = columns.max(1);
    let [to_queries, to_keys] = into;
    let count = (keys.len() / columns).max(1);
    let rows = queries.chunks_exact(columns).zip(to_queries.chunks_exact_mut(columns)).zip(slopes.chunks_exact(count));
    for ((query, to_query), slopes) in rows {
        let of_keys = keys.chunks_exact(columns).zip(to_keys.chunks_exact_mut(columns)).zip(slopes);
        for ((key, to_key), slope) in of_keys {
            let pairs = query.iter().zip(key).zip(to_query.iter_mut().zip(to_key));
            for ((q, k), (to_q, to_k)) in pairs {
                let pull = slope * (k - q);
                *to_q += pull;
                *to_k -= pull;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{product, squares};

    #[test]
    fn sums_are_taken_in_the_order_of_the_reference() {
        // of two numbers that cancel, what was added between them is lost
        let lost = |place: usize, first: usize, second: usize| {
            let mut query = [1.0_f32; 10];
            query[first] = 2.0_f32.powi(60);
            query[second] = -(2.0_f32.powi(60));
            10.0 - product(&query, &[1.0; 10], place)
        };
        // aligned: two vectors, then the last two numbers one by one
        assert_eq!(
            [lost(0, 0, 4), lost(0, 0, 2), lost(0, 0, 1), lost(0, 7, 8), lost(0, 3, 9)],
            [2.0, 4.0, 8.0, 9.0, 10.0]
        );
        // two numbers stand before the first vector
        assert_eq!([lost(10, 0, 1), lost(10, 1, 2), lost(10, 0, 6), lost(10, 4, 8)], [2.0, 3.0, 4.0, 2.0]);
        assert_eq!([lost(10, 0, 4), lost(10, 5, 7), lost(10, 0, 3)], [6.0, 4.0, 10.0]);
        assert_eq!(squares(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), 385.0);
        // the rest comes first
        assert_eq!(squares(&[4096.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]), 16_777_218.0);
    }
}
