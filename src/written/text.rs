//! Forms of text that files hold: names, days, hashes, spans of time, sizes.
//!
//! Each is text as written whose form the schema has checked, with the sentence that says what form that is.

use std::borrow::Cow;
use std::time::Duration;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

macro_rules! forms {
    ($($(#[doc = $doc:literal])* $name:ident: $pattern:literal, $form:literal, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(pub(crate) String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "x-form": $form,
                    "examples": [$example],
                })
            }
        }
    )*};
}

forms! {
    /// A name of ours. ASCII alone, so that no two names look alike.
    Name: "^[a-z0-9][a-z0-9-]{0,63}$",
        "a name (lower-case letters, digits and hyphens, at most 64)", "falls-prevention";
    /// A day, ISO 8601. Whether the calendar has it is for the reader to check.
    Day: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a day (year-month-day)", "2026-04-01";
    /// A duration in calendar units, ISO 8601.
    Period: "^P[0-9]{1,4}[YMWD]$", "a period (P, a number, and Y, M, W or D)", "P6M";
    /// Text for people.
    Words: "\\S", "text that says something", "Care Act 2014 s.6";
    /// A legal provision: the instrument and the place in it.
    Provision: "^[a-z0-9-]{1,64}:[a-z0-9.-]{1,64}$",
        "a provision (instrument:place)", "uk-gdpr:6-1-e";
    /// A concept of a vocabulary.
    ConceptText: "^[A-Z][A-Za-z0-9]{0,63}$",
        "a concept's name (letters and digits, the first a capital)", "PublicBenefit";
    /// A country, ISO 3166-1.
    Country: "^[A-Z]{2}$", "a country's two capital letters (ISO 3166-1)", "GB";
    /// A method and a path template.
    RequestLine: "^[A-Za-z]{1,16} /\\S*$", "a method and a path", "GET /adults/{person}";
    /// A path template.
    PathText: "^/\\S*$", "a path that starts with /", "/api/v2/adults/{person}";
    /// A form of link; `transform` parses it.
    LinkText: "^\\S+$", "a link's path", "/adults/{person}/contacts?page={page}";
    /// A header's name. Without underscores, which some servers take for hyphens.
    HeaderText: "^[A-Za-z0-9-]{1,64}$",
        "a header's name (letters, digits and hyphens)", "accept-language";
    /// A query parameter's name.
    QueryText: "^[A-Za-z0-9._~:$@\\[\\]-]{1,64}$",
        "a query parameter's name (letters, digits and . _ ~ : $ @ [ ] -)", "page";
    /// A media type without parameters. Lower case, so that one type has one text.
    MediaTypeText: "^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$",
        "a media type (type/subtype in lower case, without parameters or wildcards)", "application/pdf";
    /// The name of a table's column.
    ColumnText: "\\S", "a column's name", "postcode";
    /// How dates are written, or what the keys of a table are.
    FromText: "\\S", "a form of dates, or what a table's keys are", "dd/mm/yyyy";
    /// A day on which ages are asked.
    AtText: "^(today|school-year|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
        "today, school-year or a day (year-month-day)", "2026-03-31";
    /// Characters of a separator.
    SkipText: "^[^A-Za-z0-9]{1,16}$", "separators (at most 16 characters, no letters or digits)", "-/";
    /// A selector; `plan` parses it.
    SelectorText: "\\S", "a selector", "$.address.postcode";
    /// Why something is kept from the person it is about.
    ExemptText: "^(health|social-work|education|child-abuse|third-party|national-security|crime-and-taxation|legal-proceedings|protection-of-the-public|judicial|legal-privilege|self-incrimination|management-forecast|negotiation|confidential-reference|examination|journalism|research|archiving|fertilisation|adoption|special-educational-needs|parental-order|s26|S4-[1-6]|S[1-3]P[0-9]{1,2}(-[0-9]{1,3})?)$",
        "an exemption (health, social-work, education, child-abuse, third-party, another class of the Data Protection Act 2018 as docs/law/rights.md lists them, or schedule, part and paragraph)", "S3P3-11";
    /// A condition; `plan` parses it.
    ConditionText: "\\S", "a condition", "@.consent.sharing == true";
    /// A SHA-256 in hexadecimal.
    Sha256Text: "^[0-9A-Fa-f]{64}$", "a SHA-256 in 64 hexadecimal digits",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    /// A span of time.
    SpanText: "^[1-9][0-9]{0,8}(ms|s|min|h)$", "a time (a number and ms, s, min or h)", "10s";
    /// A number of bytes.
    SizeText: "^[1-9][0-9]{0,8}(B|KiB|MiB|GiB)$", "a size (a number and B, KiB, MiB or GiB)", "64KiB";
    /// An IP address and a port.
    AddressText: "^\\S+:[0-9]{1,5}$", "an IP address and a port", "127.0.0.1:8080";
    /// A network of IP addresses.
    NetworkText: "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "a network (address/prefix length, RFC 4632)", "10.20.0.0/16";
    /// A window of a quota, as an ISO 8601 duration.
    WindowText: "^(PT1M|PT15M|PT1H|P1D|P1W|P7D|P1M|P1Y)$", "a window (PT1M, PT15M, PT1H, P1D, P1W, P7D, P1M or P1Y)", "P1D";
    /// How a document is marked.
    MarkingText: "^[A-Z][A-Z0-9 :-]{0,62}[A-Z0-9]$",
        "a marking (2 to 64 capitals, digits, spaces, colons and hyphens)", "OFFICIAL-SENSITIVE";
    /// A file or directory, from the directory of the file that names it.
    PathName: "\\S", "a path", "keys/root.hex";
    /// A file's name alone.
    FileName: "^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$",
        "a file's name, without a directory", "fieldgate-root-key";
    /// An environment variable's name.
    VariableText: "^[A-Za-z_][A-Za-z0-9_]{0,254}$",
        "an environment variable's name", "FIELDGATE_ROOT_KEY";
    /// Where a service is.
    UrlText: "^https?://[^/?#@\\s]+/?$",
        "http:// or https://, a host and, if wanted, a port, and nothing after", "https://social-care.internal:8443";
    /// Where something is on a web server.
    WebhookText: "^https?://[^/?#@\\s]+(/[^#\\s]*)?$",
        "http:// or https://, a host and, if wanted, a port and a path", "https://dpo.isle.example/alerts";
    /// An origin as browsers send it: no page of any other, and never `*` or `null`.
    OriginText: "^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?$",
        "an origin (http:// or https://, a host in lower case and, if it is not the scheme's own, a port; not * and nothing after)", "https://cases.island-health.example";
    /// A DNS name.
    HostText: "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
        "a DNS name", "api.island-health.example";
    /// An instant, RFC 3339, in UTC.
    MomentText: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "an instant in UTC (year-month-dayThour:minute:secondZ)", "2027-03-31T23:59:59Z";
    /// A claim of an access token: its name, or a JSON pointer to it.
    ClaimText: "^\\S{1,256}$", "a claim's name, or a JSON pointer to it", "/realm_access/roles";
    /// What an issuer's tokens have as iss.
    IssuerText: "^https://[^\\s?#]{1,500}$", "https:// and what follows in iss, without a query", "https://login.example/tenant";
    /// A URI in a certificate.
    UriText: "^[A-Za-z][A-Za-z0-9+.-]{0,31}:\\S{1,500}$", "a URI", "spiffe://island-health.example/api";
    /// A time zone of the IANA database.
    ZoneText: "^[A-Za-z0-9_+/-]{1,64}$", "a time zone's name", "Europe/London";
}

