//! What a result code of Windows Update or servicing means.
//!
//! The table is `hresult/codes.tsv`: code, symbolic name, and our own words for the common ones.
//! Rules reach it as `hresult(code)`; the log reader writes codes the way [`parse`] reads them.

use std::collections::HashMap;
use std::sync::OnceLock;

static TABLE: &str = include_str!("hresult/codes.tsv");

/// The meaning of a code in words, or its symbolic name where there are none; None if unknown.
pub fn describe(code: &str) -> Option<&'static str> {
    let (name, meaning) = row(parse(code)?)?;
    Some(if meaning.is_empty() { name } else { meaning })
}

/// The symbolic name of a code.
pub fn name(code: &str) -> Option<&'static str> {
    row(parse(code)?).map(|(name, _)| name)
}

/// The number that a code says: `0x80073712` in any case, `80073712`, or a decimal number, which may
/// be negative (`-2147009774`), as signed 32-bit results are often printed.
pub fn parse(code: &str) -> Option<u32> {
    let code = code.trim();
    if let Some(hex) = code.strip_prefix("0x").or_else(|| code.strip_prefix("0X")) {
        let digits_only = hex.bytes().all(|b| b.is_ascii_hexdigit());
        return digits_only.then(|| u32::from_str_radix(hex, 16).ok())?;
    }
    // A failure has ten decimal digits, so eight that begin with 8 or C are hexadecimal.
    let bytes = code.as_bytes();
    if bytes.len() == 8
        && matches!(bytes[0], b'8' | b'c' | b'C')
        && bytes.iter().all(u8::is_ascii_hexdigit)
    {
        return u32::from_str_radix(code, 16).ok();
    }
    let number: i64 = code.parse().ok()?;
    let signed = i32::try_from(number).map(|signed| signed as u32);
    signed.or_else(|_| u32::try_from(number)).ok()
}

fn row(code: u32) -> Option<(&'static str, &'static str)> {
    static ROWS: OnceLock<HashMap<u32, (&str, &str)>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| TABLE.lines().filter_map(read).collect());
    rows.get(&code).copied()
}

fn read(line: &'static str) -> Option<(u32, (&'static str, &'static str))> {
    let (code, rest) = line.split_once('\t')?;
    Some((parse(code)?, rest.split_once('\t')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: Option<&str>) {
        assert_eq!(describe(code), expected, "{code}");
    }

    #[test]
    fn the_ways_to_write_a_code() {
        let damaged = Some("the component store is damaged; repair it with DISM");
        for code in [
            "0x80073712",
            "0X80073712",
            "80073712",
            "2147956498",
            "-2147010798",
            " 0x80073712 ",
        ] {
            check(code, damaged);
        }
        let cancelled = Some("Windows Update was stopped while it worked");
        for code in ["0x8024001e", "0x8024001E", "8024001e", "-2145124322"] {
            check(code, cancelled);
        }
    }

    #[test]
    fn without_words_the_name() {
        check(
            "0x80248007",
            Some("Windows Update lacks data about this update; reset the update cache"),
        );
        check("0x00245001", Some("WU_S_SIH_NOOP"));
        assert_eq!(name("0x80248007"), Some("WU_E_DS_NODATA"));
    }

    #[test]
    fn no_code() {
        for code in [
            "",
            "0x",
            "0x-1",
            "0xgg",
            "0x1ffffffff",
            "99999999999",
            "é0000000",
            "80a",
            "0x12345678",
        ] {
            check(code, None);
        }
    }

    #[test]
    fn every_row_is_read() {
        for line in TABLE.lines() {
            let (code, (name, _)) = read(line).unwrap();
            assert_eq!(format!("0x{code:08X}"), line[..10]);
            assert!(!name.is_empty(), "{line}");
            assert_eq!(row(code), read(line).map(|r| r.1), "{line} is there twice");
        }
        assert!(TABLE.lines().filter(|line| !line.ends_with('\t')).count() >= 60);
    }
}
