//! Numbers of one type as numbers of another: a field may be stored in other columns than its type's own.

use crate::column::{Prim, Values};

/// Whether values of the type `from` are read as `to`: integers and truth values as each other, floats as each other.
pub(super) fn converts(from: Prim, to: Prim) -> bool {
    let is_float = |prim| matches!(prim, Prim::F32 | Prim::F64);
    is_float(from) == is_float(to)
}

/// Puts `values` behind `out` in its type, as C++ converts them; `false` when there is no such conversion.
pub(super) fn append_as(values: &Values, out: &mut Values) -> bool {
    if !converts(values.prim(), out.prim()) {
        return false;
    }
    macro_rules! each {
        ($value:ident => $into:expr, $out:ident) => {
            match values {
                Values::Bool(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::I8(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::U8(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::I16(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::U16(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::I32(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::U32(v) => $out.extend(v.iter().map(|x| {
                    let $value = i64::from(*x);
                    $into
                })),
                Values::I64(v) => $out.extend(v.iter().map(|x| {
                    let $value = *x;
                    $into
                })),
                Values::U64(v) => $out.extend(v.iter().map(|x| {
                    let $value = x.cast_signed();
                    $into
                })),
                Values::F32(_) | Values::F64(_) => return false,
            }
        };
    }
    match (values, &mut *out) {
        (Values::F32(v), Values::F32(out)) => out.extend_from_slice(v),
        (Values::F64(v), Values::F64(out)) => out.extend_from_slice(v),
        (Values::F32(v), Values::F64(out)) => out.extend(v.iter().map(|x| f64::from(*x))),
        (Values::F64(v), Values::F32(out)) => out.extend(v.iter().map(|x| *x as f32)),
        (_, Values::F32(_) | Values::F64(_)) => return false,
        (_, Values::Bool(out)) => each!(x => x != 0, out),
        (_, Values::I8(out)) => each!(x => x as i8, out),
        (_, Values::U8(out)) => each!(x => x as u8, out),
        (_, Values::I16(out)) => each!(x => x as i16, out),
        (_, Values::U16(out)) => each!(x => x as u16, out),
        (_, Values::I32(out)) => each!(x => x as i32, out),
        (_, Values::U32(out)) => each!(x => x as u32, out),
        (_, Values::I64(out)) => each!(x => x, out),
        (_, Values::U64(out)) => each!(x => x.cast_unsigned(), out),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_and_floats_round() {
        let mut out = Values::with_capacity(Prim::U8, 0);
        assert!(append_as(&vec![1_i32, -1, 256].into(), &mut out));
        assert_eq!(out, vec![1_u8, 255, 0].into());
        let mut out = Values::with_capacity(Prim::U64, 0);
        assert!(append_as(&vec![u32::MAX].into(), &mut out) && append_as(&vec![u64::MAX].into(), &mut out));
        assert_eq!(out, vec![u64::from(u32::MAX), u64::MAX].into());
        let mut out = Values::with_capacity(Prim::Bool, 0);
        assert!(append_as(&vec![0_u16, 7].into(), &mut out));
        assert_eq!(out, vec![false, true].into());
        assert!(!append_as(&vec![1.0_f32].into(), &mut out));
    }
}
