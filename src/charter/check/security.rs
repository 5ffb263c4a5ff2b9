//! What a layer writes of security, which narrows what its parent asks for.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Narrowing;
use crate::charter::file::{MinimumTlsAsWritten, RateAsWritten};
use crate::charter::security::{Rate, is_within};
use crate::volume::Per;
use crate::written::text::{NetworkText, Sha256Text};

impl Narrowing<'_> {
    /// What the gateway and its partners have to keep to.
    pub(super) fn security(&mut self) {
        let Some(written) = &self.file.value.security else {
            return;
        };
        let above = self.terms.security.clone();
        let own = |stated: Option<bool>, above: bool| stated == Some(false) && above;
        for (key, wider) in [
            ("tls", own(written.tls, above.tls)),
            (
                "client_certificates",
                own(written.client_certificates, above.client_certificates),
            ),
        ] {
            if wider {
                let what = format!("{key}: false");
                self.widens(&format!("/security/{key}"), "security", &what);
            }
        }
        if written.minimum_tls == Some(MinimumTlsAsWritten::Tls12) && above.only_tls13 {
            self.widens("/security/minimum_tls", "security", "minimum_tls: \"1.2\"");
        }
        let mut next = above.clone();
        next.tls |= written.tls == Some(true) || written.minimum_tls.is_some();
        next.only_tls13 |= written.minimum_tls == Some(MinimumTlsAsWritten::Tls13);
        next.client_certificates |= written.client_certificates == Some(true);
        if let Some(hashes) = &written.certificate_authorities {
            next.authorities = Some(self.authorities(hashes, above.authorities.as_ref()));
        }
        if let Some(networks) = &written.networks {
            next.networks = Some(self.networks(networks, above.networks.as_deref()));
        }
        if let Some(rate) = written.requests.as_ref().and_then(rate) {
            match above.requests {
                Some(most) if !rate.is_within(most) => {
                    self.widens("/security/requests", "security", &rate.to_string());
                }
                Some(_) | None => next.requests = Some(rate),
            }
        }
        if let Some(marking) = &written.marking {
            match &above.marking {
                // Which of two markings is the stricter is not for a gateway to know.
                Some(other) if *other != marking.0 => {
                    self.widens("/security/marking", "security", &format!("`{}`", marking.0));
                }
                Some(_) | None => next.marking = Some(marking.0.clone()),
            }
        }
        self.terms.security = next;
    }

    fn authorities(
        &mut self,
        hashes: &[Sha256Text],
        above: Option<&BTreeSet<[u8; 32]>>,
    ) -> BTreeSet<[u8; 32]> {
        let mut own = BTreeSet::new();
        for (index, text) in hashes.iter().enumerate() {
            let Some(hash) = text.bytes() else {
                continue;
            };
            if above.is_some_and(|above| !above.contains(&hash)) {
                let at = format!("/security/certificate_authorities/{index}");
                self.widens(&at, "security", "an authority");
            } else {
                own.insert(hash);
            }
        }
        own
    }

    fn networks(&mut self, written: &[NetworkText], above: Option<&[IpNet]>) -> Vec<IpNet> {
        let mut own = Vec::new();
        for (index, text) in written.iter().enumerate() {
            let at = format!("/security/networks/{index}");
            match text.network() {
                Ok(network) if above.is_some_and(|above| !is_within(&network, above)) => {
                    self.widens(&at, "security", &format!("`{network}`"));
                }
                Ok(network) => own.push(network),
                Err(_) if self.file.is_faulted_within(&at) => {}
                Err(message) => self.file.fault(self.faults, &at, message),
            }
        }
        own
    }
}

/// The rate that is written, if it is whole.
fn rate(written: &RateAsWritten) -> Option<Rate> {
    Some(Rate {
        requests: written.most?,
        per: Per::parse(&written.per.as_ref()?.0)?,
    })
}
