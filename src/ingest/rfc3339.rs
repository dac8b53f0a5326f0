//! Times as text: RFC 3339, strictly, to nanoseconds.
//!
//! `2026-06-09T02:05:00Z`, `2026-06-09T04:05:00.5+02:00`; a second 60 is the first of the next
//! minute, digits past the ninth are dropped. Anything else, and what does not fit 64 bits of
//! nanoseconds (1677 to 2262), is no time.

use storage::{Nanos, SECOND};

/// The instant that `text` says.
pub fn parse(text: &str) -> Option<Nanos> {
    let b = text.as_bytes();
    if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    if !matches!(b[10], b'T' | b't') {
        return None;
    }
    let year = digits(&b[0..4])?;
    let (month, day) = (digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (
        digits(&b[11..13])?,
        digits(&b[14..16])?,
        digits(&b[17..19])?,
    );
    if !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &b[19..];
    let mut nanos = 0;
    if rest[0] == b'.' {
        let length = rest[1..].iter().take_while(|c| c.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        let kept = &rest[1..1 + length.min(9)];
        nanos = digits(kept)? * 10i64.pow(9 - kept.len() as u32);
        rest = &rest[1 + length..];
    }
    let offset = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds =
        days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(SECOND)?.checked_add(nanos)
}

fn digits(text: &[u8]) -> Option<i64> {
    let mut value = 0;
    for &b in text {
        if !b.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(b - b'0');
    }
    Some(value)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March so that the leap
/// day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = parse(text).map(|t| jiff::Timestamp::from_nanosecond(t.into()).unwrap());
        let got = got.map_or_else(|| "none".to_owned(), |t| t.to_string());
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn times() {
        check("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
        check("2026-06-09T02:05:00Z", "2026-06-09T02:05:00Z");
        check("2026-06-09t04:05:00.5+02:00", "2026-06-09T02:05:00.5Z");
        check(
            "2026-06-09T02:05:00.1234567899-00:30",
            "2026-06-09T02:35:00.123456789Z",
        );
        check("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z");
        check("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z");
        check("1700-03-01T00:00:00Z", "1700-03-01T00:00:00Z");
    }

    #[test]
    fn not_times() {
        for text in [
            "",
            "now",
            "2026-06-09",
            "2026-06-09T02:05:00",
            "2026-06-09 02:05:00Z",
            "2026-06-09T02:05Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-06-09T24:00:00Z",
            "2026-06-09T02:05:00.Z",
            "2026-06-09T02:05:00+2:00",
            "2026-06-09T02:05:00Zx",
            "9999-01-01T00:00:00Z",
            "2026-06-09T02:05:00+0200",
            "2026-06-09T02:05:00\u{e9}",
            "1780970700",
        ] {
            check(text, "none");
        }
    }

    #[test]
    fn agrees_with_the_calendar_over_centuries() {
        for day in (-100_000..100_000).step_by(37) {
            let time = jiff::Timestamp::from_second(day * 86_400 + 4321).unwrap();
            assert_eq!(parse(&time.to_string()), Some(time.as_nanosecond() as i64));
        }
    }
}
