//! Spellings that must be one identifier, spellings that must not, and what is nobody's.

use super::*;
use proptest::prelude::*;

fn form(kind: Kind, text: &str) -> Result<String, Unfit> {
    let mut out = Canonical::new();
    out.set("left over from before").unwrap();
    let result = kind.canonical(text.chars(), &mut out);
    assert_eq!(
        result.is_err(),
        out.as_bytes().is_empty(),
        "{kind:?} {text}"
    );
    result.map(|()| out.as_str().to_owned())
}

/// Each row: the form, and spellings of it.
const ONE: &[(Kind, &str, &[&str])] = &[
    (
        Kind::Text,
        "4010232137",
        &[
            "4010232137",
            "401 023 2137",
            "401-023-2137",
            " 401 023 2137\n",
            "401\u{a0}023\u{a0}2137",
            "401\u{2011}023\u{2010}2137",
            "-4010232137-",
        ],
    ),
    (
        Kind::Text,
        "QQ 12 34 56 C",
        &["QQ 12 34 56 C", "\tQQ 12 34 56 C "],
    ),
    (Kind::Text, "0012", &["0012", "00 12"]),
    (Kind::Text, "1.0", &["1.0"]),
    (Kind::Text, "é", &["é", "é "]),
    (Kind::Text, "٤", &["٤"]),
    (
        Kind::Digits,
        "4010232137",
        &[
            "4010232137",
            "401.023.2137",
            "٤٠١٠٢٣٢١٣٧",
            "４０１－０２３－２１３７",
            "401\u{200b}0232137",
            "401–023—2137",
        ],
    ),
    (Kind::Digits, "0012", &["0012", " 00-12 "]),
    (
        Kind::UpperAlphanumeric,
        "CR2024A7",
        &[
            "cr2024a7",
            "CR 2024-A7",
            "ＣＲ２０２４Ａ７",
            "CR\u{a0}2024‑a7",
        ],
    ),
    (
        Kind::NhsNumber,
        "9434765919",
        &[
            "9434765919",
            "943 476 5919",
            "943-476-5919",
            "943.476.5919",
            " 943\u{a0}476\u{2009}5919 ",
            "９４３４７６５９１９",
            "٩٤٣٤٧٦٥٩١٩",
            "9434\u{200b}765919",
            "943\n476\t5919",
        ],
    ),
    (
        Kind::ChiNumber,
        "0101010028",
        &["0101010028", "010101 0028", "010101-0028"],
    ),
    (Kind::HcNumber, "4010232137", &["401 023 2137"]),
    (
        Kind::Nino,
        "AA123456",
        &[
            "AA123456B",
            "aa 12 34 56 b",
            "AA-12-34-56-B",
            "AA123456",
            "AA 12 34 56  ",
            "ＡＡ123456Ｂ",
            "AA123456C",
        ],
    ),
    (
        Kind::Upn,
        "B801200005001",
        &["b801200005001", "B 8012 0000 5001"],
    ),
    (
        Kind::Utr,
        "1955839661",
        &["1955839661", "19558 39661", "1955839661K", "1955839661 k"],
    ),
    (Kind::Uprn, "199356", &["199356", "000000199356", "0199356"]),
    (
        Kind::Postcode,
        "SW1A 1AA",
        &[
            "SW1A1AA",
            "sw1a 1aa",
            " SW1A  1AA ",
            "SW1A\u{a0}1AA",
            "S W 1 A 1 A A",
            "ＳＷ１Ａ １ＡＡ",
        ],
    ),
    (Kind::Postcode, "M1 1AA", &["m11aa", "M1-1AA"]),
    (
        Kind::Email,
        "mary.oneill+gp@example.org",
        &[
            "mary.oneill+gp@example.org",
            " Mary.ONeill+GP@EXAMPLE.ORG ",
            "mailto:mary.oneill+gp@example.org",
            "mary.oneill+gp＠example.org",
        ],
    ),
    (
        Kind::Phone,
        "+447700900123",
        &[
            "07700900123",
            "07700 900 123",
            "07700-900123",
            "+447700900123",
            "+44 7700 900123",
            "+44 (0)7700 900123",
            "0044 7700 900123",
            "0044 (0) 7700 900123",
            "+44 07700 900123",
            "(07700) 900123",
            "tel:+447700900123",
            "０７７００ ９００１２３",
            "(+44) 7700 900123",
        ],
    ),
    (
        Kind::Phone,
        "+442079460123;ext=45",
        &[
            "020 7946 0123 x45",
            "020 7946 0123 ext. 45",
            "+44 20 7946 0123 #45",
            "02079460123 extension 45",
            "tel:+442079460123;ext=45",
        ],
    ),
    (
        Kind::Phone,
        "+35316711633",
        &["+353 1 671 1633", "00353 1 6711633", "+353 (0)1 6711633"],
    ),
    (
        Kind::Name,
        "MARY ONEILL",
        &[
            "Mary O'Neill",
            "MARY ONEILL",
            "mary o’neill",
            "Mary Ó Néill",
            "Mrs Mary O'Neill",
            "Mrs. Mary O`Neill",
            "O'Neill, Mary",
            "O'Neill, Mrs Mary",
            "  Mary   O' Neill ",
            "Mary\u{a0}O‘Neill",
            "Prof. Dr. Mary O'Neill",
            "Ｍary O'Neill",
            "Ma\u{301}ry O'Neill",
        ],
    ),
    (
        Kind::Name,
        "MARY ANN SMITH",
        &[
            "Mary-Ann Smith",
            "Mary Ann Smith",
            "MARY–ANN SMITH",
            "Smith, Mary-Ann",
        ],
    ),
    (
        Kind::Name,
        "J R LOPEZ",
        &["J.R. López", "J. R. Lopez", "j r lópez"],
    ),
    (
        Kind::Name,
        "SOREN STRASSE",
        &["Søren Straße", "SØREN STRASSE"],
    ),
    (Kind::Name, "NA", &["Na"]),
    (Kind::Name, "DR", &["Dr"]),
    (Kind::Name, "王伟", &["王伟"]),
    (
        Kind::Date,
        "1941-03-07",
        &[
            "1941-03-07",
            " 1941-03-07 ",
            "1941-03-07T00:00:00Z",
            "1941-03-07T09:30",
            "1941-03-07T09:30:00.123+01:00",
            "１９４１-０３-０７",
            "1941‐03‐07",
        ],
    ),
    (
        Kind::DriverNumber,
        "MORGA657054SM9IJ",
        &["MORGA657054SM9IJ", "morga 657054 sm9ij"],
    ),
    (Kind::DriverNumber, "12345679", &["12345679", "1234 5679"]),
    (Kind::Passport, "AB1234567", &["ab1234567", "AB 123 4567"]),
    (
        Kind::VehicleRegistration,
        "AB51ABC",
        &["AB51 ABC", "ab51abc", "AB51-ABC"],
    ),
    (
        Kind::Iban,
        "GB82WEST12345698765432",
        &["GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"],
    ),
    (
        Kind::PaymentCard,
        "4111111111111111",
        &["4111 1111 1111 1111", "4111-1111-1111-1111"],
    ),
    (
        Kind::SortCodeAndAccount,
        "08999966374958",
        &["08-99-99 66374958", "089999 66374958"],
    ),
];

