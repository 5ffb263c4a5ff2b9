//! What expires and when: the certificates and lists of revoked ones that the gateway reads.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// When the first certificate of a file expires, or the next list of revoked ones is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// What the file is used for: a word of ours.
    pub(crate) kind: &'static str,
    /// The file, as the configuration names it.
    pub(crate) file: String,
    /// When.
    pub(crate) at: Timestamp,
}

impl Expiry {
    /// Of the PEM certificates in the file at `path`; `None` if none can be read, which is told where they are used.
    pub(crate) fn of_certificates(kind: &'static str, path: &Path) -> Option<Self> {
        let certificates = CertificateDer::pem_file_iter(path).ok()?;
        let ends = certificates.filter_map(|certificate| end(&certificate.ok()?));
        Self::first(kind, path, ends)
    }

    /// Of the lists `lists`, which were read from the file at `path`.
    pub(crate) fn of_lists(
        kind: &'static str,
        path: &Path,
        lists: &[CertificateRevocationListDer<'_>],
    ) -> Option<Self> {
        let ends = lists.iter().filter_map(|list| {
            let (_, list) = CertificateRevocationList::from_der(list).ok()?;
            Timestamp::from_second(list.next_update()?.timestamp()).ok()
        });
        Self::first(kind, path, ends)
    }

    fn first(
        kind: &'static str,
        path: &Path,
        ends: impl Iterator<Item = Timestamp>,
    ) -> Option<Self> {
        let file = path.display().to_string();
        ends.min().map(|at| Self { kind, file, at })
    }
}

/// The first instant in which a certificate is over; `None` if that cannot be read.
pub(crate) fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    // `notAfter` is the last second in which it is valid (RFC 5280 §4.1.2.5).
    let last = certificate.validity().not_after.timestamp();
    // A year beyond 9999 is as good as never.
    Some(Timestamp::from_second(last.checked_add(1)?).unwrap_or(Timestamp::MAX))
}
