//! What the gateway and its partners have to keep to under a layer (the policy's 10.5: "security procedures").

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::volume::Per;

/// What the gateway and its partners have to keep to.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Every listener speaks TLS.
    pub tls: bool,
    /// No listener speaks anything older than TLS 1.3.
    pub only_tls13: bool,
    /// Partners are known by client certificates alone.
    pub client_certificates: bool,
    /// SHA-256 of the certificates (DER) of the authorities that may sign partners'; `None` is every one.
    pub authorities: Option<BTreeSet<[u8; 32]>>,
    /// The networks that partners are within; `None` is all.
    pub networks: Option<Vec<IpNet>>,
    /// The most that may be asked for a purpose; `None` is without end.
    pub requests: Option<Rate>,
    /// How what leaves is marked; `None` leaves it to the agreement.
    pub marking: Option<String>,
}

/// So many requests in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The most requests.
    pub requests: u64,
    /// The window.
    pub per: Per,
}

impl Rate {
    /// Whether `self` never permits more in a window of `other` than `other` does, whichever windows fall together: as
    /// many of the shortest as the longest has room for are counted, and begun ones as whole.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        let windows = other
            .per
            .longest_seconds()
            .div_ceil(self.per.shortest_seconds());
        // Weeks begin within months and years and go over their ends, so that one more of the others is touched.
        let weeks = [self.per, other.per].map(|per| per == Per::Week);
        let calendar = [self.per, other.per].map(|per| matches!(per, Per::Month | Per::Year));
        let across = weeks.contains(&true) && calendar.contains(&true);
        self.requests.saturating_mul(windows + u64::from(across)) <= other.requests
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests in each {}", self.requests, self.per)
    }
}

/// Whether all of `network` is in one of `allowed`.
#[must_use]
pub fn is_within(network: &IpNet, allowed: &[IpNet]) -> bool {
    allowed.iter().any(|allowed| allowed.contains(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_within_another_only_if_no_window_ever_holds_more() {
        let rate = |requests, per| Rate { requests, per };
        let day = rate(2_400, Per::Day);
        for (own, within) in [
            (rate(2_400, Per::Day), true),
            (rate(2_401, Per::Day), false),
            (rate(100, Per::Hour), true),
            (rate(101, Per::Hour), false),
            (rate(1, Per::Minute), true),
            (rate(2, Per::Minute), false),
            // All of a week's may be asked on one day of it.
            (rate(2_400, Per::Week), true),
            (rate(2_401, Per::Week), false),
            (rate(u64::MAX, Per::Minute), false),
        ] {
            assert_eq!(own.is_within(day), within, "{own}");
        }
        // A month has at most 31 days, and touches at most six weeks; a week touches two months, or years.
        for (own, most, below) in [
            (
                rate(10, Per::Day),
                rate(310, Per::Month),
                rate(309, Per::Month),
            ),
            (
                rate(10, Per::Week),
                rate(60, Per::Month),
                rate(59, Per::Month),
            ),
            (
                rate(10, Per::Month),
                rate(20, Per::Week),
                rate(19, Per::Week),
            ),
            (
                rate(10, Per::Year),
                rate(20, Per::Week),
                rate(19, Per::Week),
            ),
        ] {
            assert!(own.is_within(most), "{own}, {most}");
            assert!(!own.is_within(below), "{own}, {below}");
        }
    }

    #[test]
    fn what_is_within_a_narrower_rate_is_within_the_wider_one() {
        let rates: Vec<Rate> = Per::ALL
            .into_iter()
            .flat_map(|per| [1, 7, 60, 1_440, 90_000].map(|requests| Rate { requests, per }))
            .collect();
        for above in &rates {
            for layer in rates.iter().filter(|layer| layer.is_within(*above)) {
                for own in rates.iter().filter(|own| own.is_within(*layer)) {
                    assert!(own.is_within(*above), "{own}, {layer}, {above}");
                }
            }
        }
    }

    #[test]
    fn a_network_is_within_one_that_holds_all_of_it() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let allowed = [net("10.0.0.0/8"), net("2001:db8::/32")];
        for (text, within) in [
            ("10.0.0.0/8", true),
            ("10.20.0.0/16", true),
            ("10.20.30.40/32", true),
            ("8.0.0.0/6", false),
            ("11.0.0.0/8", false),
            ("2001:db8:1::/48", true),
            ("2001:db9::/32", false),
            ("0.0.0.0/0", false),
        ] {
            assert_eq!(is_within(&net(text), &allowed), within, "{text}");
        }
    }
}
