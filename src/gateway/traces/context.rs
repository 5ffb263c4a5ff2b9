//! W3C Trace Context: what a request says of its trace, and what the service is told of ours.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Trace;
use crate::gateway::request::once;
use crate::ledger::RequestId;

/// The header of a trace.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Bytes of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// Who asks, in a trace of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    /// 16 bytes in hexadecimal, not all nought.
    pub(super) trace: RequestId,
    /// The span that asks, not all nought.
    pub(super) span: [u8; 8],
    /// Whether it is recorded there.
    pub(super) sampled: bool,
}

impl Context {
    /// What `headers` name; `None` where they name none, more than one, or not in version 00.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = str::from_utf8(once(headers, &TRACEPARENT)?).ok()?;
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() {
            return None;
        }
        let trace: [u8; 16] = hexadecimal(trace)?;
        let span: [u8; 8] = hexadecimal(span)?;
        let [flags]: [u8; 1] = hexadecimal(flags)?;
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(Self {
            trace: RequestId::new(trace),
            span,
            sampled: flags & 1 == 1,
        })
    }
}

/// The bytes that `text` spells in lower-case hexadecimal, if it spells just as many.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    let written = data_encoding::HEXLOWER.decode_mut(text.as_bytes(), &mut bytes);
    (written == Ok(N)).then_some(bytes)
}

/// The `traceparent` that the service gets. Where nothing is traced here it still begins a trace, with the exchange's id and
/// `span`: then what the service logs can be found by the id that the partner and the ledger have.
pub(crate) fn traceparent(trace: Option<&Trace>, id: &RequestId, span: [u8; 8]) -> HeaderValue {
    let (trace, span, flags) = match trace {
        Some(trace) if trace.sampled => (&trace.id, trace.client, "01"),
        Some(trace) => (&trace.id, trace.client, "00"),
        None => (id, span, "01"),
    };
    let mut text = String::with_capacity(LENGTH);
    text.push_str("00-");
    text.push_str(trace.as_str());
    text.push('-');
    data_encoding::HEXLOWER.encode_append(&span, &mut text);
    text.push('-');
    text.push_str(flags);
    HeaderValue::try_from(text).expect("hexadecimal digits and dashes may stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_understood_in_its_one_form_or_not_at_all() {
        const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
        const SPAN: &str = "b7ad6b7169203331";
        for (value, sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), Some(true)),
            (format!("00-{TRACE}-{SPAN}-00"), Some(false)),
            (format!("00-{TRACE}-{SPAN}-03"), Some(true)),
            (format!("00-{TRACE}-{SPAN}-fe"), Some(false)),
            (format!("01-{TRACE}-{SPAN}-01"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{TRACE}-{SPAN}-01-more"), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            (format!("00-{TRACE}-{SPAN}-1"), None),
            (format!("00-{TRACE}-{SPAN}-0g"), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{TRACE}0-{SPAN}-01"), None),
            (String::new(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_str(&value).unwrap());
            let context = Context::of(&headers);
            assert_eq!(context.map(|context| context.sampled), sampled, "{value}");
            if let Some(context) = context {
                assert_eq!(context.trace.as_str(), TRACE);
                assert_eq!(data_encoding::HEXLOWER.encode(&context.span), SPAN);
            }
            headers.append(TRACEPARENT, HeaderValue::from_static("x"));
            assert_eq!(Context::of(&headers), None, "two are no trace: {value}");
        }
    }

    #[test]
    fn the_service_is_told_the_exchanges_id_where_nothing_is_traced() {
        let told = traceparent(None, &RequestId::new([0xab; 16]), [1; 8]);
        assert_eq!(
            told.to_str().unwrap(),
            format!("00-{}-{}-01", "ab".repeat(16), "01".repeat(8))
        );
    }
}
