//! Council notes as case workers write them, with identifiers planted at known places. Everything is invented here, from
//! a seed; the numbers are made from their rules and mean nobody.

/// A generator of numbers that repeats itself for a seed (Steele, Lea, Flood: SplitMix64).
#[derive(Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).expect("it is less than a usize")
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }

    fn letters(&mut self, count: usize, of: &str) -> String {
        let of: Vec<char> = of.chars().collect();
        (0..count).map(|_| of[self.below(of.len())]).collect()
    }
}

/// An identifier by its kind's word: its groups as they are usually written apart.
pub(crate) fn identifier(kind: &str, draw: &mut Draw) -> Vec<String> {
    let split = |text: String, at: &[usize]| {
        let mut groups = Vec::new();
        let mut rest = text.as_str();
        for length in at {
            let (group, behind) = rest.split_at(*length);
            groups.push(group.to_owned());
            rest = behind;
        }
        groups.push(rest.to_owned());
        groups
    };
    loop {
        let groups = match kind {
            "nhs-number" => split(
                format!("{}{}", draw.one(&["4", "6", "7", "9"]), draw.digits(9)),
                &[3, 3],
            ),
            "hc-number" => split(format!("3{}", draw.digits(9)), &[3, 3]),
            "chi-number" => {
                let (day, month, year) = (1 + draw.below(28), 1 + draw.below(12), draw.below(100));
                split(
                    format!("{day:02}{month:02}{year:02}{}", draw.digits(4)),
                    &[6],
                )
            }
            "utr" => split(draw.digits(10), &[5]),
            "nino" => {
                // None of these two alphabets is a prefix that is not given out.
                let prefix = format!(
                    "{}{}",
                    draw.letters(1, "ACEHJLMPRSWXY"),
                    draw.letters(1, "ABCEHJLMPRSWXYZ")
                );
                split(
                    format!("{prefix}{}{}", draw.digits(6), draw.letters(1, "ABCD")),
                    &[2, 2, 2, 2],
                )
            }
            "upn" => split(
                format!("{}{}", draw.letters(1, UPN), draw.digits(12)),
                &[1, 3, 4],
            ),
            "uprn" => vec![format!("10{}", draw.digits(10))],
            "postcode" => {
                let area = draw.one(&["PO", "SO", "BH", "SW", "EH", "CF", "BT", "M", "L", "S"]);
                vec![
                    format!("{area}{}", 1 + draw.below(39)),
                    format!(
                        "{}{}",
                        draw.below(10),
                        draw.letters(2, "ABDEFGHJLNPQRSTUWXYZ")
                    ),
                ]
            }
            "driver-number" => {
                let surname = draw.one(&["MORGA", "FO999", "JONES", "BATES", "NEILL", "LI999"]);
                let month = 1 + draw.below(12) + if draw.below(2) == 0 { 50 } else { 0 };
                let (day, initials) = (1 + draw.below(28), draw.letters(2, "ABCDEFGJ"));
                let number = format!(
                    "{surname}{}{month:02}{day:02}{}{initials}9{}",
                    draw.below(10),
                    draw.below(10),
                    draw.letters(2, "ABCDEFGJ")
                );
                split(number, &[5, 6])
            }
            "passport" => split(draw.digits(9), &[3, 3]),
            "vehicle-registration" => vec![
                format!(
                    "{}{}",
                    draw.letters(2, "ABCDEFGHKLMNPRSV"),
                    51 + draw.below(24)
                ),
                draw.letters(3, "ABCDEFGHJKLMNPRSTUVWXYZ"),
            ],
            "sort-code-and-account" => split(
                format!("{}{}", 10 + draw.below(80), draw.digits(12)),
                &[2, 2, 2],
            ),
            "iban" => {
                let basic = format!("{}{}", draw.one(&["NWBK", "WEST", "LOYD"]), draw.digits(14));
                let check = 98 - modulo_97(&format!("{basic}GB00"));
                split(format!("GB{check:02}{basic}"), &[4, 4, 4, 4, 4])
            }
            "payment-card" => {
                let front = format!("4{}", draw.digits(14));
                let card = (0..10)
                    .map(|digit| format!("{front}{digit}"))
                    .find(|card| luhn(card));
                split(card.expect("one in ten passes"), &[4, 4, 4])
            }
            "phone" => split(
                format!(
                    "{}{}",
                    draw.one(&["01983", "07700", "01632"]),
                    draw.digits(6)
                ),
                &[5],
            ),
            "email" => vec![format!(
                "{}.{}{}@{}",
                draw.one(&["mary", "tom", "zoe", "j"]),
                draw.one(&["bates", "oneill", "li"]),
                draw.below(100),
                draw.one(&["example.org", "mail.example.com", "example.net"])
            )],
            "date-of-birth" => vec![
                format!("{:02}", 1 + draw.below(28)),
                format!("{:02}", 1 + draw.below(12)),
                format!("{}", 1930 + draw.below(90)),
            ],
            "ip-address" => vec![format!("192.0.2.{}", draw.below(256))],
            "url" => vec![format!(
                "https://cases.example/people/{}?tab=notes",
                100_000 + draw.below(900_000)
            )],
            _ => panic!("{kind} is not made here"),
        };
        if is_valid(kind, &groups.concat()) {
            return groups;
        }
    }
}