/// Each row: spellings of different identifiers.
const DIFFERENT: &[(Kind, &[&str])] = &[
    (
        Kind::Text,
        &[
            "4010232137",
            "4010232138",
            "04010232137",
            "401.023.2137",
            "QQ123456C",
            "QQ 123456C",
            "qq123456c",
            "12",
            "012",
            "1 e9",
            "٤",
            "4",
        ],
    ),
    (
        Kind::Digits,
        &["4010232137", "04010232137", "4010232138", "12", "012"],
    ),
    (
        Kind::UpperAlphanumeric,
        &["CR2024A7", "CR2024A8", "CR02024A7", "CRO2024A7"],
    ),
    (
        Kind::NhsNumber,
        &["943 476 5919", "943 476 5870", "401-023-2137"],
    ),
    (Kind::Nino, &["AA123456B", "AB123456B", "AA123457B"]),
    (Kind::Uprn, &["199356", "1993560"]),
    (
        Kind::Postcode,
        &["SW1A 1AA", "SW1A 1AB", "W1A 1HQ", "M1 1AA", "M11 1AA"],
    ),
    (
        Kind::Email,
        &[
            "mary@example.org",
            "mary@example.com",
            "mary+gp@example.org",
            "m.ary@example.org",
            "mary@mail.example.org",
        ],
    ),
    (
        Kind::Phone,
        &[
            "07700 900123",
            "07700 900124",
            "+353 7700 900123",
            "020 7946 0123",
            "020 7946 0123 x4",
            "020 7946 0123 x45",
        ],
    ),
    (
        Kind::Name,
        &[
            "Mary O'Neill",
            "Mary O'Neil",
            "Mary Neill",
            "Mary-Ann Smith",
            "Maryann Smith",
            "Peter Lord",
            "Peter",
            "Mary Smith",
            "Smith Mary",
            "M Smith",
        ],
    ),
    (Kind::Date, &["1941-03-07", "1941-07-03", "1941-03-08"]),
    (
        Kind::SortCodeAndAccount,
        &["08-99-99 66374958", "08-99-99 66374959"],
    ),
];

