use super::*;

/// What all detectors find in `text`: spelling and word of each.
fn find(text: &str) -> Vec<(&str, &str)> {
    let mut scratch = Scratch::default();
    let detectors = Detectors::new(Kinds::ALL, THRESHOLD, Vec::new());
    let inside = text.as_bytes();
    let found = detectors.find(inside, Kinds::NONE, None, &mut scratch);
    let word = |what| match what {
        What::Kind(kind) => kind.word(),
        What::Pattern(_) => "pattern",
        What::Person(_) => "person",
    };
    found
        .iter()
        .map(|found| (&text[found.start..found.end], word(found.what)))
        .collect()
}

#[test]
fn what_identifies_somebody_is_found_in_a_sentence() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        (
            "Seen at home twice, 4 weeks apart, on 12/03/2026 at 14:30.",
            &[],
        ),
        (
            "NHS number 943 476 5919.",
            &[("943 476 5919", "nhs-number")],
        ),
        ("9434765919", &[("9434765919", "nhs-number")]),
        ("(943-476-5919)", &[("943-476-5919", "nhs-number")]),
        ("NHS9434765919x", &[("9434765919", "nhs-number")]),
        (
            "9 4 3 4 7 6 5 9 1 9",
            &[("9 4 3 4 7 6 5 9 1 9", "nhs-number")],
        ),
        ("943 47\n6 5919", &[("943 47\n6 5919", "nhs-number")]),
        ("NHS 943 476 5918 is mistyped", &[]),
        ("19434765919 is longer", &[]),
        ("1111111111 is nobody", &[]),
        ("CHI 0101010028", &[("0101010028", "chi-number")]),
        ("0101010028", &[("0101010028", "chi-number")]),
        ("H&C 943 476 5919", &[("943 476 5919", "hc-number")]),
        ("UTR 1955839661", &[("1955839661", "utr")]),
        ("UTR 1955839661K", &[("1955839661", "utr")]),
        ("NI AA123456B", &[("AA123456B", "nino")]),
        ("tw 98 76 54 a", &[("tw 98 76 54 a", "nino")]),
        ("NINO: AA123456", &[("AA123456", "nino")]),
        (
            "ni number AA 12 34 56 a while ago",
            &[("AA 12 34 56", "nino")],
        ),
        ("QQ123456C is an example", &[]),
        ("UPN B801200005001", &[("B801200005001", "upn")]),
        ("M80120000500A", &[("M80120000500A", "upn")]),
        ("A801200005001", &[]),
        ("UPRN 100023336956", &[("100023336956", "uprn")]),
        ("invoice 100023336956", &[]),
        ("at PO30 1UD now", &[("PO30 1UD", "postcode")]),
        ("sw1a1aa", &[("sw1a1aa", "postcode")]),
        (
            "SW1A-1AA, M1 1AA",
            &[("SW1A-1AA", "postcode"), ("M1 1AA", "postcode")],
        ),
        ("no fixed abode ZZ99 3VZ", &[("ZZ99 3VZ", "postcode")]),
        ("GIR 0AA", &[("GIR 0AA", "postcode")]),
        ("M1 1CA", &[]),
        ("MORGA657054SM9IJ", &[("MORGA657054SM9IJ", "driver-number")]),
        (
            "morga 657054 sm9ij 35",
            &[("morga 657054 sm9ij 35", "driver-number")],
        ),
        ("MORGA613054SM9IJ", &[]),
        ("passport no. 123456789", &[("123456789", "passport")]),
        ("passport AB1234567", &[("AB1234567", "passport")]),
        ("AB1234567", &[]),
        ("her car, AB51 ABC", &[("AB51 ABC", "vehicle-registration")]),
        ("ab51abc", &[("ab51abc", "vehicle-registration")]),
        ("reg A12 BCD", &[("A12 BCD", "vehicle-registration")]),
        ("by 20 may", &[]),
        (
            "08-99-99 66374958",
            &[("08-99-99 66374958", "sort-code-and-account")],
        ),
        (
            "sort code 08-99-99, account 66374958",
            &[
                ("08-99-99", "sort-code-and-account"),
                ("66374958", "sort-code-and-account"),
            ],
        ),
        (
            "GB82 WEST 1234 5698 7654 32",
            &[("GB82 WEST 1234 5698 7654 32", "iban")],
        ),
        (
            "gb29nwbk60161331926819",
            &[("gb29nwbk60161331926819", "iban")],
        ),
        (
            "DE89 3704 0044 0532 0130 00",
            &[("DE89 3704 0044 0532 0130 00", "iban")],
        ),
        ("GB82WEST12345698765433", &[]),
        (
            "4111 1111 1111 1111",
            &[("4111 1111 1111 1111", "payment-card")],
        ),
        ("378282246310005", &[("378282246310005", "payment-card")]),
        ("4111111111111112", &[]),
        ("01983 821000", &[("01983 821000", "phone")]),
        ("(01983) 821000", &[("(01983) 821000", "phone")]),
        ("(01983 821000)", &[("01983 821000", "phone")]),
        ("(+44 1983 821000)", &[("+44 1983 821000", "phone")]),
        ("+44 (0)1983 821000", &[("+44 (0)1983 821000", "phone")]),
        ("0044 7700 900123", &[("0044 7700 900123", "phone")]),
        ("07700-900-123", &[("07700-900-123", "phone")]),
        ("020 7946 0000", &[("020 7946 0000", "phone")]),
        ("call 821000", &[("821000", "phone")]),
        (
            "mary.oneill+x@mail.example.org.",
            &[("mary.oneill+x@mail.example.org", "email")],
        ),
        (
            "jürgen@bücher.example",
            &[("jürgen@bücher.example", "email")],
        ),
        ("a@b, @twitter", &[]),
        ("DOB 7/3/1941", &[("7/3/1941", "date-of-birth")]),
        (
            "born on the 7th March 1941.",
            &[("7th March 1941", "date-of-birth")],
        ),
        (
            "date of birth: 1941-03-07",
            &[("1941-03-07", "date-of-birth")],
        ),
        ("d.o.b. Mar 7, 1941", &[("Mar 7, 1941", "date-of-birth")]),
        ("born 07031941", &[("07031941", "date-of-birth")]),
        ("born 30/02/1941", &[]),
        ("from 192.0.2.17 today", &[("192.0.2.17", "ip-address")]),
        ("version 1.2.3.4", &[]),
        (
            "at 2001:db8::1:8a2e, 10:30:45",
            &[("2001:db8::1:8a2e", "ip-address")],
        ),
        (
            "6e40:4041:c617:e898:c11:40d2:c669:2eb4",
            &[("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "ip-address")],
        ),
        (
            "https://cases.example/people/9434765919?x=1.",
            &[("https://cases.example/people/9434765919?x=1", "url")],
        ),
        (
            "www.example.org/u/mary%40example.org x",
            &[("www.example.org/u/mary%40example.org", "url")],
        ),
        ("https://www.gov.uk/care", &[]),
    ];
    for (text, expected) in rows {
        assert_eq!(find(text), *expected, "{text}");
    }
}

