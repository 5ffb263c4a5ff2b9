//! What files write by a code, in words that anybody can read: conditions of law, periods, grounds, countries, fields.
//!
//! The code stays beside its words where somebody could want to look it up. What has no words here is said as it is written.

use crate::agreement::basis::{Basis, Lawful, Provision, PublicTask, Retention, Special, Stated};

/// Countries that agreements with neighbours name, by their ISO 3166-1 codes: the United Kingdom and its islands, the European
/// Economic Area, Switzerland and the United States.
const COUNTRIES: [(&str, &str); 36] = [
    ("AT", "Austria"),
    ("BE", "Belgium"),
    ("BG", "Bulgaria"),
    ("CH", "Switzerland"),
    ("CY", "Cyprus"),
    ("CZ", "Czechia"),
    ("DE", "Germany"),
    ("DK", "Denmark"),
    ("EE", "Estonia"),
    ("ES", "Spain"),
    ("FI", "Finland"),
    ("FR", "France"),
    ("GB", "United Kingdom"),
    ("GG", "Guernsey"),
    ("GR", "Greece"),
    ("HR", "Croatia"),
    ("HU", "Hungary"),
    ("IE", "Ireland"),
    ("IM", "Isle of Man"),
    ("IS", "Iceland"),
    ("IT", "Italy"),
    ("JE", "Jersey"),
    ("LI", "Liechtenstein"),
    ("LT", "Lithuania"),
    ("LU", "Luxembourg"),
    ("LV", "Latvia"),
    ("MT", "Malta"),
    ("NL", "Netherlands"),
    ("NO", "Norway"),
    ("PL", "Poland"),
    ("PT", "Portugal"),
    ("RO", "Romania"),
    ("SE", "Sweden"),
    ("SI", "Slovenia"),
    ("SK", "Slovakia"),
    ("US", "United States"),
];

/// What a condition is, with its place in the law: `a task in the public interest (UK GDPR Article 6(1)(e))`.
#[must_use]
pub fn condition(stated: &Stated) -> String {
    let words = match stated.provision {
        Provision::Lawful(lawful) => match lawful {
            Lawful::Consent => "the person's consent",
            Lawful::Contract => "a contract with the person",
            Lawful::LegalObligation => "a legal obligation",
            Lawful::VitalInterests => "the protection of somebody's life",
            Lawful::PublicTask(task) => match task {
                PublicTask::Unsaid | PublicTask::Public => "a task in the public interest",
                PublicTask::Justice => "the administration of justice",
                PublicTask::Enactment => "a function that an enactment confers",
                PublicTask::Crown => "a function of the Crown or of a government department",
            },
            Lawful::LegitimateInterests => "legitimate interests",
            Lawful::RecognisedInterest => "a recognised legitimate interest",
        },
        Provision::Special(special, _) => match special {
            Special::ExplicitConsent => "the person's explicit consent",
            Special::Employment => "employment, social security and social protection law",
            Special::VitalInterests => "the protection of the life of somebody who cannot consent",
            Special::NotForProfit => "a not-for-profit body's work with its members",
            Special::MadePublic => "data that the person has made public",
            Special::LegalClaims => "legal claims and courts",
            Special::SubstantialInterest => "substantial public interest",
            Special::Health => "health or social care",
            Special::PublicHealth => "public health",
            Special::Research => "archiving, research and statistics",
        },
        Provision::Criminal => "criminal convictions and offences, under official authority",
        // Its heading stands in the text of the provision itself.
        Provision::Paragraph(_) => return stated.today(),
    };
    format!("{words} ({})", stated.today())
}

/// On what sharing rests: each condition, then the power or the function behind it.
#[must_use]
pub fn basis(basis: &Basis) -> Vec<String> {
    let conditions = basis.conditions().map(condition);
    let behind = [&basis.power, &basis.function].into_iter().flatten();
    conditions.chain(behind.cloned()).collect()
}

