//! Undoing a body's content encoding, within bounds.
//!
//! Nothing is expanded past `limits`: a body that would grow larger is refused at the byte where it
//! does, however small it came. The HTTP doors call this before any decoder.

use super::{BodyCode, BodyError};
use crate::limits;
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read;

/// The content of a body sent with the header `Content-Encoding: encoding`.
pub fn content<'b>(encoding: Option<&str>, body: &'b [u8]) -> Result<Cow<'b, [u8]>, BodyError> {
    if body.len() > limits::BODY_BYTES_MAX {
        return Err(received_too_large(body.len()));
    }
    let encoding = encoding.unwrap_or("").trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
        return Ok(Cow::Borrowed(body));
    }
    if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") {
        return gunzip(body).map(Cow::Owned);
    }
    Err(BodyError::whole(
        BodyCode::UnsupportedEncoding,
        format!("content encoding {encoding:?} is not read here"),
        "send it with gzip, or as it is",
    ))
}

/// The refusal of a body of `bytes` as received; also for a `Content-Length` that says so.
pub fn received_too_large(bytes: usize) -> BodyError {
    BodyError::whole(
        BodyCode::TooLarge,
        format!(
            "the body has {bytes} bytes, the limit is {}",
            limits::BODY_BYTES_MAX
        ),
        "send it in smaller parts",
    )
}

fn gunzip(body: &[u8]) -> Result<Vec<u8>, BodyError> {
    let by_ratio = body.len().saturating_mul(limits::BODY_EXPANSION_RATIO_MAX);
    let bound = by_ratio.clamp(
        limits::BODY_EXPANSION_FREE_BYTES,
        limits::BODY_EXPANDED_BYTES_MAX,
    );
    let mut content = Vec::with_capacity(bound.min(body.len().saturating_mul(8)));
    MultiGzDecoder::new(body)
        .take(bound as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| {
            BodyError::whole(
                BodyCode::Invalid,
                format!("the body is not valid gzip: {error}"),
                "leave Content-Encoding out if it is not packed",
            )
        })?;
    if content.len() <= bound {
        return Ok(content);
    }
    let reason = if bound == limits::BODY_EXPANDED_BYTES_MAX {
        format!("the body expands to more than {bound} bytes")
    } else {
        format!(
            "the body expands to more than {} times its {} bytes",
            limits::BODY_EXPANSION_RATIO_MAX,
            body.len()
        )
    };
    Err(BodyError::whole(
        BodyCode::TooLarge,
        reason,
        "send it in smaller parts",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), Compression::best());
        to.write_all(content).unwrap();
        to.finish().unwrap()
    }

    fn check(encoding: &str, body: &[u8], expected: Result<usize, (u16, &str)>) {
        let got = content(Some(encoding), body);
        match (got, expected) {
            (Ok(content), Ok(length)) => assert_eq!(content.len(), length),
            (Err(error), Err((status, reason))) => {
                assert_eq!(error.code.status(), status);
                assert!(error.reason.contains(reason), "{error}");
            }
            (got, expected) => panic!("{expected:?} expected, {:?} came", got.map(|c| c.len())),
        }
    }

    #[test]
    fn plain_and_packed() {
        check("", b"abc", Ok(3));
        check("identity", b"abc", Ok(3));
        check("gzip", &gzip(b"abc"), Ok(3));
        check("GZIP", &[gzip(b"abc"), gzip(b"de")].concat(), Ok(5));
        check("br", b"abc", Err((415, "\"br\"")));
        check("gzip, gzip", b"abc", Err((415, "gzip, gzip")));
    }

    #[test]
    fn bounds() {
        check(
            "",
            &vec![0; limits::BODY_BYTES_MAX],
            Ok(limits::BODY_BYTES_MAX),
        );
        check(
            "",
            &vec![0; limits::BODY_BYTES_MAX + 1],
            Err((413, "limit is 8388608")),
        );
        // Small bodies may pack as well as they like.
        check("gzip", &gzip(&vec![b'x'; 1 << 20]), Ok(1 << 20));
        check(
            "gzip",
            &gzip(&vec![b'x'; (1 << 20) + 1]),
            Err((413, "100 times")),
        );
        let mut mixed = Vec::new();
        for at in 0..(33u32 << 18) {
            mixed.extend_from_slice(&(at.wrapping_mul(2_654_435_761) >> 22).to_le_bytes());
        }
        let packed = gzip(&mixed);
        assert!(packed.len() * 100 > mixed.len());
        check("gzip", &packed, Err((413, "more than 33554432 bytes")));
    }

    #[test]
    fn torn_gzip_is_an_error_at_every_byte() {
        let packed = gzip(b"cpu,host=a v=1\ncpu,host=b v=2\n");
        for end in 0..packed.len() {
            let error = content(Some("gzip"), &packed[..end]);
            assert!(
                end == 0 || error.is_err(),
                "{end} bytes of {}",
                packed.len()
            );
        }
    }
}
