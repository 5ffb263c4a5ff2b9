//! Which coding a partner gets: what its `Accept-Encoding` (RFC 9110 §12.5.3) prefers of those that are offered.

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::Coding;

/// More elements of a list than any partner has; further ones are not looked at.
const ELEMENTS: usize = 32;

/// What a partner wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The coding, of those offered.
    pub(crate) coding: Coding,
    /// It does not take a body as it is, however small.
    pub(crate) always: bool,
}

/// The coding that `headers` prefer of those `offered`, which stand in the gateway's own order; `None` for none: where they
/// prefer the body as it is, cannot be understood, or take nothing that is there.
///
/// Without an `Accept-Encoding` everything is acceptable, and the body leaves as it is. Where nothing offered is acceptable,
/// not even `identity`, it does as well: the preference is disregarded, as RFC 9110 §12.4.1 lets a server do.
pub(crate) fn choose(headers: &HeaderMap, offered: &[Coding]) -> Option<Choice> {
    // In thousandths, by the place in `offered`; of everything else, and of the body as it is, where it is named.
    let mut named: [Option<u16>; Coding::ALL.len()] = [None; Coding::ALL.len()];
    let (mut others, mut identity) = (None, None);
    let mut elements = 0;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for element in value.to_str().ok()?.split(',') {
            elements += 1;
            if elements > ELEMENTS {
                return None;
            }
            let (name, weight) = match element.split_once(';') {
                None => (element, 1000),
                Some((name, parameter)) => (name, weight(parameter)?),
            };
            let name = name.trim_matches([' ', '\t']);
            if name == "*" {
                others = Some(weight);
            } else if name.eq_ignore_ascii_case("identity") {
                identity = Some(weight);
            } else if let Some(coding) = Coding::named(name)
                && let Some(at) = offered.iter().position(|offered| *offered == coding)
            {
                named[at] = Some(weight);
            }
        }
    }
    let mut best: Option<(u16, Coding)> = None;
    for (coding, weight) in offered.iter().zip(named) {
        let weight = weight.or(others).unwrap_or(0);
        // Between equals the gateway's own order decides.
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, *coding));
        }
    }
    let (weight, coding) = best?;
    // A body as it is is acceptable unless it is said not to be; preferred it is only where it is named.
    let always = identity.or(others) == Some(0);
    let prefers_identity = identity.is_some_and(|identity| identity > weight);
    (!prefers_identity).then_some(Choice { coding, always })
}

/// The weight (RFC 9110 §12.4.2) that `parameter` gives, in thousandths; `None` if it is none.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.trim_matches([' ', '\t']).split_once('=')?;
    if !name.eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_coding_is_what_the_partner_prefers_of_what_is_offered() {
        const OFFERED: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];
        let (zstd, br, gzip) = (Some(Coding::Zstd), Some(Coding::Brotli), Some(Coding::Gzip));
        for (values, expected, always) in [
            (&[][..], None, false),
            (&[""], None, false),
            (&["identity"], None, false),
            (&["gzip"], gzip, false),
            (&["x-gzip"], gzip, false),
            (&["GZIP"], gzip, false),
            (&["gzip, br"], br, false),
            (&["gzip", "br"], br, false),
            (&["gzip, deflate, br, zstd"], zstd, false),
            (&["deflate, compress"], None, false),
            (&["gzip;q=1.0, br;q=0.5"], gzip, false),
            (&["gzip ; q=0.001"], gzip, false),
            (&["gzip;q=0"], None, false),
            (&["gzip;q=0.000, br;q=0"], None, false),
            (&["identity;q=0.5, gzip;q=0.4"], None, false),
            (&["identity;q=0.5, gzip;q=0.5"], gzip, false),
            (&["identity;q=0, gzip;q=0.1"], gzip, true),
            (&["identity;q=0"], None, false),
            (&["*"], zstd, false),
            (&["*;q=0, gzip"], gzip, true),
            (&["*;q=0, gzip, identity;q=0.1"], gzip, false),
            (&["zstd;q=0, *;q=0.3, br;q=0.2"], gzip, false),
            // What cannot be understood says nothing.
            (&["gzip;q=2"], None, false),
            (&["gzip;q=1.001"], None, false),
            (&["gzip;q=0.1234"], None, false),
            (&["gzip;q=-1"], None, false),
            (&["gzip;q=0.+1"], None, false),
            (&["gzip;level=1"], None, false),
            (&["gzip;q"], None, false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            let chosen = choose(&headers, &OFFERED);
            assert_eq!(chosen.map(|choice| choice.coding), expected, "{values:?}");
            assert_eq!(
                chosen.is_some_and(|choice| choice.always),
                always,
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_coding_that_is_not_offered_is_not_chosen() {
        let mut headers = HeaderMap::new();
        headers.append(
            ACCEPT_ENCODING,
            HeaderValue::from_static("zstd, br, gzip;q=0.1"),
        );
        let chosen = choose(&headers, &[Coding::Gzip]);
        assert_eq!(chosen.map(|choice| choice.coding), Some(Coding::Gzip));
        assert_eq!(choose(&headers, &[]), None);
    }
}