impl SpanText {
    /// The time; `None` where the form was at fault.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let (number, unit) = split(&self.0)?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "min" => Some(Duration::from_secs(number * 60)),
            "h" => Some(Duration::from_secs(number * 3600)),
            _ => None,
        }
    }
}

impl Sha256Text {
    /// The hash; `None` where the form was at fault.
    pub(crate) fn bytes(&self) -> Option<[u8; 32]> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(self.0.as_bytes());
        <[u8; 32]>::try_from(bytes.ok()?.as_slice()).ok()
    }
}

impl NetworkText {
    /// The network, or what is wrong with it.
    pub(crate) fn network(&self) -> Result<IpNet, String> {
        let text = &self.0;
        let network: IpNet = text.parse().map_err(|_| {
            format!("`{text}` is no network; write for example 10.20.0.0/16 or 2001:db8::/32")
        })?;
        // One address within a network is often meant for itself alone, so neither is guessed.
        if network.trunc() == network {
            Ok(network)
        } else {
            Err(format!(
                "`{text}` is an address within a network; write {} for all of it, or {}/{} for that address alone",
                network.trunc(),
                network.addr(),
                network.max_prefix_len()
            ))
        }
    }
}

impl SizeText {
    /// The bytes; `None` where the form was at fault.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let (number, unit) = split(&self.0)?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        Some(number * factor)
    }
}

/// A number of at most nine digits, so that no unit makes it overflow, and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    if number.len() > 9 {
        return None;
    }
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        for (text, expected) in [
            ("250ms", Some(Duration::from_millis(250))),
            ("10s", Some(Duration::from_secs(10))),
            ("15min", Some(Duration::from_secs(900))),
            ("2h", Some(Duration::from_secs(7200))),
            ("10", None),
            ("s", None),
            ("", None),
            ("10 s", None),
            ("99999999999h", None),
        ] {
            assert_eq!(SpanText(text.to_owned()).duration(), expected, "{text}");
        }
        for (text, expected) in [
            ("1B", Some(1)),
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("999999999GiB", Some(999_999_999 << 30)),
            ("1MB", None),
        ] {
            assert_eq!(SizeText(text.to_owned()).bytes(), expected, "{text}");
        }
    }
}
