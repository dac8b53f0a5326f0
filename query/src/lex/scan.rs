//! What single tokens look like, as nom parsers over text; the units of literals.

use crate::value::{Measure, Unit};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{digit1, one_of, satisfy};
use nom::combinator::{opt, recognize};
use nom::sequence::pair;
use nom::{IResult, Parser};

/// What a parser takes, and the rest.
pub type Lexed<'a> = IResult<&'a str, &'a str>;

pub(super) fn blank(input: &str) -> Lexed<'_> {
    recognize(nom::multi::many0_count(alt((
        take_while1(|c: char| c.is_whitespace() || c == '\u{feff}'),
        recognize(pair(tag("#"), take_while(|c| c != '\n'))),
    ))))
    .parse(input)
}

pub(super) fn name(input: &str) -> Lexed<'_> {
    recognize(pair(
        satisfy(|c| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

pub(super) fn number(input: &str) -> Lexed<'_> {
    recognize((
        digit1,
        opt(pair(tag("."), digit1)),
        opt((one_of("eE"), opt(one_of("+-")), digit1)),
    ))
    .parse(input)
}

pub(super) fn unit(input: &str) -> Lexed<'_> {
    alt((
        tag("%"),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

/// `/s` that touches the literal and is not followed by a letter, digit or dot.
pub(super) fn per_second(input: &str) -> Lexed<'_> {
    nom::sequence::terminated(
        tag("/s"),
        nom::combinator::not(satisfy(|c| c.is_alphanumeric() || c == '.' || c == '_')),
    )
    .parse(input)
}

/// Something shaped like the start of a date: four digits, `-`, two digits, `-`, two digits.
pub(super) fn date(input: &str) -> bool {
    let bytes = input.as_bytes();
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

pub(super) fn time_chars(input: &str) -> Lexed<'_> {
    // A trailing `..` is the range operator, not part of the time.
    let end = input
        .char_indices()
        .find(|(at, c)| {
            !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '+') || *c == '.')
                || input[*at..].starts_with("..")
        })
        .map_or(input.len(), |(at, _)| at);
    Ok((&input[end..], &input[..end]))
}

/// Factor to the base unit and the unit of a literal's suffix.
pub fn suffix(suffix: &str) -> Option<(f64, Unit)> {
    let (factor, measure) = match suffix {
        "" => (1.0, Measure::Plain),
        "%" => (1.0, Measure::Percent),
        "ns" => (1e-9, Measure::Duration),
        "us" => (1e-6, Measure::Duration),
        "ms" => (1e-3, Measure::Duration),
        "s" => (1.0, Measure::Duration),
        "m" => (60.0, Measure::Duration),
        "h" => (3_600.0, Measure::Duration),
        "d" => (86_400.0, Measure::Duration),
        "w" => (604_800.0, Measure::Duration),
        "B" => (1.0, Measure::Bytes),
        "kB" | "KB" => (1e3, Measure::Bytes),
        "MB" => (1e6, Measure::Bytes),
        "GB" => (1e9, Measure::Bytes),
        "TB" => (1e12, Measure::Bytes),
        "PB" => (1e15, Measure::Bytes),
        "KiB" => (1024.0, Measure::Bytes),
        "MiB" => (1_048_576.0, Measure::Bytes),
        "GiB" => (1_073_741_824.0, Measure::Bytes),
        "TiB" => (1_099_511_627_776.0, Measure::Bytes),
        "PiB" => (1_125_899_906_842_624.0, Measure::Bytes),
        _ => return None,
    };
    Some((
        factor,
        Unit {
            measure,
            per_second: false,
        },
    ))
}

pub(super) const SUFFIXES: [&str; 20] = [
    "ns", "us", "ms", "s", "m", "h", "d", "w", "B", "kB", "MB", "GB", "TB", "PB", "KiB", "MiB",
    "GiB", "TiB", "PiB", "%",
];
