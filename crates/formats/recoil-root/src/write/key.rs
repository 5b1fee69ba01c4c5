//! Keys: the header in front of every record of a file.

use super::buffer::{Buffer, string_bytes};

/// Positions beyond this byte are stored in 64 bits, as ROOT does.
pub(super) const BIG_FILE: u64 = 2_000_000_000;

/// The header of one record.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub class: &'static str,
    pub name: String,
    pub title: String,
    /// Position of the record.
    pub seek: u64,
    /// Position of the directory that holds it.
    pub parent: u64,
    /// Bytes of the payload before and after compression.
    pub object_bytes: u32,
    pub stored_bytes: u32,
    /// ROOT's packed date.
    pub date: u32,
    /// 1 for an object that the directory lists, 0 for a basket.
    pub cycle: i16,
    /// Whether positions take 64 bits.
    pub big: bool,
    /// Bytes of the class's own that follow and count as part of the key.
    pub extra: u16,
}

impl Key {
    /// Bytes of a key with these texts.
    pub fn length(class: &str, name: &str, title: &str, big: bool) -> usize {
        let positions = if big { 16 } else { 8 };
        18 + positions + string_bytes(class.len()) + string_bytes(name.len()) + string_bytes(title.len())
    }

    /// Bytes of this key, including those of its class's own.
    pub fn bytes(&self) -> usize {
        Self::length(self.class, &self.name, &self.title, self.big) + usize::from(self.extra)
    }

    /// Bytes of key and stored payload.
    pub fn record_bytes(&self) -> u64 {
        self.bytes() as u64 + u64::from(self.stored_bytes)
    }

    /// Whether positions such as these have to be stored in 64 bits.
    pub fn is_big(seek: u64, parent: u64) -> bool {
        seek > BIG_FILE || parent > BIG_FILE
    }

    /// Appends the key. The sizes were checked to fit when the key was made.
    pub fn write(&self, out: &mut Buffer) {
        out.i32(i32::try_from(self.record_bytes()).unwrap_or(i32::MAX));
        out.i16(if self.big { 1004 } else { 4 });
        out.u32(self.object_bytes);
        out.u32(self.date);
        out.u16(u16::try_from(self.bytes()).unwrap_or(u16::MAX));
        out.i16(self.cycle);
        position(out, self.seek, self.big);
        position(out, self.parent, self.big);
        out.string(self.class);
        out.string(&self.name);
        out.string(&self.title);
    }
}

/// Appends a file position in 64 or in 32 bits.
pub(super) fn position(out: &mut Buffer, at: u64, big: bool) {
    if big {
        out.u64(at);
    } else {
        out.u32(u32::try_from(at).unwrap_or(u32::MAX));
    }
}

/// ROOT's packed date of a time in seconds since 1970 (UTC): six fields, the year from 1995 on.
///
/// Times outside 1995 to 2058 are moved to the nearest end.
pub(super) fn date(seconds: i64) -> u32 {
    const DAY: i64 = 86_400;
    const START_OF_1995: i64 = 788_918_400;
    const END_OF_2058: i64 = 2_808_604_799;
    let seconds = seconds.clamp(START_OF_1995, END_OF_2058);
    let of_day = seconds % DAY;
    // days since 1 March of the year 0, so that the leap day is the last of its year (H. Hinnant, "chrono-compatible
    // low-level date algorithms")
    let days = seconds / DAY + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let packed = (year - 1995) << 26
        | month << 22
        | day << 17
        | (of_day / 3600) << 12
        | (of_day % 3600 / 60) << 6
        | (of_day % 60);
    u32::try_from(packed).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_root_packs_them() {
        let by_hand = |y: u32, mo: u32, d: u32, h: u32, mi: u32, s: u32| {
            (y - 1995) << 26 | mo << 22 | d << 17 | h << 12 | mi << 6 | s
        };
        assert_eq!(date(0), by_hand(1995, 1, 1, 0, 0, 0));
        assert_eq!(date(951_827_696), by_hand(2000, 2, 29, 12, 34, 56));
        assert_eq!(date(1_767_225_599), by_hand(2025, 12, 31, 23, 59, 59));
        assert_eq!(date(i64::MAX), by_hand(2058, 12, 31, 23, 59, 59));
    }

    #[test]
    fn length_is_what_is_written() {
        for big in [false, true] {
            for name in ["x".to_owned(), "long".repeat(100)] {
                let key = Key {
                    class: "TTree",
                    name,
                    title: "t".into(),
                    seek: 100,
                    parent: 100,
                    object_bytes: 1,
                    stored_bytes: 1,
                    date: 0,
                    cycle: 1,
                    big,
                    extra: 0,
                };
                let mut out = Buffer::new(0);
                key.write(&mut out);
                assert_eq!(out.into_bytes().len(), key.bytes());
            }
        }
    }
}
