//! Gradients of the tape against differences of the loss.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_nn::Result;
use recoil_nn::tape::{Activation, Heads, Mode, NO_ROW, Pool, Start, Tape, Value, Weights};
use std::sync::Arc;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + 31 * seed) * 7919 % 10007) as f32 * 0.37).sin()).collect()
}

/// Compares all gradients by the weights and by the leaf `x` with differences.
fn check(
    name: &str,
    weights: &mut Weights,
    x: &mut [f32],
    columns: usize,
    program: impl Fn(&Tape<'_>, &Value) -> Result<Value>,
) {
    let pool = Pool::default();
    let rows = x.len() / columns;
    let mark = |value: &Value| numbers(value.values().len(), 5);
    let loss_at = |weights: &Weights, x: &[f32]| -> f64 {
        let tape = Tape::new(weights, &pool, Mode::Gradients);
        let x = tape.leaf(rows, columns, x).unwrap();
        let y = program(&tape, &x).unwrap();
        y.values().iter().zip(mark(&y)).map(|(y, m)| f64::from(*y) * f64::from(m)).sum()
    };
    let mut gradient = vec![0.0; weights.len()];
    let to_x = {
        let tape = Tape::new(weights, &pool, Mode::Gradients);
        let leaf = tape.leaf(rows, columns, x).unwrap();
        let y = program(&tape, &leaf).unwrap();
        let marks = tape.input(y.rows(), y.columns(), &mark(&y)).unwrap();
        let loss = tape.sum(&tape.multiply(&y, &marks).unwrap()).unwrap();
        let gradients = tape.backward(&loss, &mut gradient).unwrap();
        gradients.of(&leaf).map_or_else(|| vec![0.0; x.len()], <[f32]>::to_vec)
    };
    let step = 4e-3_f32;
    let compare = |what: String, found: f32, high: f64, low: f64| {
        let expected = (high - low) / f64::from(2.0 * step);
        let error = (f64::from(found) - expected).abs();
        assert!(error < 3e-3 * (1.0 + expected.abs()), "{name}, {what}: {found} {expected}");
    };
    for (index, found) in to_x.iter().enumerate() {
        let kept = x[index];
        let at = |value: f32, x: &mut [f32]| {
            x[index] = value;
            loss_at(weights, x)
        };
        let (high, low) = (at(kept + step, x), at(kept - step, x));
        x[index] = kept;
        compare(format!("x[{index}]"), *found, high, low);
    }
    for (index, found) in gradient.iter().enumerate() {
        let kept = weights.values()[index];
        let at = |value: f32, weights: &mut Weights| {
            weights.values_mut()[index] = value;
            loss_at(weights, x)
        };
        let (high, low) = (at(kept + step, weights), at(kept - step, weights));
        weights.values_mut()[index] = kept;
        compare(format!("weight {index}"), *found, high, low);
    }
}

fn nothing() -> Weights {
    Weights::new(0)
}

#[test]
fn linear_layers_and_normalisations() {
    let mut weights = Weights::new(3);
    weights.linear("first", 5, 19).unwrap();
    weights.norm("norm", 19).unwrap();
    weights.linear("second", 19, 3).unwrap();
    check("layers", &mut weights, &mut numbers(7 * 5, 1), 5, |tape, x| {
        let h = tape.activate(&tape.linear(x, "first")?, Activation::Elu)?;
        tape.linear(&tape.layer_norm(&h, "norm", 1e-5)?, "second")
    });
    let mut weights = Weights::new(3);
    weights.push("scale", &[6], Start::Uniform(1.0)).unwrap();
    check("rms", &mut weights, &mut numbers(4 * 6, 2), 6, |tape, x| tape.rms_norm(x, Some("scale"), 1e-6));
    let mut weights = Weights::new(3);
    weights.linear("joint", 6, 9).unwrap();
    weights.push("row", &[1, 1, 4], Start::Normal(1.0)).unwrap();
    check("some outputs", &mut weights, &mut numbers(5 * 6, 2), 6, |tape, x| {
        let y = tape.linear_rows(x, "joint.weight", Some("joint.bias"), Some(3..7))?;
        tape.add_row(&y, &tape.parameter("row")?)
    });
}

#[test]
fn functions() {
    let functions = [
        Activation::Linear,
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::Silu,
        Activation::Sigmoid,
        Activation::Tanh,
    ];
    for function in functions {
        // no number within a difference of a bend
        let mut x: Vec<f32> = numbers(40, 3).iter().map(|v| if v.abs() < 0.02 { 0.5 } else { 2.5 * v }).collect();
        check(&format!("{function:?}"), &mut nothing(), &mut x, 4, |tape, x| tape.activate(x, function));
    }
    check("exp", &mut nothing(), &mut numbers(12, 1), 3, |tape, x| tape.exp(&tape.affine(x, 0.5, 0.1)?));
    check("map", &mut nothing(), &mut numbers(12, 1), 3, |tape, x| tape.map(x, |x| x * x, |x, _| 2.0 * x));
    check("softmax", &mut nothing(), &mut numbers(20, 1), 5, |tape, x| {
        let mask = tape.input(4, 5, &[1.0, 1.0, 0.0, 1.0, 1.0].repeat(4))?;
        tape.concat(&[&tape.softmax(x, Some(&mask))?, &tape.log_softmax(x)?])
    });
}

#[test]
fn arithmetic_and_rows() {
    check("arithmetic", &mut nothing(), &mut numbers(24, 1), 6, |tape, x| {
        let (a, b) = (tape.columns(x, 0..3)?, tape.columns(x, 3..6)?);
        let product = tape.multiply(&tape.subtract(&a, &b)?, &tape.add(&a, &a)?)?;
        tape.multiply_column(&product, &tape.sum_columns(&b)?)
    });
    let rows: Arc<[u32]> = [3, 0, NO_ROW, 3].into();
    check("gather and scatter", &mut nothing(), &mut numbers(20, 1), 5, |tape, x| {
        let y = tape.gather(x, &rows)?;
        let z = tape.scatter(&tape.multiply(&y, &y)?, &rows, 6)?;
        let w = tape.place(&[(y, [1, 2, 4, 5].into())], 6)?;
        tape.reshape(&tape.concat(&[&z, &w])?, 12, 5)
    });
    let offsets: Arc<[u32]> = [0, 3, 3, 7].into();
    check("segments", &mut nothing(), &mut numbers(28, 1), 4, |tape, x| {
        let means = tape.segment_mean(&tape.multiply(x, x)?, &offsets)?;
        let sums = tape.segment_sum(x, &offsets)?;
        tape.add_to_segments(x, &tape.multiply(&means, &sums)?, &offsets)
    });
}

#[test]
fn products_of_batches() {
    for transposed in [false, true] {
        check("batches", &mut nothing(), &mut numbers(3 * 2 * 4, 1), 4, |tape, x| {
            // three pairs of (2 x 4) and (4 x 2), or (2 x 4)
            let other = if transposed { tape.scale(x, 0.5)? } else { tape.reshape(&tape.scale(x, 0.5)?, 12, 2)? };
            tape.batch_product(x, &other, 3, transposed)
        });
    }
}

#[test]
fn attention() {
    for (heads, width) in [(2, 3), (1, 20)] {
        let all = heads * width;
        let offsets: Arc<[u32]> = [0, 5, 5, 6, 13].into();
        check("self", &mut nothing(), &mut numbers(13 * 3 * all, 1), 3 * all, |tape, x| {
            tape.self_attention(x, Heads::new(heads, width), &offsets)
        });
        // queries of their own: more keys than a tile has
        let (query_offsets, key_offsets): (Arc<[u32]>, Arc<[u32]>) = ([0, 1, 3].into(), [0, 0, 150].into());
        let told = numbers(150 * 2 * all, 3);
        check("cross", &mut nothing(), &mut numbers(3 * all, 2), all, |tape, x| {
            let told = tape.input(150, 2 * all, &told)?;
            tape.attend([x, &told, &told], [0, 0, all], Heads::new(heads, width), [&query_offsets, &key_offsets])
        });
    }
}

#[test]
fn losses() {
    let classes = [0, 2, 1, 2];
    for focus in [0.0, 2.0] {
        check("focal", &mut nothing(), &mut numbers(12, 1), 3, |tape, x| {
            tape.focal(x, &classes, &[0.5, 1.0, 0.0, 2.0], focus)
        });
    }
    check("errors", &mut nothing(), &mut numbers(4, 1), 1, |tape, x| {
        let squares = tape.squared_error(x, &[0.3, -0.2, 0.1, 0.9], &[1.0, 2.0, 0.5, 0.0])?;
        tape.add(&squares, &tape.huber(x, &[0.3, -2.0, 0.1, 0.9], &[1.0, 2.0, 0.5, 0.0], 0.5)?)
    });
}

#[test]
fn dropping_is_a_function_of_the_seed_and_nothing_else() {
    let (weights, pool) = (nothing(), Pool::default());
    let drop = |mode: Mode| {
        let tape = Tape::new(&weights, &pool, mode);
        let x = tape.input(100, 10, &[1.0; 1000]).unwrap();
        let (first, second) = (tape.dropout(&x, 0.25).unwrap(), tape.dropout(&x, 0.25).unwrap());
        (first.values().to_vec(), second.values().to_vec())
    };
    let (first, second) = drop(Mode::Training { seed: 1 });
    assert_eq!((first.clone(), second.clone()), drop(Mode::Training { seed: 1 }));
    assert!(first != second && first != drop(Mode::Training { seed: 2 }).0);
    let dropped = first.iter().filter(|value| **value == 0.0).count();
    assert!((200..300).contains(&dropped), "{dropped}");
    assert!(first.iter().all(|value| *value == 0.0 || (*value - 4.0 / 3.0).abs() < 1e-6));
    assert_eq!(drop(Mode::Gradients).0, vec![1.0; 1000]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut weights = Weights::new(1);
    weights.linear("layer", 4, 2).unwrap();
    let pool = Pool::default();
    let tape = Tape::new(&weights, &pool, Mode::Inference);
    let x = tape.input(3, 5, &[0.0; 15]).unwrap();
    let message = |result: Result<Value>| result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message(tape.linear(&x, "layer")).contains("columns before 'layer.weight': 5 values, expected 4"));
    assert!(message(tape.linear(&x, "other")).contains("'other.weight'"));
    assert!(message(tape.gather(&x, &[3].into())).contains("row 3 of a matrix of 3 rows"));
    assert!(message(tape.segment_sum(&x, &[0, 2].into())).contains("2"));
    assert!(message(tape.input(2, 2, &[0.0; 3])).contains("3 values, expected 4"));
}
