//! Groups of countries.

/// The European Economic Area: the member states of the European Union with Iceland, Liechtenstein and Norway.
const EEA: [&str; 30] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The countries of `word`: a group's, or the one country.
pub(super) fn countries(word: &str) -> Vec<&str> {
    match word {
        "EEA" => EEA.to_vec(),
        country => vec![country],
    }
}