/// A period in words: `6 months` for `P6M`.
#[must_use]
pub fn period(text: &str) -> String {
    Retention::read(text).map_or_else(|| text.to_owned(), |period| period.words())
}

/// On what ground a register says that data was collected.
#[must_use]
pub fn ground(word: &str) -> String {
    match word {
        "statutory-duty" => "a duty by law".to_owned(),
        "function" => "a function of the controller".to_owned(),
        "contract" => "a contract with the person".to_owned(),
        "consent" => "the person's consent".to_owned(),
        other => other.to_owned(),
    }
}

/// Whose data it is, as a register says it.
#[must_use]
pub fn subjects(word: &str) -> String {
    match word {
        "person" => "people".to_owned(),
        "organisation" => "organisations".to_owned(),
        other => other.to_owned(),
    }
}

/// A country by its name with its code: `United Kingdom (GB)`.
#[must_use]
pub fn country(code: &str) -> String {
    let known = COUNTRIES.iter().find(|(known, _)| *known == code);
    known.map_or_else(|| code.to_owned(), |(_, name)| format!("{name} ({code})"))
}

/// What a selector selects: its names in words, `address postcode` for `$.address.postcode`, `date of birth` for
/// `@.dateOfBirth`. A selector without names is given back.
#[must_use]
pub fn field(selector: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut in_word = false;
    let mut after_small = false;
    for letter in selector.chars() {
        if !letter.is_alphanumeric() {
            (in_word, after_small) = (false, false);
            continue;
        }
        // A capital after a small letter begins a word of its own; a run of capitals is one.
        if !in_word || (letter.is_uppercase() && after_small) {
            words.push(String::new());
        }
        let word = words.last_mut().expect("a word was begun");
        word.push(letter);
        (in_word, after_small) = (true, !letter.is_uppercase());
    }
    // What only counts elements is no name.
    words.retain(|word| !word.chars().all(|letter| letter.is_ascii_digit()));
    if words.is_empty() {
        return selector.to_owned();
    }
    let plain = |word: String| {
        let is_acronym = word.len() > 1 && word.chars().all(|letter| !letter.is_lowercase());
        if is_acronym {
            word
        } else {
            word.to_lowercase()
        }
    };
    words.into_iter().map(plain).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_said_in_words_and_what_is_none_as_it_is_written() {
        assert_eq!(period("P6M"), "6 months");
        assert_eq!(period("P1Y"), "1 year");
        assert_eq!(period("as long as needed"), "as long as needed");
        assert_eq!(country("GB"), "United Kingdom (GB)");
        assert_eq!(country("ZZ"), "ZZ");
        assert_eq!(ground("statutory-duty"), "a duty by law");
    }

    #[test]
    fn every_provision_has_words_before_its_place() {
        for text in [
            "uk-gdpr:6-1-a",
            "uk-gdpr:6-1-e",
            "dpa-2018:s8-c",
            "uk-gdpr:9-2-h",
            "uk-gdpr:10",
            "dpa-1998:sch2-3",
        ] {
            let stated = Stated::read(text).unwrap();
            let said = condition(&stated);
            assert!(said.ends_with(&format!("({})", stated.today())), "{said}");
            assert!(!said.contains(text), "{said}");
        }
    }

    #[test]
    fn a_selector_is_read_as_the_names_in_it() {
        for (selector, words) in [
            ("$.dateOfBirth", "date of birth"),
            ("$.address.postcode", "address postcode"),
            ("$.household[*].relationship", "household relationship"),
            ("@['Council Tax Band']", "council tax band"),
            ("$.NHSNumber", "nhsnumber"),
            ("$.tenant_name", "tenant name"),
            ("$.lines[0]", "lines"),
            ("$[*].UPRN", "UPRN"),
            ("$[*]", "$[*]"),
        ] {
            assert_eq!(field(selector), words, "{selector}");
        }
    }
}
