//! Counts, sizes and times for people.

use std::time::Duration;

/// A number in groups of three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 line` or `2,000 lines`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// A number of bytes with a binary unit, from 1 to 1,023 of it.
pub(crate) fn bytes(number: f64) -> String {
    let mut value = number;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        // A value that rounds to 1024 belongs to the next unit.
        if value < 1023.5 {
            let decimals = usize::from(value < 99.95 && unit != "B");
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.0} PiB")
}

/// A time in its two largest units; below a minute in seconds, below a second in milliseconds.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} {} h", counted(seconds / 86_400, "day"), seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in table {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn sizes() {
        let table = [
            (0.0, "0 B"),
            (1023.0, "1023 B"),
            (1024.0, "1.0 KiB"),
            (1536.0, "1.5 KiB"),
            (150.0 * 1024.0, "150 KiB"),
            (1024.0 * 1024.0 - 1.0, "1.0 MiB"),
            (5e18, "4441 PiB"),
        ];
        for (number, text) in table {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn times() {
        let table = [
            (12, "12 ms"),
            (59_900, "59.9 s"),
            (61_000, "1 min 1 s"),
            (7_260_000, "2 h 1 min"),
            (90_000_000, "1 day 1 h"),
        ];
        for (milliseconds, text) in table {
            assert_eq!(time(Duration::from_millis(milliseconds)), text);
        }
    }
}
