//! What kind of body a party is: some conditions of the law are open to some kinds alone.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// What kind of body a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum PartyKind {
    /// A local authority or another public authority.
    PublicAuthority,
    /// A government department, a Minister or the Crown.
    GovernmentDepartment,
    /// A health body: in the United Kingdom a public authority too.
    HealthBody,
    /// A not-for-profit body with a political, philosophical, religious or trade-union aim, or a charity.
    NotForProfit,
    /// Somebody who processes on the controller's behalf: it needs a contract.
    Processor,
    /// A company, for its own purposes.
    Company,
    /// A councillor.
    Councillor,
    /// A part of the controller itself: what it gets is a use, not a disclosure.
    Internal,
    /// Everybody.
    Public,
}

impl PartyKind {
    /// The word as written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PublicAuthority => "public-authority",
            Self::GovernmentDepartment => "government-department",
            Self::HealthBody => "health-body",
            Self::NotForProfit => "not-for-profit",
            Self::Processor => "processor",
            Self::Company => "company",
            Self::Councillor => "councillor",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// Whether it is a public authority, which cannot rest its tasks on anybody's legitimate interests.
    #[must_use]
    pub fn is_public_authority(self) -> bool {
        match self {
            Self::PublicAuthority | Self::GovernmentDepartment | Self::HealthBody => true,
            Self::NotForProfit
            | Self::Processor
            | Self::Company
            | Self::Councillor
            | Self::Internal
            | Self::Public => false,
        }
    }
}

impl fmt::Display for PartyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The kinds of the two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// The controller's. A public authority where the agreement does not say.
    pub controller: PartyKind,
    /// The partner's, if the agreement says.
    pub partner: Option<PartyKind>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            controller: PartyKind::PublicAuthority,
            partner: None,
        }
    }
}
