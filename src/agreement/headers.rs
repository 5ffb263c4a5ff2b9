//! Headers that no agreement may keep, and why.
//!
//! An allow-list lets through what it names; these would change whom the service believes it is talking
//! to, what it is asked for, or what the other side takes a body to be, so they are refused at load.

/// Why `name`, in lower case, may not be kept; `None` if it may. Names have no
/// underscores, which some servers take for hyphens: the schema sees to that.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
        .map(|(_, reason)| *reason)
}

const HOP: &str = "it belongs to one connection and never crosses the gateway (RFC 9110 §7.6.1)";
const CREDENTIAL: &str =
    "it carries a credential; the partner's ends at the gateway, the service's never leaves";
const FRAMING: &str = "the gateway sets it itself, for the body that leaves";
const PART: &str = "a part of a body cannot be minimised, so only whole ones are asked for";
const DIGEST: &str = "it would be of the body before it was minimised";
const IDENTITY: &str = "the service could take it for who is asking, and anybody can write it";
const TARGET: &str = "it could change what the service is asked for";
const LINK: &str =
    "it may name a person or a host of the controller's; write its forms under `links`";
const OWN: &str = "the gateway sets it itself";
const CONDITION: &str = "the gateway answers If-None-Match itself; the service's validators are of bodies that do not leave";
const INSIDE: &str = "it tells how the service is built, which nobody agreed to share";
const PROXY: &str =
    "it tells what stands in between what to do, and the gateway does what is agreed";

/// A name, or the start of names before a `*`, and why.
const REFUSED: &[(&str, &str)] = &[
    ("connection", HOP),
    ("keep-alive", HOP),
    ("proxy-*", HOP),
    ("te", HOP),
    ("trailer", HOP),
    ("transfer-encoding", HOP),
    ("upgrade", HOP),
    ("http2-settings", HOP),
    ("expect", HOP),
    ("authorization", CREDENTIAL),
    ("authentication-info", CREDENTIAL),
    ("www-authenticate", CREDENTIAL),
    ("cookie*", CREDENTIAL),
    ("set-cookie*", CREDENTIAL),
    ("api-key", CREDENTIAL),
    ("x-api-key", CREDENTIAL),
    ("x-auth*", CREDENTIAL),
    ("x-access-token", CREDENTIAL),
    ("x-jwt-*", CREDENTIAL),
    ("x-session*", CREDENTIAL),
    ("x-csrf*", CREDENTIAL),
    ("x-xsrf*", CREDENTIAL),
    ("x-amz-security-token", CREDENTIAL),
    ("x-amzn-oidc-*", CREDENTIAL),
    ("dpop", CREDENTIAL),
    ("content-length", FRAMING),
    ("content-type", FRAMING),
    ("content-encoding", FRAMING),
    ("accept", FRAMING),
    ("accept-encoding", FRAMING),
    ("range", PART),
    ("if-range", PART),
    ("content-range", PART),
    ("accept-ranges", PART),
    ("if-match", CONDITION),
    ("if-none-match", CONDITION),
    ("if-modified-since", CONDITION),
    ("if-unmodified-since", CONDITION),
    ("content-md5", DIGEST),
    ("want-digest", DIGEST),
    ("want-content-digest", DIGEST),
    ("want-repr-digest", DIGEST),
    ("content-digest", DIGEST),
    ("repr-digest", DIGEST),
    ("digest", DIGEST),
    ("signature", DIGEST),
    ("signature-input", DIGEST),
    ("forwarded", IDENTITY),
    ("x-forwarded*", IDENTITY),
    ("x-forward-*", IDENTITY),
    ("x-real-*", IDENTITY),
    ("x-client-*", IDENTITY),
    ("x-cluster-client-ip", IDENTITY),
    ("x-originating-ip", IDENTITY),
    ("x-azure-*", IDENTITY),
    ("x-ms-client-principal*", IDENTITY),
    ("x-goog-*", IDENTITY),
    ("x-envoy-*", IDENTITY),
    ("x-consumer-*", IDENTITY),
    ("x-credential-*", IDENTITY),
    ("x-ssl-*", IDENTITY),
    ("x-tls-*", IDENTITY),
    ("x-arr-*", IDENTITY),
    ("ssl-*", IDENTITY),
    ("client-cert*", IDENTITY),
    ("x-remote-*", IDENTITY),
    ("remote-*", IDENTITY),
    ("x-user*", IDENTITY),
    ("x-role*", IDENTITY),
    ("x-group*", IDENTITY),
    ("x-webauth-*", IDENTITY),
    ("x-impersonate*", IDENTITY),
    ("impersonate-*", IDENTITY),
    ("oidc-*", IDENTITY),
    ("true-client-ip", IDENTITY),
    ("cf-*", IDENTITY),
    ("fastly-*", IDENTITY),
    ("from", IDENTITY),
    ("host", TARGET),
    ("x-host", TARGET),
    ("x-http-*", TARGET),
    ("x-method*", TARGET),
    ("x-original-*", TARGET),
    ("x-rewrite-*", TARGET),
    ("x-override-*", TARGET),
    ("x-proxy-*", TARGET),
    ("destination", TARGET),
    ("max-forwards", TARGET),
    ("refresh", TARGET),
    ("location", LINK),
    ("content-location", LINK),
    ("link", LINK),
    ("server", INSIDE),
    ("server-timing", INSIDE),
    ("x-powered-by", INSIDE),
    ("x-aspnet*", INSIDE),
    ("x-generator", INSIDE),
    ("x-debug*", INSIDE),
    ("x-backend*", INSIDE),
    ("x-served-by", INSIDE),
    ("x-cache*", INSIDE),
    ("sourcemap", INSIDE),
    ("x-sourcemap", INSIDE),
    ("x-accel-*", PROXY),
    ("x-sendfile*", PROXY),
    ("alt-svc", PROXY),
    ("alt-used", PROXY),
    ("clear-site-data", PROXY),
    ("strict-transport-security", PROXY),
    ("public-key-pins*", PROXY),
    ("nel", PROXY),
    ("report-to", PROXY),
    ("reporting-endpoints", PROXY),
    ("cache-control", OWN),
    ("pragma", OWN),
    ("expires", OWN),
    ("age", OWN),
    ("vary", OWN),
    ("date", OWN),
    ("via", OWN),
    ("traceparent", OWN),
    ("tracestate", OWN),
    ("data-purpose", OWN),
    ("data-agreement*", OWN),
    ("data-delete-by", OWN),
    ("data-marking", OWN),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_headers_that_carry_identity_credentials_or_framing_are_refused() {
        for name in [
            "connection",
            "proxy-authorization",
            "authorization",
            "cookie",
            "cookie2",
            "set-cookie",
            "host",
            "content-length",
            "transfer-encoding",
            "range",
            "x-forwarded-for",
            "x-forwarded-client-cert",
            "client-cert-chain",
            "x-forwarded",
            "x-real-ip",
            "x-client-cert",
            "remote-user",
            "x-remote-user",
            "ssl-client-cert",
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
            "x-original-url",
            "x-rewrite-url",
            "content-digest",
            "if-none-match",
            "if-modified-since",
            "cache-control",
            "server",
            "x-accel-redirect",
        ] {
            assert!(refused(name).is_some(), "{name}");
        }
        for name in ["accept-language", "etag", "last-modified", "x-page-count"] {
            assert_eq!(refused(name), None, "{name}");
        }
    }
}