#[test]
fn overlaps_are_one_and_nothing_that_was_found_is_left_over() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        // An address in a URL, a number in an address.
        (
            "http://x.example/?mail=a@b.example",
            &[("http://x.example/?mail=a@b.example", "url")],
        ),
        ("9434765919@x.example", &[("9434765919@x.example", "email")]),
        (
            "9434765919 4010232137",
            &[("9434765919", "nhs-number"), ("4010232137", "nhs-number")],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(find(text), *expected, "{text}");
    }
    let candidate = |start, end, kind| Candidate {
        start,
        end,
        what: What::Kind(kind),
        score: 60,
    };
    let mut candidates = vec![
        candidate(15, 40, Kind::Url),
        candidate(0, 10, Kind::Nino),
        candidate(5, 20, Kind::Email),
        candidate(40, 41, Kind::Upn),
    ];
    resolve(&mut candidates);
    assert_eq!(
        candidates,
        [candidate(0, 40, Kind::Url), candidate(40, 41, Kind::Upn)]
    );
    // The shorter one goes with the longer, as far as it reaches.
    let mut candidates = vec![candidate(0, 30, Kind::Url), candidate(25, 40, Kind::Nino)];
    resolve(&mut candidates);
    assert_eq!(candidates, [candidate(0, 40, Kind::Url)]);
}

#[test]
fn a_threshold_says_how_sure_to_be() {
    let text = "9434765919 at PO30 1UD, 7/3/1941";
    let words = |threshold| {
        let detectors = Detectors::new(Kinds::ALL, score(threshold), Vec::new());
        let mut scratch = Scratch::default();
        let found = detectors.find(text.as_bytes(), Kinds::NONE, None, &mut scratch);
        found.iter().map(|found| found.what).collect::<Vec<_>>()
    };
    let (nhs, postcode) = (What::Kind(Kind::NhsNumber), What::Kind(Kind::Postcode));
    assert_eq!(words(1.0), [nhs]);
    assert_eq!(words(0.6), [nhs, postcode]);
    assert_eq!(words(0.3), [nhs, postcode, What::Kind(Kind::DateOfBirth)]);
}