const UPN: &str = "ABCDEFGHJKLMNPQRTUVWXYZ";

/// Whether an identifier passes its check, reckoned apart from the code that is tested.
pub(crate) fn is_valid(kind: &str, compact: &str) -> bool {
    let digits: Vec<usize> = compact
        .bytes()
        .map(|byte| usize::from(byte.wrapping_sub(b'0')))
        .collect();
    let repeated = compact.bytes().all(|byte| byte == compact.as_bytes()[0]);
    let modulus_11 = || {
        digits.len() == 10
            && !repeated
            && digits
                .iter()
                .zip((1..=10).rev())
                .map(|(digit, weight)| digit * weight)
                .sum::<usize>()
                % 11
                == 0
    };
    match kind {
        "nhs-number" | "hc-number" => modulus_11(),
        "chi-number" => {
            modulus_11()
                && (1..=31).contains(&(digits[0] * 10 + digits[1]))
                && (1..=12).contains(&(digits[2] * 10 + digits[3]))
        }
        "utr" => {
            let weights = [6, 7, 8, 9, 10, 5, 4, 3, 2];
            let sum: usize = digits[1..]
                .iter()
                .zip(weights)
                .map(|(digit, weight)| digit * weight)
                .sum();
            digits.len() == 10 && !repeated && b"21987654321"[sum % 11] == compact.as_bytes()[0]
        }
        "upn" => {
            let sum: usize = digits[1..]
                .iter()
                .zip(2..)
                .map(|(digit, weight)| digit * weight)
                .sum();
            digits.len() == 13 && UPN.as_bytes()[sum % 23] == compact.as_bytes()[0]
        }
        "payment-card" => luhn(compact) && compact.len() == 16,
        "iban" => modulo_97(&format!("{}{}", &compact[4..], &compact[..4])) == 1,
        "passport" | "sort-code-and-account" => !repeated,
        _ => true,
    }
}

