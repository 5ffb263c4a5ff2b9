//! What codings save and cost, in bytes.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::Coding;

/// The metrics of content codings.
#[derive(Debug)]
pub(crate) struct Meters {
    bytes: IntCounterVec,
}

/// Whose body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// A service's, decoded.
    FromService,
    /// A partner's, decoded.
    FromPartner,
    /// What leaves, coded for a partner.
    ToPartner,
}

/// The metrics of one coding in one direction.
#[derive(Debug)]
pub(crate) struct Meter {
    coded: IntCounter,
    plain: IntCounter,
}

impl Meters {
    /// The metrics, entered in `registry`.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let bytes = IntCounterVec::new(
            Opts::new(
                "fieldgate_coding_bytes_total",
                "Bytes of bodies in a content coding, by direction and coding: coded as on the wire, plain as looked at",
            ),
            &["direction", "coding", "form"],
        )?;
        registry.register(Box::new(bytes.clone()))?;
        let meters = Self { bytes };
        for direction in Direction::ALL {
            for coding in Coding::ALL {
                // Each is there before it happens, so that a rule on it can be written and tried.
                drop(meters.meter(direction, coding));
            }
        }
        Ok(meters)
    }

    /// The metrics of `coding` in `direction`.
    pub(crate) fn meter(&self, direction: Direction, coding: Coding) -> Meter {
        let with = |form| {
            self.bytes
                .with_label_values(&[direction.word(), coding.name(), form])
        };
        Meter {
            coded: with("coded"),
            plain: with("plain"),
        }
    }
}

impl Direction {
    const ALL: [Self; 3] = [Self::FromService, Self::FromPartner, Self::ToPartner];

    fn word(self) -> &'static str {
        match self {
            Self::FromService => "from_service",
            Self::FromPartner => "from_partner",
            Self::ToPartner => "to_partner",
        }
    }
}

impl Meter {
    /// Counts a body, or a piece of one.
    pub(crate) fn count(&self, coded: u64, plain: u64) {
        self.coded.inc_by(coded);
        self.plain.inc_by(plain);
    }
}
