//! Every ladder through its one door, [`Generalise::apply`].

use proptest::prelude::*;

use super::*;

fn today() -> Date {
    Date::constant(2026, 11, 22)
}

fn apply(generalise: &Generalise, json: &str) -> Option<String> {
    let mut out = b"as before".to_vec();
    let result = generalise.apply(json.as_bytes(), Some(today()), &mut out);
    let text = String::from_utf8(out).unwrap();
    let appended = text.strip_prefix("as before").unwrap().to_owned();
    let Ok(()) = result else {
        assert_eq!(appended, "", "a mismatch appends nothing");
        return None;
    };
    let value: serde_json::Value = serde_json::from_str(&appended).expect("strict JSON leaves");
    let fits = match generalise.output() {
        OutputType::Text => value.is_string(),
        OutputType::Integer => value.is_i64(),
        OutputType::IntegerOrText | OutputType::NumberOrText => {
            value.is_string() == json.starts_with('"') && !value.is_boolean()
        }
        OutputType::Boolean | OutputType::Number | OutputType::Null => false,
    };
    assert!(fits, "{appended} is not {}", generalise.output().word());
    Some(appended)
}

fn date(to: DatePart) -> Generalise {
    Generalise::Date {
        to,
        from: DateForm::default(),
    }
}

fn age() -> Generalise {
    Generalise::Age {
        at: AgeAt::Today,
        from: DateForm::default(),
    }
}

fn age_band(bands: Bands) -> Generalise {
    Generalise::AgeBand {
        at: AgeAt::Today,
        from: DateForm::default(),
        bands,
    }
}

fn postcode(to: PostcodePart, otherwise: Option<&str>) -> Generalise {
    Generalise::Postcode {
        to,
        otherwise: otherwise.map(Constant::new),
    }
}

const PARTS: [DatePart; 6] = [
    DatePart::Week,
    DatePart::Month,
    DatePart::Quarter,
    DatePart::FinancialYear,
    DatePart::SchoolYear,
    DatePart::Year,
];

#[test]
fn a_day_is_in_one_week_month_quarter_and_year_of_each_kind() {
    for (day, parts) in [
        (
            "1941-03-07",
            [
                "1941-W10", "1941-03", "1941-Q1", "1940-41", "1940-41", "1941",
            ],
        ),
        (
            "2026-03-31",
            [
                "2026-W14", "2026-03", "2026-Q1", "2025-26", "2025-26", "2026",
            ],
        ),
        (
            "2026-04-01",
            [
                "2026-W14", "2026-04", "2026-Q2", "2026-27", "2025-26", "2026",
            ],
        ),
        (
            "2026-08-31",
            [
                "2026-W36", "2026-08", "2026-Q3", "2026-27", "2025-26", "2026",
            ],
        ),
        (
            "2026-09-01",
            [
                "2026-W36", "2026-09", "2026-Q3", "2026-27", "2026-27", "2026",
            ],
        ),
        (
            "2024-02-29",
            [
                "2024-W09", "2024-02", "2024-Q1", "2023-24", "2023-24", "2024",
            ],
        ),
        (
            "2000-01-01",
            [
                "1999-W52", "2000-01", "2000-Q1", "1999-00", "1999-00", "2000",
            ],
        ),
        (
            "1999-12-31",
            [
                "1999-W52", "1999-12", "1999-Q4", "1999-00", "1999-00", "1999",
            ],
        ),
        (
            "2018-12-31",
            [
                "2019-W01", "2018-12", "2018-Q4", "2018-19", "2018-19", "2018",
            ],
        ),
        (
            "2021-01-03",
            [
                "2020-W53", "2021-01", "2021-Q1", "2020-21", "2020-21", "2021",
            ],
        ),
        (
            "2099-10-01",
            [
                "2099-W40", "2099-10", "2099-Q4", "2099-00", "2099-00", "2099",
            ],
        ),
    ] {
        for (part, expected) in PARTS.into_iter().zip(parts) {
            for json in [
                format!("\"{day}\""),
                format!("\"{day}T00:00:00Z\""),
                format!("\"{day}T23:59:60.999-12:00\""),
                format!("\"{}\"", day.replace('-', r"\u002d")),
            ] {
                let leaves = apply(&date(part), &json);
                assert_eq!(leaves, Some(format!("\"{expected}\"")), "{json}");
            }
        }
    }
}

