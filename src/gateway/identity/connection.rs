//! The certificate of a connection, which may have been revoked since the handshake.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::PresentedCertificate;
use crate::gateway::reason::Reason;
use crate::gateway::running::Running;

/// The certificate chain that a partner's connection began with. Each running set judges it once, when the first request
/// under it comes, so that what a reload no longer accepts is refused on connections that are open already.
#[derive(Debug)]
pub(crate) struct ConnectionCertificate {
    /// The partner's own first.
    chain: Vec<CertificateDer<'static>>,
    /// The listener's index in the configuration.
    listener: usize,
    judged: RefCell<Judged>,
}

#[derive(Debug)]
struct Judged {
    /// The running set that judged it.
    epoch: u64,
    /// What it says; `None` if it is not accepted.
    says: Option<Rc<PresentedCertificate>>,
}

impl ConnectionCertificate {
    /// The certificate of a handshake that `running` has just accepted at `listener`; `None` if none was shown.
    pub(crate) fn new(
        chain: Option<&[CertificateDer<'_>]>,
        listener: usize,
        running: &Running,
    ) -> Option<Self> {
        let chain: Vec<_> = chain?.iter().map(|one| one.clone().into_owned()).collect();
        let says = running.presented(listener, &chain).map(Rc::new);
        if let Some(says) = &says {
            let identities = running.identities_of(running.audience(listener));
            for (identity, shown) in identities.by_certificate(says) {
                let metrics = &running.metrics.identity;
                metrics.saw(&identity.partner, shown, says.expires);
            }
        }
        let epoch = running.epoch;
        Some(Self {
            chain,
            listener,
            judged: RefCell::new(Judged { epoch, says }),
        })
    }

    /// What it says under `running` at `now`.
    ///
    /// # Errors
    /// [`Reason::CertificateRefused`] if it is accepted no longer.
    pub(crate) fn under(
        &self,
        running: &Running,
        now: Timestamp,
    ) -> Result<Rc<PresentedCertificate>, Reason> {
        let mut judged = self.judged.borrow_mut();
        if judged.epoch != running.epoch {
            judged.epoch = running.epoch;
            judged.says = running.presented(self.listener, &self.chain).map(Rc::new);
        }
        let says = judged.says.as_ref().filter(|says| now < says.expires);
        says.cloned().ok_or(Reason::CertificateRefused)
    }
}
