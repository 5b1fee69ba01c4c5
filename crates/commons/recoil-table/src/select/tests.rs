#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float32Builder, Int32Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use proptest::prelude::*;

use super::lexer::Op;
use super::parser::{Node, Tree, parse};
use super::*;

/// A value of the interpreter that the evaluator is held against.
#[derive(Debug, Clone, PartialEq)]
enum V {
    F(f64),
    I(i64),
    B(bool),
    L(Vec<V>),
}

impl V {
    fn f(&self) -> f64 {
        match self {
            V::F(v) => *v,
            V::I(v) => *v as f64,
            V::B(v) => f64::from(u8::from(*v)),
            V::L(_) => panic!("list"),
        }
    }
    fn i(&self) -> Option<i64> {
        match self {
            V::I(v) => Some(*v),
            V::B(v) => Some(i64::from(*v)),
            _ => None,
        }
    }
    fn same(&self, other: &V) -> bool {
        match (self, other) {
            (V::F(a), V::F(b)) => a == b || (a.is_nan() && b.is_nan()),
            (V::L(a), V::L(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (a, b) => a == b,
        }
    }
}

/// Applies `f` element by element, scalars counting for each element.
fn lift(arguments: &[V], f: &dyn Fn(&[V]) -> V) -> V {
    let length = arguments.iter().find_map(|v| if let V::L(l) = v { Some(l.len()) } else { None });
    let Some(length) = length else { return f(arguments) };
    let pick = |i: usize| -> Vec<V> {
        arguments.iter().map(|v| if let V::L(l) = v { l[i].clone() } else { v.clone() }).collect()
    };
    V::L((0..length).map(|i| f(&pick(i))).collect())
}

fn number(a: &V, b: &V, exact: impl Fn(i64, i64) -> i64, float: impl Fn(f64, f64) -> f64) -> V {
    match (a.i(), b.i()) {
        (Some(a), Some(b)) => V::I(exact(a, b)),
        _ => V::F(float(a.f(), b.f())),
    }
}

fn compare(op: Op, a: &V, b: &V) -> V {
    macro_rules! by {
        ($a:expr, $b:expr) => {
            match op {
                Op::Less => $a < $b,
                Op::LessEqual => $a <= $b,
                Op::Greater => $a > $b,
                Op::GreaterEqual => $a >= $b,
                Op::Equal => $a == $b,
                _ => $a != $b,
            }
        };
    }
    V::B(match (a.i(), b.i()) {
        (Some(a), Some(b)) => by!(a, b),
        _ => by!(a.f(), b.f()),
    })
}

/// One row, one node after the other.
fn naive(tree: &Tree, row: &dyn Fn(&str) -> V) -> V {
    let go = |tree: &Tree| naive(tree, row);
    match &tree.node {
        Node::Int(v) => V::I(*v),
        Node::Float(v) => V::F(*v),
        Node::Column(name) => row(name),
        Node::Unary(op, a) => lift(&[go(a)], &|v| match (op, &v[0]) {
            (Op::Not | Op::BitNot, V::B(v)) => V::B(!v),
            (Op::Subtract, V::F(v)) => V::F(-v),
            (Op::Subtract, v) => V::I(-v.i().unwrap()),
            other => panic!("{other:?}"),
        }),
        Node::Binary(op, a, b) => lift(&[go(a), go(b)], &|v| match (op, &v[0], &v[1]) {
            (Op::And | Op::BitAnd, V::B(a), V::B(b)) => V::B(*a && *b),
            (Op::Or | Op::BitOr, V::B(a), V::B(b)) => V::B(*a || *b),
            (Op::Add, a, b) => number(a, b, |a, b| a + b, |a, b| a + b),
            (Op::Subtract, a, b) => number(a, b, |a, b| a - b, |a, b| a - b),
            (Op::Multiply, a, b) => number(a, b, |a, b| a * b, |a, b| a * b),
            (Op::Divide, a, b) => V::F(a.f() / b.f()),
            (Op::Power, a, b) => V::F(a.f().powf(b.f())),
            (op, a, b) => compare(*op, a, b),
        }),
        Node::Call(name, _, arguments) => call(name, &arguments.iter().map(go).collect::<Vec<_>>()),
        Node::Index(list, place) => {
            let (V::L(list), V::I(place)) = (go(list), go(place)) else { panic!("index") };
            let at = if place < 0 { place + list.len() as i64 } else { place };
            let found = usize::try_from(at).ok().and_then(|at| list.get(at).cloned());
            match found {
                Some(V::B(v)) => V::B(v),
                Some(v) => V::F(v.f()),
                None => V::F(f64::NAN),
            }
        }
        Node::Text(_) => panic!("text"),
    }
}

fn call(name: &str, arguments: &[V]) -> V {
    if let ([V::L(list)], "any" | "all" | "sum" | "count" | "max" | "min" | "mean" | "len") = (arguments, name) {
        let truths = || list.iter().map(|v| *v == V::B(true));
        return match name {
            "any" => V::B(truths().any(|v| v)),
            "all" => V::B(truths().all(|v| v)),
            "count" if matches!(list.first(), Some(V::B(_))) => V::I(truths().filter(|v| *v).count() as i64),
            "count" | "len" => V::I(list.len() as i64),
            // a list without elements does not tell its type; both zeros are the same number
            "sum" if list.is_empty() => V::I(0),
            "sum" if list[0].i().is_some() => V::I(list.iter().map(|v| v.i().unwrap()).sum()),
            "sum" => V::F(list.iter().map(V::f).sum()),
            "mean" => V::F(list.iter().map(V::f).sum::<f64>() / list.len() as f64),
            _ if list.iter().any(|v| v.f().is_nan()) => V::F(f64::NAN),
            "max" => V::F(list.iter().map(V::f).fold(f64::NAN, f64::max)),
            _ => V::F(list.iter().map(V::f).fold(f64::NAN, f64::min)),
        };
    }
    lift(arguments, &|v| match (name, v) {
        ("abs", [a]) => a.i().map_or_else(|| V::F(a.f().abs()), |a| V::I(a.abs())),
        ("sqrt", [a]) => V::F(a.f().sqrt()),
        ("cos", [a]) => V::F(a.f().cos()),
        ("isnan", [a]) => V::B(a.f().is_nan()),
        ("hypot", [a, b]) => V::F(a.f().hypot(b.f())),
        ("where", [V::B(c), a, b]) => {
            if *c {
                a.clone()
            } else {
                b.clone()
            }
        }
        other => panic!("{other:?}"),
    })
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    /// A random formula: a float when `float`, otherwise an integer; per element when `list`.
    fn number(&mut self, depth: u64, float: bool, list: bool) -> String {
        let side = list && self.below(3) > 0;
        if depth == 0 || self.below(5) == 0 {
            return match (float, list) {
                (true, true) => self.pick(&["fx", "fy"]),
                (true, false) => self.pick(&["x", "2.5", "0.1"]),
                (false, true) => self.pick(&["fi", "fi"]),
                (false, false) => self.pick(&["i", "3", "-2"]),
            }
            .to_owned();
        }
        let d = depth - 1;
        match self.below(if float { 7 } else { 4 }) {
            0 | 1 => {
                let op = self.pick(&["+", "-", "*"]);
                format!("({} {op} {})", self.number(d, float, list), self.number(d, false, side))
            }
            2 => format!("abs({})", self.number(d, float, list)),
            3 if !list => match (float, self.below(4)) {
                (true, 0) => format!("{}[{}]", self.element(d), self.below(4) as i64 - 2),
                (true, 1) => format!("max({})", self.element(d)),
                (true, 2) => format!("mean({})", self.element(d)),
                (true, _) => format!("min({})", self.element(d)),
                (false, 0) => format!("len({})", self.element(d)),
                (false, 1) => format!("count({})", self.condition(d, true)),
                (false, _) => format!("sum({})", self.number(d, false, true)),
            },
            3 => format!("-{}", self.number(d, float, list)),
            4 => format!("({} / {})", self.number(d, float, list), self.number(d, true, side)),
            5 => format!("hypot({}, {})", self.number(d, true, side), self.number(d, float, list)),
            _ => {
                let (a, b) = (self.number(d, true, side), self.number(d, true, list));
                format!("where({}, {a}, {b})", self.condition(d, list))
            }
        }
    }

    fn element(&mut self, depth: u64) -> String {
        let float = self.below(2) == 0;
        self.number(depth, float, true)
    }

    fn condition(&mut self, depth: u64, list: bool) -> String {
        let side = list && self.below(2) == 0;
        if depth == 0 {
            return if list { "fb" } else { "b" }.to_owned();
        }
        let d = depth - 1;
        match self.below(5) {
            0 => format!("not ({})", self.condition(d, list)),
            1 => {
                let op = self.pick(&["and", "or", "&", "|", "&&", "||"]);
                format!("({} {op} {})", self.condition(d, side), self.condition(d, list))
            }
            2 if !list => format!("{}({})", self.pick(&["any", "all"]).to_owned(), self.condition(d, true)),
            3 => format!("isnan({})", self.number(d, true, list)),
            _ => {
                let op = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let (left, right) = (self.below(2) == 0, self.below(2) == 0);
                format!("({} {op} {})", self.number(d, left, list), self.number(d, right, side))
            }
        }
    }
}

/// Rows with lists of 0 to 5 elements, and now and then of a whole block of the evaluator.
fn sample(dice: &mut Dice, rows: usize) -> Batch {
    let mut lists = (
        ListBuilder::new(Float32Builder::new()),
        ListBuilder::new(Float32Builder::new()),
        ListBuilder::new(Int32Builder::new()),
        ListBuilder::new(BooleanBuilder::new()),
    );
    let (mut x, mut i, mut b) = (Vec::new(), Vec::new(), Vec::new());
    let float = |dice: &mut Dice| if dice.below(9) == 0 { f32::NAN } else { dice.below(400) as f32 / 16.0 - 10.0 };
    for _ in 0..rows {
        x.push(f64::from(float(dice)));
        i.push(dice.below(12) as i64 - 4);
        b.push(dice.below(2) == 0);
        let length = if dice.below(40) == 0 { dice.below(2500) } else { dice.below(6) };
        for _ in 0..length {
            lists.0.values().append_value(float(dice));
            lists.1.values().append_value(float(dice));
            lists.2.values().append_value(dice.below(9) as i32 - 3);
            lists.3.values().append_value(dice.below(2) == 0);
        }
        lists.0.append(true);
        lists.1.append(true);
        lists.2.append(true);
        lists.3.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("x", Arc::new(Float64Array::from(x))),
        ("i", Arc::new(Int64Array::from(i))),
        ("b", Arc::new(BooleanArray::from(b))),
        ("fx", Arc::new(lists.0.finish())),
        ("fy", Arc::new(lists.1.finish())),
        ("fi", Arc::new(lists.2.finish())),
        ("fb", Arc::new(lists.3.finish())),
    ];
    Batch::from(RecordBatch::try_from_iter(columns).unwrap())
}

fn value(array: &dyn Array, row: usize) -> V {
    if let Some(list) = array.as_list_opt::<i32>() {
        let elements = list.value(row);
        return V::L((0..elements.len()).map(|i| value(&elements, i)).collect());
    }
    if let Some(bools) = array.as_boolean_opt() {
        return V::B(bools.value(row));
    }
    match array.data_type() {
        kind if kind.is_integer() => {
            let wide = arrow_cast::cast(&array.slice(row, 1), &arrow_schema::DataType::Int64).unwrap();
            V::I(wide.as_primitive::<Int64Type>().value(0))
        }
        _ => {
            let wide = arrow_cast::cast(&array.slice(row, 1), &arrow_schema::DataType::Float64).unwrap();
            V::F(wide.as_primitive::<Float64Type>().value(0))
        }
    }
}

fn assert_as_naive(text: &str, batch: &Batch) {
    let tree = parse(text).unwrap();
    let result = Selection::parse(text).unwrap().evaluate(batch).unwrap_or_else(|e| panic!("{text}: {e}"));
    for row in 0..batch.rows() {
        let expected = naive(&tree, &|name| value(batch.column(name).unwrap(), row));
        let found = value(&result, row);
        // where the naive one saw an empty list or a place outside of it, it cannot know the type
        let same = match (&found, &expected) {
            (V::B(found), V::F(none)) if none.is_nan() => !found,
            (V::F(found), V::I(zero)) => *found == *zero as f64,
            _ => found.same(&expected),
        };
        assert!(same, "{text}: row {row}: {found:?} is not {expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn blocks_give_what_one_value_after_the_other_gives(seed in 1_u64..u64::MAX, depth in 1_u64..5) {
        let mut dice = Dice(seed);
        let batch = sample(&mut dice, 60);
        let per_element = dice.below(2) == 0;
        let formula = dice.number(depth, true, per_element);
        assert_as_naive(&formula, &batch);
        let condition = dice.condition(depth, per_element);
        assert_as_naive(&condition, &batch);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-+*/%<>=!&|~()\\[\\],'`a-c0-9. e\"]{0,60}") {
        let _ = Selection::parse(&text);
    }
}

fn values(text: &str, batch: &Batch) -> Vec<f64> {
    let array = Selection::parse(text).unwrap().evaluate(batch).unwrap();
    let wide = arrow_cast::cast(&array, &arrow_schema::DataType::Float64).unwrap();
    wide.as_primitive::<Float64Type>().values().to_vec()
}

fn one_row() -> Batch {
    let mut lists = ListBuilder::new(Float32Builder::new());
    lists.append_value([Some(1.0), Some(4.0)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("tau_eta", Arc::new(Float64Array::from(vec![-2.5]))),
        ("n", Arc::new(Int64Array::from(vec![7]))),
        ("big", Arc::new(UInt64Array::from(vec![9_007_199_254_740_993]))),
        ("pt", Arc::new(lists.finish())),
        ("sample", Arc::new(StringArray::from(vec!["pu0"]))),
    ];
    Batch::from(RecordBatch::try_from_iter(columns).unwrap())
}

#[test]
fn precedence_is_as_documented() {
    let batch = one_row();
    for (text, expected) in [
        ("2 + 3 * 4", 14.0),
        ("-2 ** 2", -4.0),
        ("2 ** 3 ** 2", 512.0),
        ("2 ** -1", 0.5),
        ("not false or true", 1.0),
        ("not (false or true)", 0.0),
        ("1 < 2 & 3 < 4", 1.0),
        ("n & 3", 3.0),
        ("(n & 8) != 0", 0.0),
        ("~n", -8.0),
        ("-7 % 3", 2.0),
        ("n % -3", -2.0),
        ("-7.5 % 2", 0.5),
        ("7 / 2", 3.5),
        ("pt[0] + pt[-1] * 10", 41.0),
        ("pt[n - 6]", 4.0),
        ("sum(pt > n - 5)", 1.0),
        ("deltaphi(3.0, -3.0)", 6.0 - std::f64::consts::TAU),
        ("deltaphi(pi, 0)", std::f64::consts::PI),
        ("deltaphi(0, pi)", std::f64::consts::PI),
        ("min(3, n) + max2(1.5, 2)", 5.0),
        ("if(tau_eta < 0, 1, 2)", 1.0),
        ("count(pt)", 2.0),
        ("count(pt > 2)", 1.0),
        ("len(pt > 2)", 2.0),
        ("sample == 'pu0'", 1.0),
        ("'pu200' != sample", 1.0),
        ("1_000 + .5e1", 1005.0),
        ("isfinite(1 / 0)", 0.0),
        ("pt[5] > 0 or pt[5] <= 0", 0.0),
    ] {
        assert_eq!(values(text, &batch), [expected], "{text}");
    }
}

#[test]
fn event_numbers_beyond_the_precision_of_f64_compare_exactly() {
    let batch = one_row();
    assert_eq!(values("big == 9007199254740993", &batch), [1.0]);
    assert_eq!(values("big == 9007199254740992", &batch), [0.0]);
    assert_eq!(values("big > 9007199254740992", &batch), [1.0]);
    let error = Selection::parse("big * 9007199254740993 > 0").unwrap().evaluate(&batch).unwrap_err();
    assert_eq!(error.to_string(), "memory: integer overflow in the selection, at or shortly behind row 0");
}

#[test]
fn errors_point_at_the_place() {
    let batch = one_row();
    let error = |text: &str| match Selection::parse(text) {
        Err(error) => error.to_string(),
        Ok(selection) => selection.filter(&batch.schema()).unwrap_err().to_string(),
    };
    assert_eq!(
        error("n > 2000 and     abs(tau_etaa) < 2.3"),
        "unknown column 'tau_etaa' at column 22, did you mean 'tau_eta'?\n  \
         n > 2000 and     abs(tau_etaa) < 2.3\n                       ^^^^^^^^"
    );
    for (text, first_line) in [
        ("", "expected a value, found the end at column 1"),
        ("n > and 3", "expected a value at column 5"),
        ("n > 2 3", "expected an operator or the end at column 7"),
        ("n = 2", "unexpected '=' at column 3, did you mean '=='?"),
        ("(n > 2", "expected ')' at column 7"),
        ("n > 2)", "')' without '(' at column 6"),
        ("1 < n < 3", "comparisons do not chain at column 7: write 'a < b and b < c'"),
        ("sqrrt(n) > 2", "unknown function 'sqrrt' at column 1, did you mean 'sqrt'?"),
        ("hypot(n) > 2", "hypot with 1 arguments at column 1: it takes 2 arguments"),
        ("any(n > 2)", "any needs a list at column 5: this has one value per row"),
        ("n and true", "expected a condition, found an integer at column 1: write '... != 0'"),
        ("n + 1", "a number is not a condition at column 1: compare it with something"),
        ("sample > 'a'", "texts have no order at column 1: compare them with == or !="),
        ("sample == 3", "a text compared with a number at column 1"),
        ("n > 12abc", "'12abc' is not a number at column 5"),
        ("sample == 'pu", "no closing ' for the one at column 11"),
        ("n == 9223372036854775808", "integer 9223372036854775808 is above 2^63 - 1 at column 6"),
    ] {
        assert_eq!(error(text).lines().next(), Some(first_line), "{text}");
    }
    for deep in ["(".repeat(100_000), "-".repeat(100_000), format!("1{}", "+1".repeat(100_000))] {
        assert!(error(&deep).starts_with("more than 200 levels of nesting"));
    }
}

#[test]
fn lists_of_different_lengths_do_not_combine() {
    let list = |lengths: &[usize]| -> ArrayRef {
        let mut builder = ListBuilder::new(Float32Builder::new());
        for &length in lengths {
            builder.append_value(vec![Some(1.0); length]);
        }
        Arc::new(builder.finish())
    };
    let columns = [("a", list(&[2, 1, 3])), ("b", list(&[2, 3, 1]))];
    let batch = Batch::new(RecordBatch::try_from_iter(columns).unwrap(), "t.parquet", 100);
    let error = Selection::parse("any(a > b)").unwrap().evaluate(&batch).unwrap_err().to_string();
    assert_eq!(error, "t.parquet: columns 'b' (3 elements) and 'a' (1) differ in length at row 101");
}

#[test]
fn filters_keep_rows_or_elements() {
    let mut dice = Dice(77);
    let batch = sample(&mut dice, 50);
    let rows = Selection::parse("x > 0 and any(fi > 2)").unwrap().filter(&batch.schema()).unwrap().apply(&batch);
    let rows = rows.unwrap();
    assert!(rows.rows() > 0 && rows.rows() < batch.rows());
    assert!(rows.scalar::<f64>("x").unwrap().iter().all(|x| *x > 0.0));

    let elements = Selection::parse("fi > 2 and fb").unwrap().filter(&batch.schema()).unwrap().apply(&batch).unwrap();
    assert_eq!(elements.rows(), batch.rows());
    elements.require_same_lengths(&["fx", "fy", "fi", "fb"]).unwrap();
    let kept = elements.list_as::<i64>("fi").unwrap();
    let all = batch.list_as::<i64>("fi").unwrap();
    let flags = value(&batch.column("fb").unwrap().slice(0, 50), 0);
    assert!(matches!(flags, V::L(_)));
    assert!(kept.values.iter().all(|i| *i > 2));
    assert!(kept.values.len() < all.values.iter().filter(|i| **i > 2).count());
}

#[test]
fn a_filter_on_elements_stays_within_its_collection() {
    let list = |lengths: &[usize]| -> ArrayRef {
        let mut builder = ListBuilder::new(Float32Builder::new());
        for &length in lengths {
            builder.append_value((0..length).map(|i| Some(i as f32)));
        }
        Arc::new(builder.finish())
    };
    let batch = |gen_lengths: &[usize], tc: &[usize]| {
        let columns = [("gen_pt", list(gen_lengths)), ("tc_pt", list(tc)), ("tc_x", list(tc))];
        Batch::from(RecordBatch::try_from_iter(columns).unwrap())
    };
    let first = batch(&[2, 2], &[2, 2]);
    let mut filter = Selection::parse("tc_pt > 0").unwrap().filter(&first.schema()).unwrap();
    let kept = filter.apply(&first).unwrap();
    assert_eq!(*kept.list::<f32>("tc_x").unwrap().offsets, [0, 1, 2]);
    assert_eq!(*kept.list::<f32>("gen_pt").unwrap().offsets, [0, 2, 4]);
    let second = filter.apply(&batch(&[1], &[3])).unwrap();
    assert_eq!(*second.list::<f32>("tc_x").unwrap().values, [1.0, 2.0]);
}