#[test]
fn a_date_is_not_made_finer_than_it_is_written() {
    for (json, leaves) in [
        ("\"1941\"", [None, None, None, None, None, Some("1941")]),
        (
            "\"1941-03\"",
            [
                None,
                Some("1941-03"),
                Some("1941-Q1"),
                Some("1940-41"),
                Some("1940-41"),
                Some("1941"),
            ],
        ),
        ("\"1900-01-01\"", [None; 6]),
        ("\"9999-12-31\"", [None; 6]),
        ("\"1941-02-29\"", [None; 6]),
        ("\"07/03/1941\"", [None; 6]),
        ("\"\"", [None; 6]),
        ("1941", [None; 6]),
        ("true", [None; 6]),
    ] {
        for (part, expected) in PARTS.into_iter().zip(leaves) {
            let expected = expected.map(|text| format!("\"{text}\""));
            assert_eq!(apply(&date(part), json), expected, "{json}");
        }
    }
    // The first months of the year nought are in a financial year that began before it.
    assert_eq!(apply(&date(DatePart::FinancialYear), "\"0000-03\""), None);
}

#[test]
fn a_declared_form_is_the_only_one_that_counts() {
    let from = DateForm::declared("dd/mm/yyyy").unwrap();
    let month = Generalise::Date {
        to: DatePart::Month,
        from: from.clone(),
    };
    assert_eq!(
        apply(&month, "\"07/03/1941\"").as_deref(),
        Some("\"1941-03\"")
    );
    assert_eq!(apply(&month, "\"1941-03-07\""), None);
    assert_eq!(apply(&month, "\"01/01/1900\""), None);
    let age = Generalise::Age {
        at: AgeAt::Day(Date::constant(2026, 3, 6)),
        from,
    };
    assert_eq!(apply(&age, "\"07/03/1941\"").as_deref(), Some("84"));
}

#[test]
fn ages_are_numbers_and_their_bands_texts() {
    let fives = age_band(Bands::even(5, Some(5), Some(90)).unwrap());
    let broad =
        age_band(Bands::listed(&["0-15", "16-24", "25-49", "50-64", "65-74", "75+"]).unwrap());
    for (birth, years, five, wide) in [
        ("2026-11-22", Some("0"), Some("under 5"), Some("0-15")),
        ("2021-11-23", Some("4"), Some("under 5"), Some("0-15")),
        ("2021-11-22", Some("5"), Some("5-9"), Some("0-15")),
        ("2010-11-23", Some("15"), Some("15-19"), Some("0-15")),
        ("2010-11-22", Some("16"), Some("15-19"), Some("16-24")),
        ("1941-03-07", Some("85"), Some("85-89"), Some("75+")),
        ("1936-11-23", Some("89"), Some("85-89"), Some("75+")),
        ("1936-11-22", Some("90"), Some("90+"), Some("75+")),
        ("1901-01-01", Some("125"), Some("90+"), Some("75+")),
        ("1900-01-01", None, None, None),
        ("1895-01-01", None, None, None),
        ("2026-11-23", None, None, None),
        ("2026-11", None, None, None),
        ("2026", None, None, None),
    ] {
        let json = format!("\"{birth}\"");
        let text = |text: Option<&str>| text.map(|text| format!("\"{text}\""));
        assert_eq!(apply(&age(), &json).as_deref(), years, "{birth}");
        assert_eq!(apply(&fives, &json), text(five), "{birth}");
        assert_eq!(apply(&broad, &json), text(wide), "{birth}");
    }
}