#[test]
fn what_is_known_of_the_text_counts_as_words_near_it() {
    let detectors = Detectors::new(Kinds::ALL, THRESHOLD, Vec::new());
    let mut scratch = Scratch::default();
    assert!(
        detectors
            .find(b"1941-03-07", Kinds::NONE, None, &mut scratch)
            .is_empty()
    );
    let about = about("dateOfBirth");
    assert_eq!(
        detectors
            .find(b"1941-03-07", about, None, &mut scratch)
            .len(),
        1
    );
}

/// How much was looked at more closely in `text`.
fn steps(text: &str) -> usize {
    let mut names = Names::default();
    names.add("Ann Bates");
    let mut scratch = Scratch::default();
    Detectors::new(Kinds::ALL, 30, Vec::new()).find(
        text.as_bytes(),
        Kinds::NONE,
        Some(&names),
        &mut scratch,
    );
    scratch.steps
}

#[test]
fn work_grows_with_the_text_and_no_faster_whatever_the_text_is() {
    for unit in [
        "a1",
        "1 ",
        "1-",
        "1.",
        "@",
        "a@",
        "a@b.",
        ".",
        ":",
        "::",
        "a:",
        "1:",
        "f::",
        "://",
        "http://",
        "www.",
        "1",
        "12 34 56 78 ",
        "GB82",
        "AB51 ABC ",
        "1/",
        "(1)",
        "Ann ",
        "a",
        "A ",
        "+44",
        "-",
        "a.b@c.d ",
        "0 ",
        "7/3/1941 ",
        "born ",
        "&#52;",
        "\\u0034",
        "４",
        "é1",
        "192.0.2.1.",
        "1a2b3c4d:",
    ] {
        let once = steps(&unit.repeat(4_000));
        let twice = steps(&unit.repeat(8_000));
        assert!(
            twice <= 2 * once + once / 50 + 500,
            "{unit}: {once}, then {twice}"
        );
        assert!(once <= 40 * 4_000 * unit.len() + 500, "{unit}: {once}");
    }
}

proptest::proptest! {
    #[test]
    fn p1_no_valid_number_survives_in_any_text(
        before in "[ -~é\u{a0}\u{200b}]{0,40}",
        between in "[ .\u{a0}\u{ad}-]",
        after in "[ -~é\u{a0}\u{200b}]{0,40}",
        serial in 0_u32..1_000_000_000,
    ) {
        let front = format!("{serial:09}");
        let number = (0..10).map(|check| format!("{front}{check}")).find(|number| {
            number.as_bytes().first_chunk().is_some_and(crate::identifier::check::nhs_number)
        });
        let Some(number) = number else { return Ok(()) };
        let spelt = format!("{}{between}{}{between}{}", &number[..3], &number[3..6], &number[6..]);
        // Beside other digits it is another number; beside quotation marks and the like it is not.
        let text = format!("{before}. {spelt} ; {after}");
        let mut json = Vec::new();
        crate::transform::push_quoted(&text, &mut json);
        let inside = &json[1..json.len() - 1];
        let mut scratch = Scratch::default();
        let detectors = Detectors::new(Kinds::ALL, THRESHOLD, Vec::new());
        let found = detectors.find(inside, Kinds::NONE, None, &mut scratch);
        let mut rest = String::new();
        let mut from = 0;
        for found in found {
            proptest::prop_assert!(from <= found.start && found.start < found.end);
            rest.push_str(std::str::from_utf8(&inside[from..found.start]).unwrap());
            from = found.end;
        }
        rest.push_str(std::str::from_utf8(&inside[from..]).unwrap());
        proptest::prop_assert!(!rest.contains(&spelt), "{text:?}");
    }

    #[test]
    fn p8_any_text_is_read_to_its_end(inside in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
        // Not JSON, not UTF-8: nothing panics, and every place is inside the text.
        let mut names = Names::default();
        names.add(&String::from_utf8_lossy(&inside));
        let mut scratch = Scratch::default();
        let detectors = Detectors::new(Kinds::ALL, 30, Vec::new());
        for found in detectors.find(&inside, Kinds::NONE, Some(&names), &mut scratch) {
            proptest::prop_assert!(found.start <= found.end && found.end <= inside.len());
        }
    }
}
