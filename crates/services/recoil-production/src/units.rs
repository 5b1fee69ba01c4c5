//! Memory and time in the spellings of batch systems, and for people.

/// Bytes of `100G`, `100GB`, `6GiB`, `512M` or, as in Slurm, a plain number of megabytes. All prefixes are powers of
/// 1024, as in Slurm. `None` if it is no amount of memory.
pub fn memory_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "m" | "mb" | "mib" => 1 << 20,
        "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * factor as f64;
    (1.0..1e18).contains(&value).then_some(value as u64)
}

/// Seconds of `HH:MM:SS`, `MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`, a plain number of minutes (all as in Slurm), or of
/// a number with `s`, `m`, `min`, `h` or `d`. `None` if it is no time or zero.
pub fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let whole = |part: &str| -> Option<u64> {
        (!part.is_empty() && part.len() < 10 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text.strip_suffix(letters)?;
    let total = match letters.trim() {
        "s" | "sec" => whole(number)?,
        "m" | "min" | "" => whole(number)? * 60,
        "h" => whole(number)? * 3600,
        "d" => whole(number)? * 86400,
        _ => {
            let (days, clock) = match text.split_once('-') {
                Some((days, clock)) => (Some(whole(days)?), clock),
                None => (None, text),
            };
            let parts: Vec<u64> = clock.split(':').map(whole).collect::<Option<_>>()?;
            match (days, parts.as_slice()) {
                (None, [m, s]) => m * 60 + s,
                (None, [h, m, s]) => h * 3600 + m * 60 + s,
                (Some(d), [h]) => d * 86400 + h * 3600,
                (Some(d), [h, m]) => d * 86400 + h * 3600 + m * 60,
                (Some(d), [h, m, s]) => d * 86400 + h * 3600 + m * 60 + s,
                _ => return None,
            }
        }
    };
    (total > 0).then_some(total)
}

/// `1.5 GB`-like text with prefixes of 1024.
pub fn memory_text(bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if value.fract() == 0.0 || unit == 0 { 0 } else { 1 };
    format!("{value:.digits$} {}", units.get(unit).unwrap_or(&""))
}

/// `2 d 03:00:00`-like text; below a minute with a tenth of a second, below a second with milliseconds.
pub fn time_text(seconds: f64) -> String {
    if seconds < 60.0 {
        let digits = if seconds < 1.0 { 3 } else { 1 };
        return format!("{seconds:.digits$} s");
    }
    let whole = seconds.round() as u64;
    let (days, clock) = (whole / 86400, whole % 86400);
    let clock = format!("{:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60);
    if days > 0 { format!("{days} d {clock}") } else { clock }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_both_spellings() {
        for (text, gigabytes) in [("100G", 100), ("100GB", 100), ("6GB", 6), ("160G", 160), ("6 GiB", 6), ("1024", 1)] {
            assert_eq!(memory_bytes(text), Some(gigabytes << 30), "{text}");
        }
        assert_eq!(memory_bytes("1.5k"), Some(1536));
        for text in ["", "G", "much", "-1G", "1X", "0", "1e3G", "99999999999T"] {
            assert_eq!(memory_bytes(text), None, "{text}");
        }
        assert_eq!((memory_text(6 << 30), memory_text(1536)), ("6 GB".into(), "1.5 KB".into()));
    }

    #[test]
    fn time_in_both_spellings() {
        let cases = [
            ("04:00:00", 14400),
            ("11:50:00", 42600),
            ("02-00:00:00", 172_800),
            ("03-00:00:00", 259_200),
            ("1-12", 129_600),
            ("90", 5400),
            ("10:30", 630),
            ("90s", 90),
            ("2h", 7200),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "1:2:3:4", "-5", "1-", ":", "00:00:00", "3 weeks"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!((time_text(5.04), time_text(259_261.0)), ("5.0 s".into(), "3 d 00:01:01".into()));
    }
}