/// Kinds whose check tells one wrong digit.
pub(crate) fn is_checked(kind: &str) -> bool {
    matches!(
        kind,
        "nhs-number" | "hc-number" | "chi-number" | "utr" | "upn" | "payment-card" | "iban"
    )
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit @ 0..5) => digit * 2,
                (_, digit) => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn modulo_97(text: &str) -> u32 {
    text.bytes().fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

/// A sentence of a note in which nobody is identified.
pub(crate) fn sentence(draw: &mut Draw) -> String {
    let (hour, minute) = (8 + draw.below(10), draw.below(6) * 10);
    let (day, month) = (1 + draw.below(28), 1 + draw.below(12));
    match draw.below(24) {
        0 => format!("Visited on {day:02}/{month:02}/2026 at {hour}:{minute:02} with the duty worker."),
        1 => format!("Package of care agreed at {} hours a week, reviewed after {} weeks.", 2 + draw.below(28), 4 + draw.below(9)),
        2 => format!("Rent arrears stand at £{}.{:02}; a plan of £{} a month was offered.", 100 + draw.below(4000), draw.below(100), 10 + draw.below(60)),
        3 => format!("Falls risk score {} out of 20, walks with one stick, {} steps to the door.", draw.below(20), 2 + draw.below(14)),
        4 => format!("Lives on the {} floor, flat {}, with two cats.", draw.one(&["1st", "2nd", "3rd", "4th"]), 1 + draw.below(40)),
        5 => format!("Referred under section {} of the Care Act {}, see paragraph {}.{}.", 9 + draw.below(40), 2014, 1 + draw.below(9), draw.below(9)),
        6 => format!("Medication {} mg twice daily, {} tablets left in the box.", 5 * (1 + draw.below(40)), draw.below(56)),
        7 => format!("Meeting in room B{} of County Hall from {hour}.{minute:02} to {}.00.", 1 + draw.below(30), hour + 1),
        8 => format!("Version {}.{}.{} of the form was used and scanned as {} pages.", 1 + draw.below(4), draw.below(10), draw.below(10), 2 + draw.below(20)),
        9 => format!("Weight {}.{} kg, blood pressure {}/{}, temperature 36.{}.", 45 + draw.below(60), draw.below(10), 100 + draw.below(60), 60 + draw.below(30), draw.below(10)),
        10 => format!("The boiler (model HX{} {}) was serviced in {}.", draw.below(90) + 10, draw.below(900) + 100, 2015 + draw.below(11)),
        11 => "She said that her daughter comes on most days and does the shopping; the son lives away and has not been seen since the spring.".to_owned(),
        12 => "No change since the last visit. The house was warm and tidy, food in the cupboard, post unopened on the table.".to_owned(),
        13 => "Discussed direct payments, explained that they would need to keep receipts, and left the leaflet with them to think about.".to_owned(),
        14 => "He is worried about managing the stairs and asked whether a rail could be fitted before the winter comes.".to_owned(),
        15 => "Consent was given to share the assessment with the occupational therapist but not with the landlord.".to_owned(),
        16 => "The neighbour raised a concern about noise late at night; advised to keep a diary and to ring the out-of-hours team if it gets worse.".to_owned(),
        17 => "School attendance has improved since the breakfast club began, and the class teacher is pleased with the progress made in reading.".to_owned(),
        18 => "Transport to the day centre was late again; I have asked the depot for an explanation and for a named driver on that route.".to_owned(),
        19 => "They would like to be considered for a ground-floor property closer to family when one becomes available.".to_owned(),
        20 => "Capacity was not in doubt at the time of the conversation: able to understand, retain, weigh and communicate the decision.".to_owned(),
        21 => "The carer is tired and has little time for herself, and would welcome a break; a carer's assessment was offered and accepted.".to_owned(),
        22 => "Plan: speak to the GP about the new tablets, order a pendant alarm, and review at the next team meeting.".to_owned(),
        _ => "There was a strong smell of damp in the back bedroom and the window does not close; a repair has been reported to the landlord.".to_owned(),
    }
}

/// Words that come before an identifier where somebody writes what it is, and where nobody does.
pub(crate) fn lead_in(kind: &str, says: bool, draw: &mut Draw) -> String {
    let cue = match kind {
        "nhs-number" => draw.one(&["NHS number", "NHS No", "nhs"]),
        "hc-number" => draw.one(&["H&C number", "HCN"]),
        "chi-number" => draw.one(&["CHI number", "CHI"]),
        "utr" => draw.one(&["UTR", "tax reference"]),
        "nino" => draw.one(&["NI number", "National Insurance no", "NINO"]),
        "upn" => draw.one(&["UPN", "pupil number"]),
        "uprn" => draw.one(&["UPRN", "property UPRN is"]),
        "postcode" => draw.one(&["postcode", "lives at"]),
        "driver-number" => draw.one(&["driving licence", "driver number"]),
        "passport" => draw.one(&["passport", "passport no"]),
        "vehicle-registration" => draw.one(&["car reg", "vehicle"]),
        "sort-code-and-account" => draw.one(&["bank account", "sort code and account"]),
        "iban" => draw.one(&["IBAN", "bank details"]),
        "payment-card" => draw.one(&["debit card", "card number"]),
        "phone" => draw.one(&["tel", "rang on", "mobile"]),
        "email" => draw.one(&["email", "e-mail to"]),
        "date-of-birth" => draw.one(&["DOB", "born", "date of birth"]),
        "ip-address" => draw.one(&["IP address", "host"]),
        _ => "link",
    };
    if says {
        format!("Their {cue}: ")
    } else {
        draw.one(&["Given on the form as ", "We hold ", "Quoted ", "On file: "])
            .to_owned()
    }
}
