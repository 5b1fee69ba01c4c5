//! References to other objects: `TRef` and `TRefArray`, which name them by their number in the event.

use super::decode::IS_REFERENCED;
use crate::{
    bytes::{Cursor, Read},
    error::Fault,
};

/// Status bit of a reference behind which the identifier of an object in another file stands.
const HAS_UUID: u32 = 0x20;

/// The number of the object that a `TRef` leads to; 0 for none.
pub(super) fn reference(cursor: &mut Cursor<'_>) -> Read<u32> {
    let (number, bits) = common(cursor)?;
    if bits & HAS_UUID != 0 {
        cursor.string_bytes()?;
    } else {
        // which process gave the number
        cursor.skip(2)?;
    }
    Ok(number)
}

/// Appends the numbers of the objects that a `TRefArray` leads to; how many there are.
pub(super) fn references(cursor: &mut Cursor<'_>, numbers: &mut Vec<u32>) -> Read<usize> {
    let at = cursor.pos();
    let header = cursor.counted_header()?.ok_or_else(|| Fault::bad(at, "references without a byte count"))?;
    common(cursor)?;
    cursor.string_bytes()?;
    let count = cursor.count(4)?;
    // index of the first one, and which process gave the numbers
    cursor.skip(4 + 2)?;
    for _ in 0..count {
        numbers.push(cursor.u32()?);
    }
    if let Some(end) = header.end {
        cursor.seek(end)?;
    }
    Ok(count)
}

/// The base class of both: number and status bits.
fn common(cursor: &mut Cursor<'_>) -> Read<(u32, u32)> {
    let header = cursor.header()?;
    let number = cursor.u32()?;
    let bits = cursor.u32()?;
    if bits & IS_REFERENCED != 0 {
        cursor.skip(2)?;
    }
    if let Some(end) = header.end {
        cursor.seek(end)?;
    }
    Ok((number, bits))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_references() {
        let one = [0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0];
        let mut cursor = Cursor::new(&one);
        assert_eq!((reference(&mut cursor).unwrap(), cursor.left()), (6, 0));
        let mut many = vec![0x40, 0, 0, 31, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        many.extend([0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 20]);
        let (mut cursor, mut numbers) = (Cursor::new(&many), Vec::new());
        assert_eq!((references(&mut cursor, &mut numbers).unwrap(), cursor.left()), (2, 0));
        assert_eq!(numbers, [12, 20]);
        // a count beyond the bytes
        let far: Vec<u8> = many.iter().enumerate().map(|(i, b)| if i == 17 { 0x7f } else { *b }).collect();
        assert!(references(&mut Cursor::new(&far), &mut Vec::new()).is_err());
    }
}
