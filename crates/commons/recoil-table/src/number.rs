//! Numbers that columns hold, and conversions between them that refuse to change a value.

use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_buffer::ArrowNativeType;

mod sealed {
    pub trait Sealed {}
}

/// A number on its way between types: integers exactly, the rest as `f64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Any integer type.
    Int(i128),
    /// `f32` or `f64`.
    Float(f64),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(v) => v.fmt(f),
            Self::Float(v) => v.fmt(f),
        }
    }
}

/// A number type of a column.
pub trait Number: sealed::Sealed + ArrowNativeType + PartialOrd {
    /// Arrow's name of the type.
    type Arrow: ArrowPrimitiveType<Native = Self>;

    /// The value without loss.
    fn value(self) -> Value;

    /// The number that `value` is, or `None` when this type has no such number. A float may be rounded to a shorter
    /// float, but a finite one never becomes infinite.
    fn exactly(value: Value) -> Option<Self>;
}

macro_rules! integers {
    ($($native:ty => $arrow:ty),*) => {$(
        impl sealed::Sealed for $native {}
        impl Number for $native {
            type Arrow = $arrow;
            fn value(self) -> Value {
                Value::Int(i128::from(self))
            }
            fn exactly(value: Value) -> Option<Self> {
                match value {
                    Value::Int(v) => Self::try_from(v).ok(),
                    Value::Float(v) if v.fract() == 0.0 => Self::try_from(v as i128).ok(),
                    Value::Float(_) => None,
                }
            }
        }
    )*};
}
integers!(i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type);
integers!(u8 => UInt8Type, u16 => UInt16Type, u32 => UInt32Type, u64 => UInt64Type);

macro_rules! floats {
    ($($native:ty => $arrow:ty),*) => {$(
        impl sealed::Sealed for $native {}
        impl Number for $native {
            type Arrow = $arrow;
            fn value(self) -> Value {
                Value::Float(f64::from(self))
            }
            fn exactly(value: Value) -> Option<Self> {
                match value {
                    Value::Int(v) => (v as Self as i128 == v).then_some(v as Self),
                    Value::Float(v) => (!v.is_finite() || (v as Self).is_finite()).then_some(v as Self),
                }
            }
        }
    )*};
}
floats!(f32 => Float32Type, f64 => Float64Type);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_the_value_or_refuse() {
        assert_eq!(i32::exactly(Value::Int(3_000_000_000)), None);
        assert_eq!(u32::exactly(Value::Int(3_000_000_000)), Some(3_000_000_000));
        assert_eq!(u64::exactly(u64::MAX.value()), Some(u64::MAX));
        assert_eq!(f64::exactly(Value::Int((1 << 53) + 1)), None);
        assert_eq!(f64::exactly(Value::Int(1 << 53)), Some(9_007_199_254_740_992.0));
        assert_eq!(i64::exactly(Value::Float(2.5)), None);
        assert_eq!(i64::exactly(Value::Float(-2.0)), Some(-2));
        assert_eq!(i64::exactly(Value::Float(1e30)), None);
        assert_eq!(i64::exactly(Value::Float(f64::NAN)), None);
        assert_eq!(f32::exactly(Value::Float(0.1)), Some(0.1_f32));
        assert_eq!(f32::exactly(Value::Float(1e300)), None);
        assert!(f32::exactly(Value::Float(f64::NAN)).is_some_and(f32::is_nan));
    }
}