/// What identifies nobody, whatever the kind.
const NOBODY: &[&str] = &[
    "",
    " ",
    "\n\t",
    "\u{3000}",
    "-",
    "--",
    "?",
    "...",
    "UNKNOWN",
    "unknown",
    " Unknown ",
    "N/A",
    "n/a",
    "None",
    "NOT KNOWN",
    "Not known",
    "not-known",
    "TBC",
    "TBA",
    "XXXX",
    "xx",
    "Not Provided",
    "withheld",
    "Anonymous",
    "(none)",
    "000000",
    "0000000000",
    "000 000 0000",
    "9999999999",
    "999 999 9999",
    "1111111111",
    "01/01/1900",
    "1900-01-01",
    "9999-12-31",
    "31/12/9999",
];

#[test]
fn spellings_of_one_identifier_have_one_form() {
    for (kind, expected, spellings) in ONE {
        for spelling in *spellings {
            assert_eq!(
                form(*kind, spelling).as_deref(),
                Ok(*expected),
                "{kind:?} {spelling}"
            );
        }
    }
}

#[test]
fn different_identifiers_have_different_forms() {
    for (kind, spellings) in DIFFERENT {
        let forms: Vec<_> = spellings
            .iter()
            .map(|text| form(*kind, text).expect(text))
            .collect();
        for (index, one) in forms.iter().enumerate() {
            assert!(!forms[index + 1..].contains(one), "{kind:?} {one}");
        }
    }
}

#[test]
fn what_stands_for_not_known_is_nobody() {
    for &kind in Kind::ALL {
        for text in NOBODY {
            let result = form(kind, text);
            // A day is not written so where letters and digits alone are looked at: it is then of no kind.
            let written_day = text.contains("/1")
                || text.contains("/9")
                || text.contains("-01-")
                || text.contains("-12-");
            let reads_text = matches!(kind, Kind::Text | Kind::Email | Kind::Phone | Kind::Date);
            let is_name = kind == Kind::Name && text.bytes().any(|byte| byte.is_ascii_digit());
            let takes_any = [
                Kind::Digits,
                Kind::UpperAlphanumeric,
                Kind::Uprn,
                Kind::DriverNumber,
            ];
            if is_name || (written_day && !reads_text) {
                assert!(
                    result.is_err() || takes_any.contains(&kind),
                    "{kind:?} {text}"
                );
            } else {
                assert_eq!(result, Err(Unfit::Nobody), "{kind:?} {text}");
            }
        }
    }
    for (kind, text) in [
        (Kind::Text, "1234567890"),
        (Kind::Digits, "123456789"),
        (Kind::Postcode, "ZZ99 3VZ"),
        (Kind::Email, "none@none.com"),
        (Kind::Email, "no.email@example.org"),
        (Kind::Phone, "01234 567890"),
        (Kind::Phone, "07777 777777"),
        (Kind::Date, "1900-01-01T00:00:00Z"),
        (Kind::Date, "01/01/1900"),
    ] {
        assert_eq!(form(kind, text), Err(Unfit::Nobody), "{kind:?} {text}");
    }
    let long = "a1".repeat(CANONICAL_BYTES);
    for &kind in Kind::ALL {
        assert!(form(kind, &long).is_err(), "{kind:?}");
    }
}

#[test]
fn what_is_not_of_its_kind_is_invalid() {
    for (kind, texts) in [
        (Kind::Digits, &["12a", "1/2", "1e9", "é1"][..]),
        (Kind::UpperAlphanumeric, &["CR/2024", "A.1", "é1", "A_1"]),
        (
            Kind::NhsNumber,
            &[
                "9434765918",
                "943476591",
                "94347659190",
                "1234567890",
                "943/476/5919",
                "943476591９1",
                "A434765919",
            ],
        ),
        (Kind::ChiNumber, &["9434765919", "101010028"]),
        (
            Kind::Nino,
            &["QQ123456A", "AA123456E", "AA12345", "AA.123456B"],
        ),
        (Kind::Upn, &["A801200005001"]),
        (Kind::Utr, &["2955839661", "1955839661KK", "K1955839661"]),
        (Kind::Uprn, &["1000233369567"]),
        (
            Kind::Postcode,
            &["SW1A", "SW1A 1AI", "SW1A 1AA SW1A 1AA", "SW1A.1AA"],
        ),
        (
            Kind::Email,
            &[
                "mary",
                "mary@",
                "@example.org",
                "mary@example",
                "mary@exam ple.org",
                "ma ry@example.org",
                "mary@bücher.example",
                "\"m\"@example.org",
                "a@b@example.org",
                "mary@-x.org",
                "mary@192.168.0.1",
                "m..y@example.org",
            ],
        ),
        (
            Kind::Phone,
            &[
                "7700900123",
                "999",
                "077009001",
                "04700900123",
                "+44 7700 9001234",
                "07700 900123 07700 900124",
                "07700 900123 home",
                "mobile 07700 900123",
                "7+700900123",
                "+1 23",
            ],
        ),
        (
            Kind::Name,
            &[
                "Henry 8",
                "Mary & Peter Smith",
                "mary@example.org",
                "9434765919",
                "Smith, Mary, Ann",
            ],
        ),
        (
            Kind::Date,
            &[
                "07/03/1941",
                "1941-02-29",
                "1941-03",
                "1941",
                "19410307",
                "1941-03-07 x",
                "1941-03-07T25:00",
                "1941-03-07T09:30:00.",
                "1941-03-07T9",
            ],
        ),
        (Kind::DriverNumber, &["MORGA600054SM9IJ", "1234567"]),
        (Kind::Passport, &["A12345678", "12345678"]),
        (Kind::VehicleRegistration, &["AQ51ABC", "A1"]),
        (Kind::Iban, &["GB82WEST12345698765433"]),
        (Kind::PaymentCard, &["4111111111111112"]),
        (Kind::SortCodeAndAccount, &["08-99-99", "08-99-99 6637495"]),
    ] {
        for text in texts {
            assert_eq!(form(kind, text), Err(Unfit::Invalid), "{kind:?} {text}");
        }
    }
}