#[test]
fn a_postcode_that_names_no_place_never_leaves() {
    let dropped = postcode(PostcodePart::Area, None);
    let told = postcode(PostcodePart::Area, Some("not \"given\""));
    for json in [
        "\"ZZ99 3VZ\"",
        "\"zz993vz\"",
        "\"GIR 0AA\"",
        "\"BFPO 57\"",
        "\"\"",
        "\"none\"",
    ] {
        assert_eq!(apply(&dropped, json), None, "{json}");
        assert_eq!(
            apply(&told, json).as_deref(),
            Some(r#""not \"given\"""#),
            "{json}"
        );
    }
    for json in ["true", "3"] {
        assert_eq!(apply(&told, json), None, "{json}");
    }
    assert_eq!(apply(&told, "\"po301aa\"").as_deref(), Some("\"PO\""));
}

#[test]
fn what_a_table_does_not_have_is_a_mismatch_or_the_constant() {
    let columns = TableColumns {
        key: None,
        from: TableKey::Postcode,
        value: "ward".to_owned(),
    };
    let table = Arc::new(Table::read(b"pcds,ward\nPO30 1AA,Newport\n", &columns).unwrap());
    let of = |otherwise: Option<&str>| Generalise::Table {
        table: Arc::clone(&table),
        otherwise: otherwise.map(Constant::new),
    };
    assert_eq!(
        apply(&of(None), "\"po30 1aa\"").as_deref(),
        Some("\"Newport\"")
    );
    for json in ["\"PO30 1AB\"", "\"ZZ99 3VZ\"", "\"\"", "7"] {
        assert_eq!(apply(&of(None), json), None, "{json}");
        assert_eq!(
            apply(&of(Some("other")), json).as_deref(),
            Some("\"other\""),
            "{json}"
        );
    }
    assert_eq!(apply(&of(Some("other")), "true"), None);
    assert_ne!(of(None), of(Some("other")));
    assert_eq!(of(None), of(None));
}

#[test]
fn numbers_are_banded_by_their_text() {
    let thousands = Generalise::Band {
        bands: Bands::even(1000, Some(0), Some(100_000)).unwrap(),
    };
    let open = Generalise::Band {
        bands: Bands::even(10, None, None).unwrap(),
    };
    for (generalise, json, expected) in [
        (&thousands, "0", Some("\"0-999\"")),
        (&thousands, "999.999999999999999999999", Some("\"0-999\"")),
        (&thousands, "1e3", Some("\"1000-1999\"")),
        (&thousands, "\"1000.0\"", Some("\"1000-1999\"")),
        (&thousands, "-0.000000000000000000001", Some("\"under 0\"")),
        (&thousands, "1e400", Some("\"100000+\"")),
        (&thousands, "-1e400", Some("\"under 0\"")),
        (&open, "1e400", None),
        (&open, "-1e400", None),
        (
            &open,
            "9007199254740993",
            Some("\"9007199254740990-9007199254740999\""),
        ),
        (&open, "\"\"", None),
        (&open, "\"7 years\"", None),
        (&open, "true", None),
    ] {
        assert_eq!(apply(generalise, json).as_deref(), expected, "{json}");
    }
}

/// What is written where `value` stands as the last byte or before, as one could write it in JSON.
fn spelt(text: &str, escaped: &[bool]) -> String {
    let mut out = "\"".to_owned();
    for (index, character) in text.chars().enumerate() {
        if escaped[index % escaped.len()] {
            out.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    out.push('"');
    out
}

fn days() -> impl Strategy<Value = Date> {
    (1902_i16..2026, 1_i8..=12, 1_i8..=31)
        .prop_filter_map("a day of the calendar", |(year, month, day)| {
            Date::new(year, month, day).ok()
        })
}

fn postcodes() -> impl Strategy<Value = String> {
    (
        "(PO|M|SW|BT|AB|E)",
        "[1-9][0-9]?",
        "[0-9]",
        "[ABD-HJLNP-UW-Z]{2}",
    )
        .prop_map(|(area, district, sector, unit)| format!("{area}{district} {sector}{unit}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_spelling_of_a_value_changes_nothing(
        day in days(),
        postcode_text in postcodes(),
        escaped in proptest::collection::vec(any::<bool>(), 1..8),
        lower in any::<bool>(),
        space in "( |  |-)?",
    ) {
        let day = day.to_string();
        for part in PARTS {
            prop_assert_eq!(
                apply(&date(part), &spelt(&day, &escaped)),
                apply(&date(part), &format!("\"{day}\""))
            );
        }
        let mut written = postcode_text.replace(' ', &space);
        if lower {
            written = written.to_lowercase();
        }
        for part in [PostcodePart::Sector, PostcodePart::District, PostcodePart::Area] {
            let leaves = apply(&postcode(part, None), &spelt(&written, &escaped));
            prop_assert!(leaves.is_some());
            prop_assert_eq!(leaves, apply(&postcode(part, None), &format!("\"{postcode_text}\"")));
        }
    }

    #[test]
    fn a_finer_rung_determines_the_coarser(one in days(), other in days(), a in postcodes(), b in postcodes()) {
        let ladders: &[&[DatePart]] = &[
            &[DatePart::Month, DatePart::Quarter, DatePart::Year],
            &[DatePart::Month, DatePart::Quarter, DatePart::FinancialYear],
            &[DatePart::Month, DatePart::SchoolYear],
        ];
        let nests = |fine: &Generalise, coarse: &Generalise, one: &str, other: &str| {
            apply(fine, one) != apply(fine, other) || apply(coarse, one) == apply(coarse, other)
        };
        let (one, other) = (format!("\"{one}\""), format!("\"{other}\""));
        for pair in ladders.iter().flat_map(|ladder| ladder.windows(2)) {
            prop_assert!(nests(&date(pair[0]), &date(pair[1]), &one, &other));
        }
        let band = |width, top| age_band(Bands::even(width, None, Some(top)).unwrap());
        for (fine, coarse) in [
            (age(), band(5, 90)),
            (band(5, 90), band(10, 90)),
            (band(10, 90), band(30, 90)),
        ] {
            prop_assert!(nests(&fine, &coarse, &one, &other));
        }
        let (a, b) = (format!("\"{a}\""), format!("\"{b}\""));
        for pair in [PostcodePart::Sector, PostcodePart::District, PostcodePart::Area].windows(2) {
            prop_assert!(nests(&postcode(pair[0], None), &postcode(pair[1], None), &a, &b));
        }
    }

    #[test]
    fn what_leaves_is_never_longer_than_the_rung_allows(day in days(), text in postcodes(), number in any::<i64>()) {
        let day = format!("\"{day}\"");
        for (part, longest) in PARTS.into_iter().zip([8, 7, 7, 7, 7, 4]) {
            prop_assert!(apply(&date(part), &day).unwrap().len() <= longest + 2);
        }
        let text = format!("\"{text}\"");
        for (part, longest) in [(PostcodePart::Sector, 6), (PostcodePart::District, 4), (PostcodePart::Area, 2)] {
            prop_assert!(apply(&postcode(part, None), &text).unwrap().len() <= longest + 2);
        }
        prop_assert!(apply(&age(), &day).unwrap().len() <= 3);
        let bands = Bands::even(100, Some(0), Some(1000)).unwrap();
        let band = Generalise::Band { bands };
        prop_assert!(apply(&band, &number.to_string()).unwrap().len() <= "\"under 0\"".len());
    }

    #[test]
    fn greater_numbers_are_never_in_lower_bands(one in any::<i64>(), other in any::<i64>(), width in 1_u32..1000) {
        let band = Generalise::Band { bands: Bands::even(width, None, None).unwrap() };
        let from = |number: i64| {
            let label = apply(&band, &number.to_string()).unwrap();
            let label = label.trim_matches('"').to_owned();
            let end = label[1..].find([' ', '-']).map_or(label.len(), |at| at + 1);
            label[..end].parse::<i128>().unwrap()
        };
        prop_assert!(from(one.min(other)) <= from(one.max(other)));
        prop_assert!(from(one) <= i128::from(one) && i128::from(one) < from(one) + i128::from(width));
    }

    #[test]
    fn no_text_makes_a_ladder_panic(text in "\\PC{0,40}") {
        let json = serde_json::to_string(&text).unwrap();
        for part in PARTS {
            apply(&date(part), &json);
        }
        apply(&age(), &json);
        apply(&postcode(PostcodePart::Sector, None), &json);
        apply(&Generalise::Round(Rounding::new(5, None, None).unwrap()), &json);
        apply(&Generalise::Capped(Caps::new(None, Some(5)).unwrap()), &json);
    }
}
