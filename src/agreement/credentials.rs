//! What a caller can show of itself, and what an agreement asks to be shown together.

use std::fmt;

/// A kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A client certificate, in the connection's handshake.
    Certificate,
    /// An API key.
    ApiKey,
    /// An access token that an issuer has signed.
    AccessToken,
}

impl Credential {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Certificate, Self::ApiKey, Self::AccessToken];

    /// Its name, as agreements have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::ApiKey => "api_key",
            Self::AccessToken => "access_token",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Certificate => 1,
            Self::ApiKey => 2,
            Self::AccessToken => 4,
        }
    }
}

/// Kinds of credential, each once. Their text is their names, joined by commas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Credentials(u8);

impl Credentials {
    /// None.
    pub const NONE: Self = Self(0);
    /// Each of them.
    pub const ALL: Self = Self(7);

    /// These and `kind`.
    #[must_use]
    pub fn with(self, kind: Credential) -> Self {
        Self(self.0 | kind.bit())
    }

    /// These and `others`.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn kinds(self) -> impl Iterator<Item = Credential> {
        Credential::ALL
            .into_iter()
            .filter(move |kind| self.0 & kind.bit() != 0)
    }
}

impl FromIterator<Credential> for Credentials {
    fn from_iter<I: IntoIterator<Item = Credential>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.kinds().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", kind.word())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_credentials_is_what_was_put_into_it() {
        let both: Credentials = [Credential::AccessToken, Credential::Certificate]
            .into_iter()
            .collect();
        assert_eq!(both.to_string(), "certificate, access_token");
        let rest = both.without(Credentials::NONE.with(Credential::Certificate));
        assert_eq!(rest.to_string(), "access_token");
        assert!(both.without(Credentials::ALL).is_empty());
        assert_eq!(
            Credential::ALL.into_iter().collect::<Credentials>(),
            Credentials::ALL
        );
    }

    #[test]
    fn each_kind_is_found_by_its_name() {
        for kind in Credential::ALL {
            assert_eq!(Credential::named(kind.word()), Some(kind));
        }
        assert_eq!(Credential::named("token"), None);
    }
}