#[test]
fn a_number_gets_back_the_zero_that_its_kind_says_it_lost() {
    let number = |kind: Kind, digits: &str| {
        let mut out = Canonical::new();
        kind.canonical_number(digits.as_bytes(), &mut out)
            .map(|()| out.as_str().to_owned())
    };
    for (kind, digits, expected) in [
        (Kind::Text, "4010232137", Ok("4010232137")),
        (Kind::NhsNumber, "9434765919", Ok("9434765919")),
        (Kind::NhsNumber, "101010028", Err(Unfit::Invalid)),
        (Kind::ChiNumber, "101010028", Ok("0101010028")),
        (Kind::ChiNumber, "1010028", Err(Unfit::Invalid)),
        (Kind::Phone, "7700900123", Ok("+447700900123")),
        (Kind::Phone, "447700900123", Ok("+447700900123")),
        (
            Kind::SortCodeAndAccount,
            "8999966374958",
            Ok("08999966374958"),
        ),
        (Kind::Uprn, "199356", Ok("199356")),
        (Kind::Digits, "12", Ok("12")),
        (Kind::Digits, "0", Err(Unfit::Nobody)),
        (Kind::Date, "19410307", Err(Unfit::Invalid)),
    ] {
        assert_eq!(
            number(kind, digits).as_deref(),
            expected.as_deref(),
            "{kind:?} {digits}"
        );
    }
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    for (index, &kind) in Kind::ALL.iter().enumerate() {
        assert_eq!(Kind::from_word(kind.word()), Some(kind));
        assert!(
            Kind::ALL[index + 1..]
                .iter()
                .all(|other| other.word() != kind.word())
        );
    }
    assert_eq!(Kind::from_word("nhs number"), None);
    assert_eq!(Kind::default(), Kind::Text);
}

#[test]
fn a_name_of_any_letters_is_its_own_form() {
    for letter in ('\0'..=char::MAX).filter(|letter| letter.is_alphabetic()) {
        if let Ok(once) = form(Kind::Name, &format!("A{letter}b")) {
            assert_eq!(form(Kind::Name, &once), Ok(once), "{:x}", u32::from(letter));
        }
    }
}

/// Text that is near enough to identifiers to be read, with whatever else there is.
fn near() -> impl Strategy<Value = String> {
    let spellings: Vec<&str> = ONE
        .iter()
        .flat_map(|(_, _, spellings)| spellings.iter().copied())
        .collect();
    let spelling = proptest::sample::select(spellings);
    prop_oneof![
        ".{0,40}",
        "[0-9A-Za-z '’,.()+Óéß\u{301}-]{0,24}",
        (spelling.clone(), ".{0,2}", any::<proptest::sample::Index>()).prop_map(
            |(text, extra, at)| {
                let mut characters: Vec<char> = text.chars().collect();
                let at = at.index(characters.len() + 1);
                characters.splice(at..at, extra.chars());
                characters.into_iter().collect()
            }
        ),
        (spelling.clone(), spelling).prop_map(|(one, other)| format!("{one}{other}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_form_is_its_own_form(text in near()) {
        for &kind in Kind::ALL {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let mut fast = Canonical::new();
            let fast = kind.canonical_digits(digits.as_bytes(), &mut fast).map(|()| fast.as_str().to_owned());
            prop_assert_eq!(form(kind, &digits), fast, "{:?} {}", kind, digits);
            if let Ok(once) = form(kind, &text) {
                prop_assert_eq!(form(kind, &once), Ok(once.clone()), "{:?} {}", kind, text);
            }
        }
    }
}
